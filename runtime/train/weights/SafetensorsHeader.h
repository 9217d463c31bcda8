//===- SafetensorsHeader.h - The JSON part of the format --------*- C++ -*-===//
//
// Private to Safetensors.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_TRAIN_WEIGHTS_SAFETENSORSHEADER_H
#define PFC_RUNTIME_TRAIN_WEIGHTS_SAFETENSORSHEADER_H

#include "runtime/train/weights/Safetensors.h"

namespace pfc::rt {

struct SafetensorsHeader {
  std::vector<TensorEntry> entries; ///< sorted by offset
  TensorMetadata metadata;
};

/// Checks `json`, the header of `path`, whose contents begin at file offset
/// `contentsBegin` and are `contentsBytes` long. Throws an Error.
SafetensorsHeader parseSafetensorsHeader(std::string_view json,
                                         const std::string &path,
                                         uint64_t contentsBegin,
                                         uint64_t contentsBytes);

/// Writes entries, whose offsets count from the contents' beginning.
std::string formatSafetensorsHeader(const SafetensorsHeader &header);

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_WEIGHTS_SAFETENSORSHEADER_H
