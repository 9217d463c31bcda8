//===- MxnetWeights.h - MXNet's .params files -------------------*- C++ -*-===//
//
// What mx.nd.save writes, little endian (apache/mxnet src/ndarray/ndarray.cc):
//   u64 0x112 | u64 0 | u64 n | n arrays | u64 n | n names
//   array: u32 0xf993fac9 (or ..c8, without the next field; or ..ca)
//          i32 storage type, 0 = dense | u32 rank, i64 extents
//          i32 device, i32 its number | i32 element type | elements
//   name:  u64 length | "arg:conv0_weight", "aux:bn0_moving_mean", …
//
// The weights are those of insightface's iresnet ("fresnet", unit version 3) as
// the field's state dict (PyTorch's arcface_torch) names and means them:
//   stage{L}_unit{J}_* -> layer{L}.{J-1}.*, …         (MxnetWeights.cpp)
//   conv0 · 127.5/128: MXNet's net divides pixels by 128, ours by 127.5
//   running_var + 1e-5: its eps is 2e-5, ours 1e-5; so sums are the same
//   features.weight = 1: fc1 has a fixed gamma
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_TRAIN_WEIGHTS_MXNETWEIGHTS_H
#define PFC_RUNTIME_TRAIN_WEIGHTS_MXNETWEIGHTS_H

#include "runtime/train/weights/TensorFile.h"

namespace pfc::rt {

/// By its first bytes.
bool isMxnetWeights(std::span<const uint8_t, 8> start);

/// The network in `file`, the contents of `path`. Throws an Error.
std::vector<Tensor> readMxnetWeights(std::span<const uint8_t> file,
                                     const std::string &path);

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_WEIGHTS_MXNETWEIGHTS_H
