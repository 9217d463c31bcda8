//===- TensorFile.h - Named tensors, in whatever format ---------*- C++ -*-===//
#ifndef PFC_RUNTIME_TRAIN_WEIGHTS_TENSORFILE_H
#define PFC_RUNTIME_TRAIN_WEIGHTS_TENSORFILE_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pfc::rt {

enum class TensorType : uint8_t { F32, BF16, I64 };

size_t tensorTypeBytes(TensorType type);

/// The format's name of a type: "F32", "BF16", "I64".
const char *tensorTypeName(TensorType type);

/// A tensor in a file.
struct TensorEntry {
  std::string name;
  TensorType type = TensorType::F32;
  std::vector<int64_t> shape;
  uint64_t offset = 0; ///< where its contents begin
  uint64_t bytes = 0;

  int64_t elements() const {
    return static_cast<int64_t>(bytes / tensorTypeBytes(type));
  }
};

/// The tensors of a file.
class TensorFile {
public:
  virtual ~TensorFile() = default;

  /// In the order of their contents.
  const std::vector<TensorEntry> &tensors() const { return entries; }

  /// nullptr when the file has no tensor of that name.
  const TensorEntry *find(std::string_view name) const;

  /// Reads a tensor's contents; `to` must have its size.
  void read(const TensorEntry &entry, std::span<std::byte> to) const;
  /// Reads a part of them, from byte `begin` of the tensor.
  virtual void read(const TensorEntry &entry, uint64_t begin,
                    std::span<std::byte> to) const = 0;

  const std::string &fileName() const { return path; }

protected:
  explicit TensorFile(std::string path) : path(std::move(path)) {}

  std::string path;
  std::vector<TensorEntry> entries;
};

/// A tensor in memory.
struct Tensor {
  std::string name;
  TensorType type = TensorType::F32;
  std::vector<int64_t> shape;
  std::vector<std::byte> contents;
};

/// The tensors of a file of another program's, converted to what the plan's
/// variables are.
class ImportedTensors : public TensorFile {
public:
  ImportedTensors(std::string path, std::vector<Tensor> tensors);

  using TensorFile::read;
  void read(const TensorEntry &entry, uint64_t begin,
            std::span<std::byte> to) const override;

  const std::vector<Tensor> &contents() const { return owned; }

private:
  std::vector<Tensor> owned; ///< entry i is of tensor i
};

/// Opens a weights file by what it holds: .safetensors, PyTorch's .pt and .pth
/// (TorchWeights.h), or MXNet's .params (MxnetWeights.h). Throws an Error.
std::unique_ptr<TensorFile> openWeights(const std::string &path);

/// The state dict of the head in a checkpoint of arcface_torch's.
std::unique_ptr<TensorFile> openTorchHead(const std::string &path);

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_WEIGHTS_TENSORFILE_H
