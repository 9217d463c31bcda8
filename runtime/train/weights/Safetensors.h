//===- Safetensors.h - Weights as a .safetensors file -----------*- C++ -*-===//
//
// The safetensors format:
//   u64 n, little endian | n bytes of JSON | tensor contents
// where the JSON maps a name to {"dtype", "shape", "data_offsets": [begin,
// end)}, offsets counting from the first byte after the JSON, and
// "__metadata__" to an object of strings. Contents are little endian, row
// major, and cover the rest of the file without gap or overlap. No code is in
// such a file and none is run.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_TRAIN_WEIGHTS_SAFETENSORS_H
#define PFC_RUNTIME_TRAIN_WEIGHTS_SAFETENSORS_H

#include "runtime/base/Sha256.h"
#include "runtime/train/weights/TensorFile.h"

#include <functional>
#include <map>

namespace pfc::rt {

using TensorMetadata = std::map<std::string, std::string>;

/// A tensor to write; does not own its contents.
struct TensorView {
  std::string name;
  TensorType type = TensorType::F32;
  std::vector<int64_t> shape; ///< empty for a scalar
  std::span<const std::byte> contents;
};

/// Writes `tensors` to `path`, whole or not at all (AtomicFile). Contents are
/// ordered by falling element size, so that each tensor is aligned to its
/// element, and in the given order otherwise. Names must differ. `digest`,
/// where given, gets the file's bytes.
void writeSafetensors(const std::string &path,
                      std::span<const TensorView> tensors,
                      const TensorMetadata &metadata = {},
                      Sha256 *digest = nullptr);

/// Takes contents, piece by piece.
using TensorSink = std::function<void(std::span<const std::byte>)>;

/// A tensor to write that is not in memory as a whole.
struct TensorSource {
  std::string name;
  TensorType type = TensorType::F32;
  std::vector<int64_t> shape;
  /// Gives the sink all of its contents, in order.
  std::function<void(const TensorSink &)> contents;
};
void streamSafetensors(const std::string &path,
                       std::span<const TensorSource> tensors,
                       const TensorMetadata &metadata = {},
                       Sha256 *digest = nullptr);

/// An open file. The header is checked against the file's size before memory
/// is asked for: types, shapes, bounds, and that the contents have neither gap
/// nor overlap.
class SafetensorsFile : public TensorFile {
public:
  explicit SafetensorsFile(std::string path);
  ~SafetensorsFile() override;
  SafetensorsFile(const SafetensorsFile &) = delete;
  SafetensorsFile &operator=(const SafetensorsFile &) = delete;

  const TensorMetadata &metadata() const { return strings; }

  using TensorFile::read;
  void read(const TensorEntry &entry, uint64_t begin,
            std::span<std::byte> to) const override;

private:
  void readAt(uint64_t offset, void *to, size_t size) const;
  void readHeader();

  int descriptor = -1;
  TensorMetadata strings;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_WEIGHTS_SAFETENSORS_H
