//===- HardNegatives.h - Who looks like whom --------------------*- C++ -*-===//
#ifndef PFC_RUNTIME_DATA_GLYPHS_HARDNEGATIVES_H
#define PFC_RUNTIME_DATA_GLYPHS_HARDNEGATIVES_H

#include "runtime/data/glyphs/Identity.h"

namespace pfc::rt::data::glyphs {

/// For each identity the (up to) `count` others that look most like it: the
/// correlation of 16x16 averages of undisturbed drawings, over up to three
/// held-out print and serif designs. [identity][rank], nearest first.
std::vector<std::vector<int>>
nearestLookalikes(const Typefaces &typefaces,
                  const std::vector<Identity> &identities, int count,
                  int threads);

} // namespace pfc::rt::data::glyphs

#endif // PFC_RUNTIME_DATA_GLYPHS_HARDNEGATIVES_H
