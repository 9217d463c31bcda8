//===- Canvas.h - A grid of tiles -------------------------------*- C++ -*-===//
#ifndef PFC_TOOLS_PFCDATA_CANVAS_H
#define PFC_TOOLS_PFCDATA_CANVAS_H

#include "runtime/data/ImageCodec.h"

#include <array>

namespace pfc::tools {

using Colour = std::array<uint8_t, 3>;

/// An RGB picture of rows x columns tiles with a margin around each.
class Canvas {
public:
  Canvas(rt::data::ImageShape tile, int rows, int columns);

  /// Places an image (grey or RGB); what is larger than a tile is cut off.
  /// The margin around it takes the colour `frame`.
  void put(int row, int column, const rt::data::Image &image,
           Colour frame = background);

  /// Writes the part that has tiles as a PNG.
  void save(const std::string &path) const;

private:
  static constexpr int margin = 2;
  static constexpr Colour background{255, 255, 255};

  uint8_t *pixel(int y, int x) { return &pixels[(size_t(y) * width + x) * 3]; }
  void fill(int top, int left, int bottom, int right, Colour colour);

  int cellHeight, cellWidth; ///< tile and margin
  int width;                 ///< of the whole canvas
  int usedRows = 0, usedColumns = 0;
  std::vector<uint8_t> pixels;
};

} // namespace pfc::tools

#endif // PFC_TOOLS_PFCDATA_CANVAS_H
