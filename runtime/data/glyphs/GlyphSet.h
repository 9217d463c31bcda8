//===- GlyphSet.h - A real open-set data set from typefaces -----*- C++ -*-===//
//
// An identity is a Han character or a Hangul syllable; its images are drawings
// of it in different designs. Neither identities nor designs are shared
// between training and verification. docs/data.md has the protocol.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DATA_GLYPHS_GLYPHSET_H
#define PFC_RUNTIME_DATA_GLYPHS_GLYPHSET_H

#include "runtime/data/ImageCodec.h"
#include "runtime/data/glyphs/Designs.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace pfc::rt::data::glyphs {

struct GlyphSetOptions {
  std::string folder;
  unsigned scripts = Hangul;
  /// 0 takes every identity there is (not with words).
  int64_t identities = 0;
  /// Two-character words instead of characters: for a million and more.
  bool words = false;
  ImageShape shape{112, 112, 3};
  /// Names of the designs to use; empty takes all that are installed.
  std::vector<std::string> designs;
  /// Designs drawn for each identity, a random choice; 0 takes all.
  int designsPerIdentity = 0;
  /// Differently disturbed drawings in each design.
  int imagesPerDesign = 1;
  /// Identities that fewer designs can draw are left out.
  int minDesigns = 2;
  /// Pairs in each verification set, a multiple of 20; 0 writes none.
  int pairs = 6000;
  /// Verification characters, at most.
  int testIdentities = 1200;
  /// Whether these are laid out as IJB and MegaFace are, too (Benchmarks.h).
  bool benchmarks = false;
  uint64_t seed = 1;
  int jpegQuality = 90;
  int threads = 1;
  /// Called now and then with what has been written.
  std::function<void(int64_t identities, int64_t images)> progress;
};

struct GlyphSetSummary {
  std::vector<std::string> trainDesigns, heldDesigns;
  int64_t identities = 0, images = 0;
  uint64_t bytes = 0; ///< of train.rec
  double seconds = 0; ///< spent on train.rec
  int64_t blank = 0;  ///< identities left out while drawing
  int64_t testIdentities = 0;
  std::vector<std::string> pairSets; ///< the .bin files written
  int64_t ijbPictures = 0, megaFacePictures = 0;
};

/// Writes train.rec, train.idx, property, identities.tsv (label, text, images),
/// the verification sets g_seen, g_unseen, g_style, g_hard (.bin), and the
/// folders ijb and megaface.
GlyphSetSummary makeGlyphSet(const GlyphSetOptions &options);

} // namespace pfc::rt::data::glyphs

#endif // PFC_RUNTIME_DATA_GLYPHS_GLYPHSET_H
