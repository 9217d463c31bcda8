#include "runtime/data/Png.h"

#include "runtime/data/BadRecord.h"

#include <png.h>

namespace pfc::rt::data {

namespace {

/// A png_image that is freed on every way out.
struct PngImage : png_image {
  PngImage() : png_image{} { version = PNG_IMAGE_VERSION; }
  ~PngImage() { png_image_free(this); }
  PngImage(const PngImage &) = delete;
};

void beginRead(PngImage &png, std::span<const uint8_t> file) {
  if (!png_image_begin_read_from_memory(&png, file.data(), file.size()))
    failRecord("broken PNG: {}", png.message);
}

} // namespace

ImageShape probePng(std::span<const uint8_t> file) {
  PngImage png;
  beginRead(png, file);
  int channels = png.format & PNG_FORMAT_FLAG_COLOR ? 3 : 1;
  return {static_cast<int>(png.height), static_cast<int>(png.width), channels};
}

void decodePng(std::span<const uint8_t> file, ImageShape shape,
               std::span<uint8_t> pixels) {
  PngImage png;
  beginRead(png, file);
  if (static_cast<int>(png.height) != shape.height ||
      static_cast<int>(png.width) != shape.width)
    failRecord("the image is {}x{} (height x width), not {}x{}", png.height,
               png.width, shape.height, shape.width);
  png.format = shape.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  const png_color black{0, 0, 0}; // what shows through transparent pixels
  if (!png_image_finish_read(&png, &black, pixels.data(),
                             shape.width * shape.channels, nullptr))
    failRecord("broken PNG: {}", png.message);
}

std::vector<uint8_t> encodePng(std::span<const uint8_t> pixels,
                               ImageShape shape) {
  PngImage png;
  png.width = static_cast<png_uint_32>(shape.width);
  png.height = static_cast<png_uint_32>(shape.height);
  png.format = shape.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
  std::vector<uint8_t> file(size);
  if (!png_image_write_to_memory(&png, file.data(), &size, 0, pixels.data(),
                                 shape.width * shape.channels, nullptr))
    fail("cannot encode a {}x{}x{} PNG: {}", shape.height, shape.width,
         shape.channels, png.message);
  file.resize(size);
  return file;
}

} // namespace pfc::rt::data
