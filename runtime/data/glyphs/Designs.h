//===- Designs.h - Typefaces, grouped by who drew them ----------*- C++ -*-===//
//
// A design is what sees an identity "in another light": one drawing of the
// script. Weights and regional twins are faces of one design, and a design is
// on one side of the split.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DATA_GLYPHS_DESIGNS_H
#define PFC_RUNTIME_DATA_GLYPHS_DESIGNS_H

#include <string>
#include <vector>

namespace pfc::rt::data::glyphs {

/// A set of scripts, as flags.
enum Script : unsigned { Han = 1, Hangul = 2, HanAndHangul = 3 };

enum class Split { Train, Held, Extreme };

/// A font file's face.
struct Face {
  std::string path; ///< absolute
  int index;        ///< within a .ttc collection
  std::string package;
  unsigned scripts;
};

struct Design {
  std::string name;
  std::string style; ///< print serif kai fangsong bitmap hand brush display
  Split split;
  std::vector<Face> faces;

  /// Print-like styles, and the ones that a cross-style pair sets against them.
  bool isFormal() const { return style == "print" || style == "serif"; }
  bool isInformal() const {
    return style == "bitmap" || style == "hand" || style == "brush" ||
           style == "display";
  }
};

/// Every design of the table with its faces for `scripts`.
std::vector<Design> knownDesigns(unsigned scripts);

/// Those whose font files are on this machine. `only`, when not empty, names
/// the designs to keep (extreme ones are kept only when named). Throws an
/// Error that lists the packages to install when either side of the split has
/// fewer than two.
std::vector<Design> installedDesigns(unsigned scripts,
                                     const std::vector<std::string> &only);

} // namespace pfc::rt::data::glyphs

#endif // PFC_RUNTIME_DATA_GLYPHS_DESIGNS_H
