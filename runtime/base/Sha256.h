//===- Sha256.h - A digest that names what it was made of -------*- C++ -*-===//
#ifndef PFC_RUNTIME_BASE_SHA256_H
#define PFC_RUNTIME_BASE_SHA256_H

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace pfc::rt {

/// FIPS 180-4.
std::array<uint8_t, 32> sha256(std::string_view bytes);

/// The digest in 64 hexadecimal digits.
std::string sha256Hex(std::string_view bytes);

} // namespace pfc::rt

#endif // PFC_RUNTIME_BASE_SHA256_H
