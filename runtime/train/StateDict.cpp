#include "runtime/train/StateDict.h"

#include "runtime/base/Error.h"
#include "runtime/plan/Shape.h"

#include <cstring>

namespace pfc::rt {
namespace {

bool isSet(const flatbuffers::Vector<int64_t> *shape) {
  return shape && shape->size() != 0;
}

std::vector<int64_t> viewShape(const plan::fb::Variable &variable) {
  return toVector(isSet(variable.export_view()) ? *variable.export_view()
                                                : *variable.shape());
}

/// Empty when the layouts are the same.
std::vector<int32_t> permutationOf(const plan::fb::Variable &variable) {
  if (!variable.export_perm())
    return {};
  return {variable.export_perm()->begin(), variable.export_perm()->end()};
}

std::vector<int64_t> permuted(const std::vector<int64_t> &shape,
                              const std::vector<int32_t> &permutation) {
  std::vector<int64_t> result;
  for (int32_t axis : permutation)
    result.push_back(shape[axis]);
  return result;
}

} // namespace

std::vector<std::byte> transpose(const std::vector<std::byte> &in,
                                 const std::vector<int64_t> &shape,
                                 const std::vector<int32_t> &permutation,
                                 size_t width) {
  size_t rank = shape.size();
  std::vector<int64_t> stride(rank, 1); // of `in`, in elements
  for (size_t axis = rank; axis-- > 1;)
    stride[axis - 1] = stride[axis] * shape[axis];
  std::vector<int64_t> outShape = permuted(shape, permutation), index(rank, 0);
  std::vector<std::byte> out(in.size());
  int64_t from = 0;
  for (size_t to = 0; to < out.size(); to += width) {
    std::memcpy(out.data() + to, in.data() + from * width, width);
    // Advance the index of `out` by one, and `from` with it.
    for (size_t axis = rank; axis-- > 0;) {
      from += stride[permutation[axis]];
      if (++index[axis] < outShape[axis])
        break;
      from -= stride[permutation[axis]] * outShape[axis];
      index[axis] = 0;
    }
  }
  return out;
}

TensorType tensorType(const plan::fb::Variable &variable) {
  switch (variable.dtype()) {
  case plan::fb::DType_F32:
    return TensorType::F32;
  case plan::fb::DType_BF16:
    return TensorType::BF16;
  case plan::fb::DType_I64:
    return TensorType::I64;
  default:
    fail("variable '{}' of {} cannot be written to a weights file",
         variable.name()->str(), dtypeName(variable.dtype()));
  }
}

std::vector<int64_t> exportShape(const plan::fb::Variable &variable) {
  if (isSet(variable.export_shape()))
    return toVector(*variable.export_shape());
  std::vector<int64_t> view = viewShape(variable);
  std::vector<int32_t> permutation = permutationOf(variable);
  return permutation.empty() ? view : permuted(view, permutation);
}

bool needsTranspose(const plan::fb::Variable &variable) {
  return !permutationOf(variable).empty();
}

std::vector<std::byte> toStateDict(const plan::fb::Variable &variable,
                                   std::vector<std::byte> contents) {
  std::vector<int32_t> permutation = permutationOf(variable);
  if (permutation.empty())
    return contents;
  return transpose(contents, viewShape(variable), permutation,
                   byteWidth(variable.dtype()));
}

std::vector<std::byte> fromStateDict(const plan::fb::Variable &variable,
                                     std::vector<std::byte> contents) {
  std::vector<int32_t> permutation = permutationOf(variable);
  if (permutation.empty())
    return contents;
  std::vector<int32_t> inverse(permutation.size());
  for (size_t axis = 0; axis < permutation.size(); ++axis)
    inverse[permutation[axis]] = static_cast<int32_t>(axis);
  return transpose(contents, permuted(viewShape(variable), permutation),
                   inverse, byteWidth(variable.dtype()));
}

const TensorEntry &findStateDict(const TensorFile &file,
                                 const plan::fb::Variable &variable) {
  std::string name = variable.name()->str();
  const TensorEntry *entry = file.find(name);
  require(entry, "{}: has no tensor '{}', which the plan needs",
          file.fileName(), name);
  require(entry->type == tensorType(variable) &&
              entry->shape == exportShape(variable),
          "{}: tensor '{}' is [{}] {}, the plan's is [{}] {}", file.fileName(),
          name, fmt::join(entry->shape, ", "), tensorTypeName(entry->type),
          fmt::join(exportShape(variable), ", "),
          tensorTypeName(tensorType(variable)));
  return *entry;
}

std::vector<std::byte> readStateDict(const TensorFile &file,
                                     const plan::fb::Variable &variable) {
  const TensorEntry &entry = findStateDict(file, variable);
  std::vector<std::byte> contents(entry.bytes);
  file.read(entry, contents);
  return fromStateDict(variable, std::move(contents));
}

} // namespace pfc::rt
