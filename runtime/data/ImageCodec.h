//===- ImageCodec.h - JPEG and PNG to and from pixels -----------*- C++ -*-===//
//
// JPEG by libjpeg-turbo (accurate DCT, so that the pixels equal those of
// other libjpeg users), PNG by libpng. Pixels are u8, [height, width,
// channels], channels 1 (grey) or 3 (RGB); a file of the other kind is
// converted. Thread-safe.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DATA_IMAGECODEC_H
#define PFC_RUNTIME_DATA_IMAGECODEC_H

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace pfc::rt::data {

struct ImageShape {
  int height = 0, width = 0, channels = 0;
  size_t bytes() const { return size_t(height) * width * channels; }
  bool operator==(const ImageShape &) const = default;
};

/// Pixels [height, width, channels].
struct Image {
  ImageShape shape;
  std::vector<uint8_t> pixels;
};

/// The shape stored in an encoded file (channels 1 or 3). Throws BadRecord
/// when the bytes are neither JPEG nor PNG.
ImageShape probeImage(std::span<const uint8_t> file);

/// Decodes into `pixels`, which must hold shape.bytes(). Throws BadRecord when
/// the file is damaged or its height and width differ from `shape`'s.
void decodeImage(std::span<const uint8_t> file, ImageShape shape,
                 std::span<uint8_t> pixels);

/// Decodes a file of any size to `channels` channels.
Image decodeImage(std::span<const uint8_t> file, int channels);

/// Reads and decodes the file at `path`; an Error names it.
Image readImage(const std::string &path, int channels);

/// Encodes as JPEG (RGB with 4:2:0 chroma), quality 1..100.
std::vector<uint8_t> encodeJpeg(std::span<const uint8_t> pixels,
                                ImageShape shape, int quality);

std::vector<uint8_t> encodePng(std::span<const uint8_t> pixels,
                               ImageShape shape);

/// True for the file names a folder data set takes (.jpg, .jpeg, .png).
bool isImageName(const std::string &name);

} // namespace pfc::rt::data

#endif // PFC_RUNTIME_DATA_IMAGECODEC_H
