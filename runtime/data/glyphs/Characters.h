//===- Characters.h - Code points as identities -----------------*- C++ -*-===//
#ifndef PFC_RUNTIME_DATA_GLYPHS_CHARACTERS_H
#define PFC_RUNTIME_DATA_GLYPHS_CHARACTERS_H

#include <cstdint>
#include <string>
#include <vector>

namespace pfc::rt::data::glyphs {

/// splitmix64's mixing function (Steele, Lea, Flood, OOPSLA 2014).
uint64_t splitmix64(uint64_t x);

/// The open-set split: a tenth of all characters, chosen by a fixed hash of
/// the code point, is for verification only. So any two sets, of any size,
/// agree about which characters no training run may see.
inline bool isTestCharacter(char32_t c) { return splitmix64(c) % 10 == 0; }

/// Whether `c` is a Hangul syllable (U+AC00..U+D7A3).
inline bool isHangul(char32_t c) { return c >= 0xAC00 && c <= 0xD7A3; }

/// All identities of the scripts in code point order: Han of the unified
/// blocks (compatibility ideographs are twins of unified ones) and the Hangul
/// syllables, without the second of each confusable pair.
std::vector<char32_t> identityCharacters(unsigned scripts);

std::string utf8(char32_t c);

} // namespace pfc::rt::data::glyphs

#endif // PFC_RUNTIME_DATA_GLYPHS_CHARACTERS_H
