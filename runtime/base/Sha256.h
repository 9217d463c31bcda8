//===- Sha256.h - A digest that names what it was made of -------*- C++ -*-===//
#ifndef PFC_RUNTIME_BASE_SHA256_H
#define PFC_RUNTIME_BASE_SHA256_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pfc::rt {

using Sha256Digest = std::array<uint8_t, 32>;

/// FIPS 180-4, of bytes that come in pieces.
class Sha256 {
public:
  void update(const void *data, size_t size);
  /// Of all that came so far; nothing may come after it.
  Sha256Digest digest();

private:
  using State = std::array<uint32_t, 8>;

  State state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<uint8_t, 64> block; ///< the last bytes, no whole block yet
  size_t filled = 0;
  uint64_t total = 0;
};

Sha256Digest sha256(std::string_view bytes);

/// A digest as 64 hexadecimal digits.
std::string hexText(const Sha256Digest &digest);

/// The digest in 64 hexadecimal digits.
std::string sha256Hex(std::string_view bytes);

} // namespace pfc::rt

#endif // PFC_RUNTIME_BASE_SHA256_H
