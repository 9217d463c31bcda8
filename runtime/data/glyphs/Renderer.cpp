#include "runtime/data/glyphs/Renderer.h"

#include "runtime/data/glyphs/Noise.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include FT_BBOX_H
#include FT_OUTLINE_H

namespace pfc::rt::data::glyphs {

namespace {

constexpr double fill = 0.84;     // largest share of the box a glyph takes
constexpr double cellFill = 0.92; // the same within half a box (words)
constexpr double minInk = 8;      // pixels, at 112: less is a blank

} // namespace

/// One image's disturbance; lengths in pixels.
struct Renderer::Look {
  double xx = 1, xy = 0, yx = 0, yy = 1; ///< scale, rotation, shear
  double dx = 0, dy = 0;
  double weight = 0; ///< added stroke width
  int blur = 0;      ///< of 256, to each neighbour
  int paper[3] = {}, ink[3] = {};
};

Renderer::Renderer(const Typefaces &typefaces, ImageShape shape)
    : typefaces(typefaces), shape(shape), faces(typefaces.faces().size()),
      coverage(size_t(shape.height) * shape.width), swap(coverage.size()),
      pixels(shape.bytes()) {
  require(shape.height == shape.width, "glyphs are drawn in square boxes");
}

Renderer::Look Renderer::drawLook(Random &random, ImageShape shape) {
  double angle = random.range(-8, 8) * std::numbers::pi / 180;
  double scale = random.range(0.86, 1.0);
  double shear = random.range(-0.12, 0.12);
  Look look;
  // Rotation * [1 shear; 0 1] * scale.
  look.xx = scale * std::cos(angle);
  look.yx = scale * std::sin(angle);
  look.xy = scale * (shear * std::cos(angle) - std::sin(angle));
  look.yy = scale * (shear * std::sin(angle) + std::cos(angle));
  look.dx = random.range(-0.05, 0.05) * shape.width;
  look.dy = random.range(-0.05, 0.05) * shape.height;
  look.weight = random.range(-1, 1) * shape.width / 112.0;
  look.blur = static_cast<int>(random.range(0, 72));
  double paper = random.range(170, 250), ink = random.range(5, 90);
  for (int c = 0; c < shape.channels; ++c) {
    double tint = shape.channels == 1 ? 0 : 14;
    look.paper[c] = static_cast<int>(paper + random.range(-tint, tint));
    look.ink[c] = static_cast<int>(ink + random.range(-tint, tint));
  }
  return look;
}

FT_Face Renderer::face(int index) {
  if (!faces[index])
    faces[index] = openFace(library, typefaces.faces()[index].face);
  return faces[index].get();
}

/// Draws one character of the text over `coverage`; false when it is blank.
bool Renderer::rasterizeCell(const GlyphText &text, size_t cell,
                             const Look &look) {
  uint32_t glyph = typefaces.glyph(text.face, text.characters[cell]);
  FT_Face handle = face(text.face);
  if (glyph == 0 || FT_Load_Glyph(handle, glyph, FT_LOAD_NO_SCALE) != 0)
    return false;
  FT_Outline &outline = handle->glyph->outline;
  FT_BBox box;
  if (outline.n_contours == 0 || FT_Outline_Get_BBox(&outline, &box) != 0)
    return false;
  double width = double(box.xMax - box.xMin),
         height = double(box.yMax - box.yMin);
  if (width <= 0 || height <= 0)
    return false;

  double size = shape.width, cells = double(text.characters.size());
  double room = cells == 1 ? fill * size : cellFill * size / cells;
  double unit = std::min(room / width, fill * size / height); // pixels a unit
  double cellX = ((cell + 0.5) / cells - 0.5) * size; // from the box's middle
  auto fixed = [&](double a) {
    return FT_Fixed(std::lround(a * unit * 0x1p22));
  };
  FT_Matrix matrix{fixed(look.xx), fixed(look.xy), fixed(look.yx),
                   fixed(look.yy)};
  auto at = [](double pixels) { return FT_Pos(std::lround(pixels * 64)); };
  FT_Pos weight = at(look.weight);
  FT_Outline_Translate(&outline, -(box.xMin + box.xMax) / 2,
                       -(box.yMin + box.yMax) / 2);
  FT_Outline_Transform(&outline, &matrix);
  if (weight != 0) // grows to the right and up: pull back by half
    FT_Outline_Embolden(&outline, weight);
  FT_Outline_Translate(&outline,
                       at(size / 2 + look.dx + look.xx * cellX) - weight / 2,
                       at(size / 2 + look.dy + look.yx * cellX) - weight / 2);

  FT_Bitmap bitmap{};
  bitmap.rows = static_cast<unsigned>(shape.height);
  bitmap.width = static_cast<unsigned>(shape.width);
  bitmap.pitch = shape.width;
  bitmap.buffer = coverage.data();
  bitmap.num_grays = 256;
  bitmap.pixel_mode = FT_PIXEL_MODE_GRAY;
  return FT_Outline_Get_Bitmap(library, &outline, &bitmap) == 0;
}

bool Renderer::rasterize(const GlyphText &text, const Look &look) {
  std::fill(coverage.begin(), coverage.end(), uint8_t{0});
  for (size_t cell = 0; cell < text.characters.size(); ++cell)
    if (!rasterizeCell(text, cell, look))
      return false;
  return true;
}

/// Ink in pixels.
double Renderer::ink() const {
  uint64_t sum = 0;
  for (uint8_t c : coverage)
    sum += c;
  return double(sum) / 255;
}

/// Blurs by [w, 256-2w, w]/256 both ways, once for each 56 pixels of the box.
void Renderer::blur(int weight) {
  int size = shape.width, centre = 256 - 2 * weight;
  auto mix = [&](int a, int b, int c) {
    return static_cast<uint8_t>((weight * (a + c) + centre * b + 128) >> 8);
  };
  for (int pass = 0; pass < std::max(1, size / 56); ++pass) {
    for (int y = 0; y < size; ++y) {
      const uint8_t *in = &coverage[y * size];
      uint8_t *out = &swap[y * size];
      out[0] = mix(0, in[0], in[1]);
      for (int x = 1; x < size - 1; ++x)
        out[x] = mix(in[x - 1], in[x], in[x + 1]);
      out[size - 1] = mix(in[size - 2], in[size - 1], 0);
    }
    for (int y = 0; y < size; ++y) {
      const uint8_t *in = &swap[y * size];
      const uint8_t *above = y > 0 ? in - size : in;
      const uint8_t *below = y < size - 1 ? in + size : in;
      uint8_t *out = &coverage[y * size];
      for (int x = 0; x < size; ++x)
        out[x] = mix(above[x], in[x], below[x]);
    }
  }
}

/// Turns coverage into pixels: paper and ink level, then noise.
void Renderer::develop(const Look &look, Random &random) {
  int size = shape.width, channels = shape.channels, row = size * channels;
  std::vector<int16_t> paper(row), step(row), cover(row);
  for (int i = 0; i < row; ++i) {
    paper[i] = static_cast<int16_t>(look.paper[i % channels]);
    step[i] = static_cast<int16_t>(look.ink[i % channels] - paper[i]);
  }
  for (int y = 0; y < size; ++y) {
    const uint8_t *in = &coverage[y * size];
    for (int x = 0; x < size; ++x)
      for (int c = 0; c < channels; ++c)
        cover[x * channels + c] = in[x] + (in[x] >> 7); // 0..256
    const int8_t *noise = noiseRow(random.next());
    uint8_t *out = &pixels[y * row];
    for (int i = 0; i < row; ++i) {
      int value = paper[i] + (step[i] * cover[i] >> 8) + noise[i];
      out[i] = static_cast<uint8_t>(std::clamp(value, 0, 255));
    }
  }
}

std::span<const uint8_t> Renderer::draw(const GlyphText &text, Random random) {
  Look look = drawLook(random, shape);
  double least = minInk * shape.width / 112 * shape.width / 112;
  if (!rasterize(text, look))
    return {};
  if (ink() < least) { // a hairline face may vanish when thinned
    look.weight = 0;
    if (!rasterize(text, look) || ink() < least)
      return {};
  }
  blur(look.blur);
  develop(look, random);
  return pixels;
}

std::span<const uint8_t> Renderer::plain(const GlyphText &text) {
  double least = minInk * shape.width / 112 * shape.width / 112;
  if (!rasterize(text, Look()) || ink() < least)
    return {};
  return coverage;
}

} // namespace pfc::rt::data::glyphs
