//===- Identity.h - One character, or a word of two -------------*- C++ -*-===//
#ifndef PFC_RUNTIME_DATA_GLYPHS_IDENTITY_H
#define PFC_RUNTIME_DATA_GLYPHS_IDENTITY_H

#include "runtime/data/glyphs/Characters.h"
#include "runtime/data/glyphs/Typefaces.h"

namespace pfc::rt::data::glyphs {

/// Positions in Typefaces::characters(), drawn from left to right.
using Identity = std::vector<int>;

/// A number that names the identity in random streams, whatever set it is in.
inline uint32_t identityNumber(const Typefaces &typefaces,
                               const Identity &identity) {
  uint64_t number = 0;
  for (int c : identity)
    number = number << 32 | typefaces.characters()[c];
  return identity.size() == 1 ? static_cast<uint32_t>(number)
                              : static_cast<uint32_t>(splitmix64(number));
}

inline std::string identityText(const Typefaces &typefaces,
                                const Identity &identity) {
  std::string text;
  for (int c : identity)
    text += utf8(typefaces.characters()[c]);
  return text;
}

} // namespace pfc::rt::data::glyphs

#endif // PFC_RUNTIME_DATA_GLYPHS_IDENTITY_H
