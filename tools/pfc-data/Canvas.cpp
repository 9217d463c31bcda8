#include "tools/pfc-data/Canvas.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <fstream>

namespace pfc::tools {

using namespace rt::data;

Canvas::Canvas(ImageShape tile, int rows, int columns)
    : cellHeight(tile.height + 2 * margin), cellWidth(tile.width + 2 * margin),
      width(columns * cellWidth),
      pixels(size_t(rows) * cellHeight * width * 3, background[0]) {}

void Canvas::fill(int top, int left, int bottom, int right, Colour colour) {
  for (int y = top; y < bottom; ++y)
    for (int x = left; x < right; ++x)
      std::copy(colour.begin(), colour.end(), pixel(y, x));
}

void Canvas::put(int row, int column, const Image &image, Colour frame) {
  int top = row * cellHeight, left = column * cellWidth;
  fill(top, left, top + cellHeight, left + cellWidth, frame);
  int height = std::min(image.shape.height, cellHeight - 2 * margin);
  int columns = std::min(image.shape.width, cellWidth - 2 * margin);
  int channels = image.shape.channels;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < columns; ++x) {
      const uint8_t *in =
          &image.pixels[(size_t(y) * image.shape.width + x) * channels];
      uint8_t *out = pixel(top + margin + y, left + margin + x);
      for (int c = 0; c < 3; ++c)
        out[c] = in[channels == 3 ? c : 0];
    }
  usedRows = std::max(usedRows, row + 1);
  usedColumns = std::max(usedColumns, column + 1);
}

void Canvas::save(const std::string &path) const {
  ImageShape shape{usedRows * cellHeight, usedColumns * cellWidth, 3};
  std::vector<uint8_t> used;
  used.reserve(shape.bytes());
  for (int y = 0; y < shape.height; ++y) {
    const uint8_t *row = &pixels[size_t(y) * width * 3];
    used.insert(used.end(), row, row + size_t(shape.width) * 3);
  }
  std::vector<uint8_t> png = encodePng(used, shape);
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char *>(png.data()),
            static_cast<std::streamsize>(png.size()));
  out.close();
  rt::require(out.good(), "{}: cannot write", path);
}

} // namespace pfc::tools
