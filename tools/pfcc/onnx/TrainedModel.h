//===- TrainedModel.h - What pfc-run left, for the compiler -----*- C++ -*-===//
//
// The runtime's readers throw, the compiler's half has no exceptions: this is
// the border.
//
//===----------------------------------------------------------------------===//
#ifndef TOOLS_PFCC_ONNX_TRAINEDMODEL_H
#define TOOLS_PFCC_ONNX_TRAINEDMODEL_H

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace pfc {

class TrainedModel {
public:
  /// Of a checkpoint, or the --out of a run; null and why not in `message`.
  static std::unique_ptr<TrainedModel> open(const std::string &folder,
                                            std::string &message) noexcept;
  ~TrainedModel();

  /// What is read of it.
  static std::vector<std::string> filesOf(const std::string &folder);

  /// The resolved spec that its plan was compiled from.
  const std::string &spec() const;

  /// A tensor of its state dict. False, and why not in `message` unless there
  /// is none of that name.
  bool read(const std::string &name, std::vector<int64_t> &shape,
            std::string &bytes, std::string &message) const noexcept;

private:
  struct Files;
  explicit TrainedModel(std::unique_ptr<Files> files);

  std::unique_ptr<Files> files;
};

} // namespace pfc

#endif // TOOLS_PFCC_ONNX_TRAINEDMODEL_H
