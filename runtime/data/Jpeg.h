//===- Jpeg.h - libjpeg-turbo behind three functions ------------*- C++ -*-===//
//
// Used by ImageCodec; contracts as there.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DATA_JPEG_H
#define PFC_RUNTIME_DATA_JPEG_H

#include "runtime/data/ImageCodec.h"

namespace pfc::rt::data {

ImageShape probeJpeg(std::span<const uint8_t> file);
void decodeJpeg(std::span<const uint8_t> file, ImageShape shape,
                std::span<uint8_t> pixels);

} // namespace pfc::rt::data

#endif // PFC_RUNTIME_DATA_JPEG_H
