//===- Sha256.h - A digest that names what it was made of -------*- C++ -*-===//
#ifndef PFC_RUNTIME_BASE_SHA256_H
#define PFC_RUNTIME_BASE_SHA256_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st; // libcrypto's EVP_MD_CTX

namespace pfc::rt {

using Sha256Digest = std::array<uint8_t, 32>;

/// FIPS 180-4, of bytes that come in pieces.
class Sha256 {
public:
  Sha256();
  void update(const void *data, size_t size);
  /// Of all that came so far; nothing may come after it.
  Sha256Digest digest();

private:
  struct Free {
    void operator()(evp_md_ctx_st *context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context;
};

Sha256Digest sha256(std::string_view bytes);

/// A digest as 64 hexadecimal digits.
std::string hexText(const Sha256Digest &digest);

/// The digest in 64 hexadecimal digits.
std::string sha256Hex(std::string_view bytes);

} // namespace pfc::rt

#endif // PFC_RUNTIME_BASE_SHA256_H
