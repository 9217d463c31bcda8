//===- Typefaces.h - Which face draws which character -----------*- C++ -*-===//
#ifndef PFC_RUNTIME_DATA_GLYPHS_TYPEFACES_H
#define PFC_RUNTIME_DATA_GLYPHS_TYPEFACES_H

#include "runtime/data/glyphs/Designs.h"

#include <cstdint>
#include <span>
#include <vector>

namespace pfc::rt::data::glyphs {

/// The character maps of all installed faces over a list of characters.
/// Characters are named by their position in that list, designs and faces by
/// theirs in designs() and faces(). Immutable but for drop(); shared by all
/// rendering threads.
class Typefaces {
public:
  struct FaceOfDesign {
    Face face;
    int design;
  };

  Typefaces(std::vector<Design> designs, std::vector<char32_t> characters);

  const std::vector<Design> &designs() const { return allDesigns; }
  const std::vector<FaceOfDesign> &faces() const { return allFaces; }
  const std::vector<char32_t> &characters() const { return allCharacters; }

  /// The glyph of a character in a face; 0 when the face lacks it.
  uint32_t glyph(int face, int character) const {
    return glyphs[face][character];
  }

  /// Forgets a glyph that turned out to be blank.
  void drop(int face, int character) { glyphs[face][character] = 0; }

  /// The faces of `design` that draw every one of `characters`.
  std::vector<int> facesFor(int design, std::span<const int> characters) const;

  /// The designs on `split`'s side that draw every one of `characters`.
  std::vector<int> designsFor(Split split,
                              std::span<const int> characters) const;

private:
  std::vector<Design> allDesigns;
  std::vector<FaceOfDesign> allFaces;
  std::vector<char32_t> allCharacters;
  std::vector<std::vector<uint32_t>> glyphs; ///< [face][character]
  std::vector<std::vector<int>> facesOfDesign;
};

} // namespace pfc::rt::data::glyphs

#endif // PFC_RUNTIME_DATA_GLYPHS_TYPEFACES_H
