//===- PairWriter.h - Verification pairs as a .bin --------------*- C++ -*-===//
//
// The field's .bin: a Python pickle of (images, same): 2n encoded files and n
// bools; pair i is images 2i and 2i+1. Written in protocol 3, which any
// Python 3 loads, with eight opcodes.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DATA_PAIRWRITER_H
#define PFC_RUNTIME_DATA_PAIRWRITER_H

#include <cstdint>
#include <string>
#include <vector>

namespace pfc::rt::data {

/// Writes the file, whole or not at all; images.size() must be
/// 2 * same.size().
void writePairs(const std::string &path,
                const std::vector<std::vector<uint8_t>> &images,
                const std::vector<bool> &same);

} // namespace pfc::rt::data

#endif // PFC_RUNTIME_DATA_PAIRWRITER_H
