#include "runtime/data/Png.h"

#include "runtime/data/BadRecord.h"

#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <png.h>
#include <string>

namespace pfc::rt::data {

namespace {

/// A png_image that is freed on every way out.
struct PngImage : png_image {
  PngImage() : png_image{} { version = PNG_IMAGE_VERSION; }
  ~PngImage() { png_image_free(this); }
  PngImage(const PngImage &) = delete;
};

/// Reads a file as OpenCV does: the high byte of 16 bits, no gamma, opacity
/// left out. libpng's simplified functions would take 16 bits for linear light.
/// An error of libpng leaves by longjmp: no frame that it passes owns anything.
class PngReader {
public:
  explicit PngReader(std::span<const uint8_t> file) : rest(file) {
    require(info != nullptr, "libpng does not start");
    check(readInfo());
  }
  PngReader(const PngReader &) = delete;
  PngReader &operator=(const PngReader &) = delete;

  int height() const {
    return static_cast<int>(png_get_image_height(png, info));
  }
  int width() const { return static_cast<int>(png_get_image_width(png, info)); }
  bool isColour() const {
    return (png_get_color_type(png, info) & PNG_COLOR_MASK_COLOR) != 0;
  }

  /// Pixels [height, width], 3 bytes each where it is coloured, else 1.
  void read(std::span<uint8_t> pixels) {
    std::vector<png_bytep> rows(static_cast<size_t>(height()));
    size_t bytes = pixels.size() / rows.size();
    for (size_t y = 0; y < rows.size(); ++y)
      rows[y] = &pixels[y * bytes];
    check(readRows(rows.data(), bytes));
  }

private:
  static void fail(png_structp png, png_const_charp what) {
    auto *self = static_cast<PngReader *>(png_get_error_ptr(png));
    std::strncpy(self->message, what, sizeof self->message - 1);
    png_longjmp(png, 1);
  }
  static void ignore(png_structp, png_const_charp) {}
  static void take(png_structp png, png_bytep out, size_t count) {
    auto *self = static_cast<PngReader *>(png_get_io_ptr(png));
    if (count > self->rest.size())
      png_error(png, "it ends early");
    std::memcpy(out, self->rest.data(), count);
    self->rest = self->rest.subspan(count);
  }

  bool readInfo() {
    if (setjmp(png_jmpbuf(png)) != 0)
      return false;
    png_set_read_fn(png, this, take);
    png_read_info(png, info);
    return true;
  }
  bool readRows(png_bytepp rows, size_t bytes) {
    if (setjmp(png_jmpbuf(png)) != 0)
      return false;
    png_set_strip_16(png);
    png_set_palette_to_rgb(png);
    png_set_expand_gray_1_2_4_to_8(png);
    png_set_strip_alpha(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    if (png_get_rowbytes(png, info) != bytes)
      png_error(png, "its rows have another size");
    png_read_image(png, rows);
    png_read_end(png, nullptr);
    return true;
  }
  void check(bool good) const {
    if (!good)
      failRecord("broken PNG: {}", message);
  }

  /// libpng's, freed also where the constructor throws.
  struct Handles {
    explicit Handles(PngReader *reader)
        : png(png_create_read_struct(PNG_LIBPNG_VER_STRING, reader,
                                     PngReader::fail, PngReader::ignore)),
          info(png ? png_create_info_struct(png) : nullptr) {}
    ~Handles() { png_destroy_read_struct(&png, &info, nullptr); }
    Handles(const Handles &) = delete;
    png_structp png;
    png_infop info;
  };

  std::span<const uint8_t> rest;
  char message[128] = {};
  Handles handles{this};
  png_structp png = handles.png;
  png_infop info = handles.info;
};

} // namespace

ImageShape probePng(std::span<const uint8_t> file) {
  PngReader png(file);
  return {png.height(), png.width(), png.isColour() ? 3 : 1};
}

void decodePng(std::span<const uint8_t> file, ImageShape shape,
               std::span<uint8_t> pixels) {
  PngReader png(file);
  if (png.height() != shape.height || png.width() != shape.width)
    failRecord("the image is {}x{} (height x width), not {}x{}", png.height(),
               png.width(), shape.height, shape.width);
  if (png.isColour() == (shape.channels == 3))
    return png.read(pixels);
  size_t count = size_t(shape.height) * shape.width;
  std::vector<uint8_t> own(png.isColour() ? 3 * count : count);
  png.read(own);
  for (size_t i = 0; i < count; ++i)
    if (png.isColour()) // luma, as JPEG's
      pixels[i] =
          static_cast<uint8_t>((299 * own[3 * i] + 587 * own[3 * i + 1] +
                                114 * own[3 * i + 2] + 500) /
                               1000);
    else
      std::fill_n(&pixels[3 * i], 3, own[i]);
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
