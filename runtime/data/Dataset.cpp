#include "runtime/data/Dataset.h"

#include "runtime/data/FolderDataset.h"
#include "runtime/data/RecordDataset.h"

#include <filesystem>

namespace pfc::rt::data {

namespace fs = std::filesystem;

void Dataset::decode(int64_t i, ImageShape shape,
                     std::span<uint8_t> out) const {
  thread_local std::vector<uint8_t> scratch;
  std::span<const uint8_t> file = encoded(i, scratch);
  try {
    decodeImage(file, shape, out);
    checkIntact();
  } catch (const BadRecord &bad) {
    checkIntact();
    failRecord("{}: {}", where(i), bad.what());
  }
}

std::shared_ptr<const Dataset> openDataset(const std::string &path) {
  std::error_code error;
  if (fs::is_directory(path, error)) {
    std::string records = (fs::path(path) / "train.rec").string();
    if (fs::exists(records, error))
      return std::make_shared<RecordDataset>(records);
    return std::make_shared<FolderDataset>(path);
  }
  require(fs::exists(path, error), "{}: no such file or folder", path);
  require(fs::path(path).extension() == ".rec",
          "{}: not a data set; give a folder with a train.rec, a .rec file, or "
          "a folder with one sub-folder of images for each identity",
          path);
  return std::make_shared<RecordDataset>(path);
}

} // namespace pfc::rt::data
