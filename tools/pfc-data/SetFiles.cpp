#include "tools/pfc-data/SetFiles.h"

#include "runtime/base/Paths.h"
#include "runtime/data/RecordDataset.h"

#include <filesystem>

namespace pfc::tools {

using namespace pfc::rt::data;

std::vector<std::string> filesOf(const Dataset &set, const std::string &out) {
  namespace fs = std::filesystem;
  if (const auto *records = dynamic_cast<const RecordDataset *>(&set)) {
    fs::path path = records->path();
    return {path, fs::path(path).replace_extension(".idx"),
            fs::path(path).replace_extension(".labels"),
            path.parent_path() / "property"};
  }
  std::string name = fs::path(rt::fileBehind(out)).filename();
  std::vector<std::string> files;
  for (int64_t i = 0; i < set.size(); ++i)
    if (std::string file = set.where(i); file.ends_with(name))
      files.push_back(std::move(file));
  return files;
}

} // namespace pfc::tools
