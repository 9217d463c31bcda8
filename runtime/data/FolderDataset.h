//===- FolderDataset.h - One folder of image files an identity --*- C++ -*-===//
//
// root/<identity>/…/<image>.{jpg,jpeg,png}. Identities are numbered in the
// order of their sorted names, images within one by their sorted paths; files
// of other kinds are passed over.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DATA_FOLDERDATASET_H
#define PFC_RUNTIME_DATA_FOLDERDATASET_H

#include "runtime/data/Dataset.h"

namespace pfc::rt::data {

class FolderDataset : public Dataset {
public:
  explicit FolderDataset(const std::string &root);

  int64_t size() const override { return static_cast<int64_t>(files.size()); }
  int64_t classes() const override {
    return static_cast<int64_t>(identities.size());
  }
  int64_t label(int64_t i) const override { return files[i].label; }
  std::span<const uint8_t>
  encoded(int64_t i, std::vector<uint8_t> &scratch) const override;
  std::string where(int64_t i) const override { return files[i].path; }
  const std::vector<std::string> &damage() const override { return broken; }

  /// Folder names by label.
  const std::vector<std::string> &identityNames() const { return identities; }

private:
  struct File {
    std::string path;
    int64_t label;
  };
  std::vector<File> files;
  std::vector<std::string> identities;
  std::vector<std::string> broken; ///< always empty: files fail one by one
};

} // namespace pfc::rt::data

#endif // PFC_RUNTIME_DATA_FOLDERDATASET_H
