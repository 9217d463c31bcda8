//===- PairSets.h - The four verification sets ------------------*- C++ -*-===//
//
//   g_seen    unseen characters, training designs
//   g_unseen  unseen characters, held-out designs
//   g_style   a print or serif design against a brush, hand, display or bitmap
//             one; held-out designs where a character has both kinds there
//   g_hard    as g_unseen, a negative being one of the five characters that
//             look most alike
//
// The two images of a pair are always of two different designs, so that no
// pair can be solved by an identical outline. 10 folds one after another, each
// half positive pairs and half negative ones.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DATA_GLYPHS_PAIRSETS_H
#define PFC_RUNTIME_DATA_GLYPHS_PAIRSETS_H

#include "runtime/data/ImageCodec.h"
#include "runtime/data/glyphs/Identity.h"

namespace pfc::rt::data::glyphs {

struct PairSetOptions {
  std::string folder;
  int pairs;
  uint64_t seed;
  ImageShape shape;
  int jpegQuality;
  int threads;
};

/// Writes the sets and returns their paths. g_style is left out when no
/// identity can be drawn in both kinds of style.
std::vector<std::string> writePairSets(const Typefaces &typefaces,
                                       const std::vector<Identity> &identities,
                                       const PairSetOptions &options);

} // namespace pfc::rt::data::glyphs

#endif // PFC_RUNTIME_DATA_GLYPHS_PAIRSETS_H
