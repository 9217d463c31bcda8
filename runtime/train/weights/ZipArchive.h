//===- ZipArchive.h - An archive in memory ----------------------*- C++ -*-===//
//
// Private to TorchWeights. Entries must be stored, not compressed, as
// torch.save does: so an entry is no larger than the archive.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_TRAIN_WEIGHTS_ZIPARCHIVE_H
#define PFC_RUNTIME_TRAIN_WEIGHTS_ZIPARCHIVE_H

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>
#include <zip.h>

namespace pfc::rt {

class ZipArchive {
public:
  /// `file` must outlive it; `path` is its name in messages.
  ZipArchive(std::span<const uint8_t> file, std::string path);

  /// The name of the one entry that ends so; throws unless there is just one.
  std::string only(std::string_view end) const;

  /// The bytes of an entry, and nothing where there is none. Its CRC is
  /// checked.
  std::optional<std::vector<uint8_t>> read(const std::string &name) const;

private:
  struct Close {
    void operator()(zip_t *archive) const { zip_discard(archive); }
  };

  std::string path;
  uint64_t size;
  std::unique_ptr<zip_t, Close> archive;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_WEIGHTS_ZIPARCHIVE_H
