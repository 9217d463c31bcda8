#include "runtime/data/glyphs/Typefaces.h"

#include "runtime/data/glyphs/Characters.h"
#include "runtime/data/glyphs/FreeType.h"

#include <algorithm>
#include <unordered_map>

namespace pfc::rt::data::glyphs {

namespace {

/// The face's glyph for each character. A glyph that three or more characters
/// share stands for "missing", it is no drawing of any of them.
std::vector<uint32_t>
readCharacterMap(FT_Face face, unsigned scripts,
                 const std::vector<char32_t> &characters) {
  std::vector<uint32_t> glyphs(characters.size());
  std::unordered_map<uint32_t, int> uses;
  for (size_t i = 0; i < characters.size(); ++i) {
    if (!(scripts & (isHangul(characters[i]) ? Hangul : Han)))
      continue;
    glyphs[i] = FT_Get_Char_Index(face, characters[i]);
    ++uses[glyphs[i]];
  }
  for (uint32_t &glyph : glyphs)
    if (uses[glyph] >= 3)
      glyph = 0;
  return glyphs;
}

} // namespace

Typefaces::Typefaces(std::vector<Design> designs,
                     std::vector<char32_t> characters)
    : allDesigns(std::move(designs)), allCharacters(std::move(characters)),
      facesOfDesign(allDesigns.size()) {
  FreeType library;
  for (size_t design = 0; design < allDesigns.size(); ++design)
    for (const Face &face : allDesigns[design].faces) {
      FaceHandle handle = openFace(library, face);
      facesOfDesign[design].push_back(static_cast<int>(allFaces.size()));
      allFaces.push_back({face, static_cast<int>(design)});
      glyphs.push_back(
          readCharacterMap(handle.get(), face.scripts, allCharacters));
    }
}

std::vector<int> Typefaces::facesFor(int design,
                                     std::span<const int> characters) const {
  std::vector<int> result;
  for (int face : facesOfDesign[design])
    if (std::all_of(characters.begin(), characters.end(),
                    [&](int c) { return glyph(face, c) != 0; }))
      result.push_back(face);
  return result;
}

std::vector<int> Typefaces::designsFor(Split split,
                                       std::span<const int> characters) const {
  std::vector<int> result;
  for (size_t design = 0; design < allDesigns.size(); ++design) {
    // A named extreme design trains; it never verifies.
    bool trains = allDesigns[design].split != Split::Held;
    if (trains == (split == Split::Train) &&
        !facesFor(static_cast<int>(design), characters).empty())
      result.push_back(static_cast<int>(design));
  }
  return result;
}

} // namespace pfc::rt::data::glyphs
