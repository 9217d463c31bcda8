//===- StateDict.h - A plan's variables as the field names them -*- C++ -*-===//
//
// The plan keeps a variable in the layout its kernels like (convolutions as
// OHWI, say); the field's state dicts have another (OIHW). A variable says how
// to get there: reshape to export_view, transpose by export_perm, reshape to
// export_shape.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_TRAIN_STATEDICT_H
#define PFC_RUNTIME_TRAIN_STATEDICT_H

#include "runtime/plan/plan_generated.h"
#include "runtime/train/weights/Safetensors.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace pfc::rt {

/// out[i_perm[0], i_perm[1], ...] = in[i_0, i_1, ...]: the transpose of a
/// row-major array of `shape` with elements of `width` bytes.
std::vector<std::byte> transpose(const std::vector<std::byte> &in,
                                 const std::vector<int64_t> &shape,
                                 const std::vector<int32_t> &permutation,
                                 size_t width);

/// The safetensors type of a variable; throws for types the format's files
/// here do not have.
TensorType tensorType(const plan::fb::Variable &variable);

/// The shape the state dict has for `variable`.
std::vector<int64_t> exportShape(const plan::fb::Variable &variable);

/// Whether the layouts differ.
bool needsTranspose(const plan::fb::Variable &variable);

/// Contents in the plan's layout -> in the state dict's, and back.
std::vector<std::byte> toStateDict(const plan::fb::Variable &variable,
                                   std::vector<std::byte> contents);
std::vector<std::byte> fromStateDict(const plan::fb::Variable &variable,
                                     std::vector<std::byte> contents);

/// The variable's tensor in a file of the state dict's. Throws when the file
/// has another tensor of that name, or none.
const TensorEntry &findStateDict(const TensorFile &file,
                                 const plan::fb::Variable &variable);

/// The variable's contents, in the plan's layout, from there.
std::vector<std::byte> readStateDict(const TensorFile &file,
                                     const plan::fb::Variable &variable);

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_STATEDICT_H
