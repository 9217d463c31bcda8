//===- Benchmarks.h - Unseen identities, as IJB and MegaFace are -*- C++ -*-==//
//
// Verification identities in held-out designs, in the layouts of the field's
// two larger benchmarks (runtime/eval/IjbSet.h, MegaFaceSet.h).
//
// FOLDER/ijb, target GLYPH: an identity's designs are dealt into two templates,
// one in a gallery, the other a probe; a design is a medium of two frames. The
// pictures lie turned, scaled and shifted on a sheet of paper, and five
// landmarks, where ArcFace's crop has them, say how. Every gallery template is
// compared with up to 2000 probes.
//
// FOLDER/megaface: up to 80 persons, at most a quarter of the identities, two
// pictures in each design; the pictures of all others are distractors. Of every
// tenth person one picture shows somebody else, and one is among the
// distractors; both are listed as noise.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DATA_GLYPHS_BENCHMARKS_H
#define PFC_RUNTIME_DATA_GLYPHS_BENCHMARKS_H

#include "runtime/data/ImageCodec.h"
#include "runtime/data/glyphs/Identity.h"

namespace pfc::rt::data::glyphs {

struct BenchmarkOptions {
  std::string folder;
  uint64_t seed;
  ImageShape shape; ///< of the crops
  int jpegQuality;
  int threads;
};

/// Each identity must have two held-out designs. Return the number of pictures.
int64_t writeIjb(const Typefaces &typefaces,
                 const std::vector<Identity> &identities,
                 const BenchmarkOptions &options);
int64_t writeMegaFace(const Typefaces &typefaces,
                      const std::vector<Identity> &identities,
                      const BenchmarkOptions &options);

} // namespace pfc::rt::data::glyphs

#endif // PFC_RUNTIME_DATA_GLYPHS_BENCHMARKS_H
