//===- Studio.h - Pictures of verification identities -----------*- C++ -*-===//
#ifndef PFC_RUNTIME_DATA_GLYPHS_STUDIO_H
#define PFC_RUNTIME_DATA_GLYPHS_STUDIO_H

#include "runtime/data/glyphs/Identity.h"
#include "runtime/data/glyphs/Renderer.h"

#include <memory>
#include <vector>

namespace pfc::rt::data::glyphs {

/// What a picture shows: an identity, by its place in a list, in a design.
struct Shot {
  int identity, design;
};

/// Draws shots on several threads.
class Studio {
public:
  Studio(const Typefaces &typefaces, const std::vector<Identity> &identities,
         ImageShape shape, uint64_t seed, int threads);

  /// The pixels of shot `number` of set `set`, whose disturbance is its own,
  /// even of the same drawing. Valid until the thread's next call.
  std::span<const uint8_t> take(int thread, const Shot &shot, uint32_t set,
                                int64_t number);

private:
  const Typefaces &typefaces;
  const std::vector<Identity> &identities;
  uint64_t seed;
  std::vector<std::unique_ptr<Renderer>> renderers; ///< [thread]
};

} // namespace pfc::rt::data::glyphs

#endif // PFC_RUNTIME_DATA_GLYPHS_STUDIO_H
