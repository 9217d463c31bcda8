//===- Crc32c.h - Castagnoli's checksum -------------------------*- C++ -*-===//
//
// CRC-32C (RFC 3720, B.4), of which zlib has another polynomial's. A byte at a
// time: for small records.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_BASE_CRC32C_H
#define PFC_RUNTIME_BASE_CRC32C_H

#include <array>
#include <cstdint>
#include <string_view>

namespace pfc::rt {

inline constexpr std::array<uint32_t, 256> crc32cTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t rest = byte;
    for (int bit = 0; bit < 8; ++bit)
      rest = rest >> 1 ^ (rest & 1 ? 0x82F63B78u : 0);
    table[byte] = rest;
  }
  return table;
}();

constexpr uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = ~uint32_t{0};
  for (char byte : bytes)
    crc = crc >> 8 ^ crc32cTable[(crc ^ static_cast<uint8_t>(byte)) & 0xFF];
  return ~crc;
}

} // namespace pfc::rt

#endif // PFC_RUNTIME_BASE_CRC32C_H
