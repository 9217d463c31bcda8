#include "runtime/data/Jpeg.h"

#include "runtime/data/BadRecord.h"

#include <turbojpeg.h>

namespace pfc::rt::data {

namespace {

/// One codec a thread: creating one costs more than decoding a small image.
class Codec {
public:
  explicit Codec(tjhandle handle) : handle(handle) {
    require(handle != nullptr, "libjpeg-turbo: {}", tjGetErrorStr());
  }
  ~Codec() { tjDestroy(handle); }
  Codec(const Codec &) = delete;
  operator tjhandle() const { return handle; }

private:
  tjhandle handle;
};

tjhandle decoder() {
  thread_local Codec codec(tjInitDecompress());
  return codec;
}

tjhandle encoder() {
  thread_local Codec codec(tjInitCompress());
  return codec;
}

int pixelFormat(int channels) { return channels == 1 ? TJPF_GRAY : TJPF_RGB; }

} // namespace

ImageShape probeJpeg(std::span<const uint8_t> file) {
  tjhandle codec = decoder();
  int width = 0, height = 0, subsampling = 0, colour = -1;
  int status = tjDecompressHeader3(codec, file.data(), file.size(), &width,
                                   &height, &subsampling, &colour);
  // Before 3.0 it has no name for some subsamplings, as 3x1, and fails when it
  // has read all; they are decoded like others.
  const bool unnamed = subsampling < 0 && colour >= 0;
  if (status != 0 && !unnamed)
    failRecord("broken JPEG: {}", tjGetErrorStr2(codec));
  if (width <= 0 || height <= 0) // a file of tables alone is no error to it
    failRecord("broken JPEG: it has no picture");
  if (colour == TJCS_CMYK || colour == TJCS_YCCK)
    failRecord("a CMYK JPEG; only grey and colour images can be used");
  return {height, width, colour == TJCS_GRAY ? 1 : 3};
}

void decodeJpeg(std::span<const uint8_t> file, ImageShape shape,
                std::span<uint8_t> pixels) {
  ImageShape stored = probeJpeg(file);
  if (stored.height != shape.height || stored.width != shape.width)
    failRecord("the image is {}x{} (height x width), not {}x{}", stored.height,
               stored.width, shape.height, shape.width);
  tjhandle codec = decoder();
  // libjpeg calls a file that ends early a warning and paints it grey.
  if (tjDecompress2(codec, file.data(), file.size(), pixels.data(), shape.width,
                    shape.width * shape.channels, shape.height,
                    pixelFormat(shape.channels), TJFLAG_ACCURATEDCT) != 0)
    failRecord("broken JPEG: {}", tjGetErrorStr2(codec));
}

std::vector<uint8_t> encodeJpeg(std::span<const uint8_t> pixels,
                                ImageShape shape, int quality) {
  int subsampling = shape.channels == 1 ? TJSAMP_GRAY : TJSAMP_420;
  thread_local std::vector<uint8_t> buffer;
  buffer.resize(tjBufSize(shape.width, shape.height, subsampling));
  unsigned char *bytes = buffer.data();
  unsigned long size = buffer.size();
  tjhandle codec = encoder();
  int status = tjCompress2(codec, pixels.data(), shape.width,
                           shape.width * shape.channels, shape.height,
                           pixelFormat(shape.channels), &bytes, &size,
                           subsampling, quality, TJFLAG_NOREALLOC);
  require(status == 0, "cannot encode a {}x{}x{} JPEG: {}", shape.height,
          shape.width, shape.channels, tjGetErrorStr2(codec));
  return {bytes, bytes + size};
}

} // namespace pfc::rt::data
