//===- Renderer.h - A character as a photograph of print --------*- C++ -*-===//
//
// Draws a glyph's outline, unhinted, fitted to the box, and disturbs it as a
// camera would (the ranges are those of the set's protocol, docs/data.md):
//
//   rotation ±8°, scale 0.86..1, shear ±0.12, shift ±5 % of the box,
//   weight ±1 pixel at 112 pixels, blur, paper and ink level, noise σ = 8
//
// The affine part is applied to the outline, so nothing is resampled.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DATA_GLYPHS_RENDERER_H
#define PFC_RUNTIME_DATA_GLYPHS_RENDERER_H

#include "runtime/data/ImageCodec.h"
#include "runtime/data/glyphs/FreeType.h"
#include "runtime/data/glyphs/Random.h"
#include "runtime/data/glyphs/Typefaces.h"

namespace pfc::rt::data::glyphs {

/// What to draw: one character, or two side by side, in one face.
struct GlyphText {
  int face;
  std::vector<int> characters; ///< positions in Typefaces::characters()
};

/// Draws for one thread; opens faces as it meets them.
class Renderer {
public:
  /// `shape` is square.
  Renderer(const Typefaces &typefaces, ImageShape shape);

  /// A disturbed drawing, [size, size, channels]; empty when the glyph is
  /// blank. Valid until the next call.
  std::span<const uint8_t> draw(const GlyphText &text, Random random);

  /// Ink coverage (0..255) of the undisturbed drawing, [size, size]; empty
  /// when the glyph is blank. Valid until the next call.
  std::span<const uint8_t> plain(const GlyphText &text);

private:
  struct Look;
  static Look drawLook(Random &random, ImageShape shape);
  bool rasterize(const GlyphText &text, const Look &look);
  bool rasterizeCell(const GlyphText &text, size_t cell, const Look &look);
  double ink() const;
  void blur(int weight);
  void develop(const Look &look, Random &random);
  FT_Face face(int index);

  const Typefaces &typefaces;
  ImageShape shape;
  FreeType library;
  std::vector<FaceHandle> faces;
  std::vector<uint8_t> coverage, swap; ///< [size, size]
  std::vector<uint8_t> pixels;         ///< [size, size, channels]
};

} // namespace pfc::rt::data::glyphs

#endif // PFC_RUNTIME_DATA_GLYPHS_RENDERER_H
