#include "runtime/data/ImageCodec.h"

#include "runtime/data/BadRecord.h"
#include "runtime/data/Jpeg.h"
#include "runtime/data/MappedFile.h"
#include "runtime/data/Png.h"

#include <algorithm>
#include <cctype>

namespace pfc::rt::data {

namespace {

enum class Format { Jpeg, Png };

Format formatOf(std::span<const uint8_t> file) {
  static constexpr uint8_t png[] = {0x89, 'P',  'N',  'G',
                                    '\r', '\n', 0x1a, '\n'};
  if (file.size() >= 3 && file[0] == 0xff && file[1] == 0xd8 && file[2] == 0xff)
    return Format::Jpeg;
  if (file.size() >= sizeof png && std::equal(png, std::end(png), file.data()))
    return Format::Png;
  failRecord("its {} bytes are neither a JPEG nor a PNG image", file.size());
}

} // namespace

ImageShape probeImage(std::span<const uint8_t> file) {
  return formatOf(file) == Format::Jpeg ? probeJpeg(file) : probePng(file);
}

void decodeImage(std::span<const uint8_t> file, ImageShape shape,
                 std::span<uint8_t> pixels) {
  require(pixels.size() == shape.bytes() &&
              (shape.channels == 1 || shape.channels == 3),
          "decodeImage: {} bytes given for {}x{}x{}", pixels.size(),
          shape.height, shape.width, shape.channels);
  if (formatOf(file) == Format::Jpeg)
    decodeJpeg(file, shape, pixels);
  else
    decodePng(file, shape, pixels);
}

Image decodeImage(std::span<const uint8_t> file, int channels) {
  Image image{probeImage(file), {}};
  image.shape.channels = channels;
  // A damaged header may announce anything; faces are small.
  if (image.shape.bytes() > size_t{1} << 30)
    failRecord("it claims {}x{} pixels", image.shape.height, image.shape.width);
  image.pixels.resize(image.shape.bytes());
  decodeImage(file, image.shape, image.pixels);
  return image;
}

Image readImage(const std::string &path, int channels) {
  MappedFile file(path);
  try {
    Image image = decodeImage(file.bytes(), channels);
    file.checkIntact();
    return image;
  } catch (const BadRecord &bad) {
    file.checkIntact();
    fail("{}: {}", path, bad.what());
  }
}

bool isImageName(const std::string &name) {
  size_t dot = name.rfind('.');
  if (dot == std::string::npos || name[0] == '.')
    return false;
  std::string extension = name.substr(dot + 1);
  for (char &c : extension)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return extension == "jpg" || extension == "jpeg" || extension == "png";
}

} // namespace pfc::rt::data
