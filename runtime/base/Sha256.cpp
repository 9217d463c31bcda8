//===- Sha256.cpp - libcrypto's, which uses the processor's SHA instructions
//-=//
#include "runtime/base/Sha256.h"

#include "runtime/base/Error.h"

#include <openssl/evp.h>

namespace pfc::rt {

void Sha256::Free::operator()(evp_md_ctx_st *context) const {
  EVP_MD_CTX_free(context);
}

Sha256::Sha256() : context(EVP_MD_CTX_new()) {
  require(context && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr),
          "libcrypto has no SHA-256");
}

void Sha256::update(const void *data, size_t size) {
  require(EVP_DigestUpdate(context.get(), data, size), "SHA-256 has failed");
}

Sha256Digest Sha256::digest() {
  Sha256Digest digest{};
  require(EVP_DigestFinal_ex(context.get(), digest.data(), nullptr),
          "SHA-256 has failed");
  return digest;
}

Sha256Digest sha256(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes.data(), bytes.size());
  return hash.digest();
}

std::string hexText(const Sha256Digest &digest) {
  std::string text;
  for (uint8_t byte : digest)
    text += fmt::format("{:02x}", byte);
  return text;
}

std::string sha256Hex(std::string_view bytes) { return hexText(sha256(bytes)); }

} // namespace pfc::rt
