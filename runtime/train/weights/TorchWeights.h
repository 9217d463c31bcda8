//===- TorchWeights.h - PyTorch's .pt and .pth files ------------*- C++ -*-===//
//
// What torch.save writes since PyTorch 1.6: a zip archive, not compressed, of
//   NAME/data.pkl      a pickle: a dict of tensors that view storages
//   NAME/data/KEY      a storage's elements, little endian
// The pickle is read strictly (PickleReader.h): tensors and plain values; any
// other object is an error, and nothing is executed. Taken as a network's state
// dict are the dict itself, or its "state_dict_backbone" (arcface_torch's
// checkpoints) or "state_dict"; as a head's its "state_dict_softmax_fc".
// DistributedDataParallel's "module." is dropped. Floating point of any width
// becomes fp32.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_TRAIN_WEIGHTS_TORCHWEIGHTS_H
#define PFC_RUNTIME_TRAIN_WEIGHTS_TORCHWEIGHTS_H

#include "runtime/train/weights/TensorFile.h"

namespace pfc::rt {

/// By its first bytes.
bool isTorchWeights(std::span<const uint8_t, 8> start);

enum class TorchPart : uint8_t { Network, Head };

/// The state dict of `part` in `file`, the contents of `path`. Throws an Error.
std::vector<Tensor> readTorchWeights(std::span<const uint8_t> file,
                                     const std::string &path,
                                     TorchPart part = TorchPart::Network);

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_WEIGHTS_TORCHWEIGHTS_H
