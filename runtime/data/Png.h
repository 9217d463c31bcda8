//===- Png.h - libpng's simplified interface --------------------*- C++ -*-===//
//
// Used by ImageCodec; contracts as there.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DATA_PNG_H
#define PFC_RUNTIME_DATA_PNG_H

#include "runtime/data/ImageCodec.h"

namespace pfc::rt::data {

ImageShape probePng(std::span<const uint8_t> file);
void decodePng(std::span<const uint8_t> file, ImageShape shape,
               std::span<uint8_t> pixels);

} // namespace pfc::rt::data

#endif // PFC_RUNTIME_DATA_PNG_H
