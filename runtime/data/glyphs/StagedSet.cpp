#include "runtime/data/glyphs/StagedSet.h"

#include "runtime/base/Error.h"

#include <filesystem>
#include <vector>

namespace pfc::rt::data::glyphs {

namespace fs = std::filesystem;

namespace {

constexpr const char *index = "train.idx", *labels = "train.labels";

void replace(const fs::path &made, const fs::path &target) {
  std::error_code error;
  if (fs::is_directory(made))
    fs::remove_all(target, error);
  if (!error)
    fs::rename(made, target, error);
  require(!error, "{}: cannot be replaced: {}", target.string(),
          error.message());
}

} // namespace

StagedSet::StagedSet(const std::string &target)
    : target(target), staging(target + "/glyphs.tmp") {
  std::error_code error;
  fs::remove_all(staging, error); // of a run that was ended
  if (!error)
    fs::create_directories(staging, error);
  require(!error, "{}: cannot create the folder: {}", target, error.message());
}

StagedSet::~StagedSet() {
  std::error_code ignored;
  fs::remove_all(staging, ignored);
}

/// Without an index for a moment, the records that are there are no mixture: it
/// comes last. A label file of an earlier set would contradict the new.
void StagedSet::publish() {
  std::error_code ignored;
  fs::remove(fs::path(target) / index, ignored);
  fs::remove(fs::path(target) / labels, ignored);
  std::vector<fs::path> names;
  for (const auto &entry : fs::directory_iterator(staging))
    if (entry.path().filename() != index)
      names.push_back(entry.path().filename());
  names.push_back(index);
  for (const fs::path &name : names)
    replace(staging / name, target / name);
}

} // namespace pfc::rt::data::glyphs
