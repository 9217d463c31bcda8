#include "runtime/train/checkpoint/CheckpointFolder.h"

#include "runtime/base/AtomicFile.h"
#include "runtime/base/Error.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>

namespace pfc::rt {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view prefix = "step-";
constexpr const char *partialSuffix = ".partial", *oldSuffix = ".old";

/// "step-000000200" -> 200
std::optional<int64_t> stepOf(std::string_view name) {
  if (!name.starts_with(prefix))
    return std::nullopt;
  name.remove_prefix(prefix.size());
  int64_t step = 0;
  auto [end, error] =
      std::from_chars(name.data(), name.data() + name.size(), step);
  if (error != std::errc() || end != name.data() + name.size() || step < 0)
    return std::nullopt;
  return step;
}

void rename(const std::string &from, const std::string &to) {
  std::error_code error;
  fs::rename(from, to, error);
  require(!error, "{}: cannot be renamed to {}: {}", from, to, error.message());
}

void makeFolder(const std::string &path) {
  std::error_code error;
  fs::create_directories(path, error);
  require(!error,
          "{}: cannot be made: {}; check the folder, its permissions "
          "and the free space",
          path, error.message());
}

} // namespace

std::vector<CheckpointFolder::Entry> CheckpointFolder::list() const {
  std::vector<Entry> entries;
  std::error_code error, gone; // who lists them may not be who writes them
  for (const fs::directory_entry &entry : fs::directory_iterator(path, error))
    if (auto step = stepOf(entry.path().filename().string());
        step && entry.is_directory(gone))
      entries.push_back({*step, entry.path().string()});
  // A folder that wasn't there may be by now.
  bool absent = error == std::errc::no_such_file_or_directory;
  require(!error || absent || !fs::exists(path), "{}: cannot be listed: {}",
          path, error.message());
  std::sort(entries.begin(), entries.end(),
            [](const Entry &a, const Entry &b) { return a.step < b.step; });
  return entries;
}

std::string CheckpointFolder::whole(int64_t step) const {
  return fmt::format("{}/{}{:09}", path, prefix, step);
}

std::string CheckpointFolder::partial(int64_t step) const {
  return whole(step) + partialSuffix;
}

void CheckpointFolder::begin(int64_t step) const {
  bool first = !fs::exists(path);
  makeFolder(partial(step));
  if (first)
    flushFolder(fs::path(path).parent_path().string());
}

void CheckpointFolder::publish(int64_t step) const {
  rename(partial(step), whole(step));
  flushFolder(path);
}

void CheckpointFolder::abandon(int64_t step) const {
  std::error_code ignored;
  fs::remove_all(partial(step), ignored);
}

void CheckpointFolder::removeOld(int64_t keep) const {
  std::vector<Entry> entries = list();
  int64_t surplus = static_cast<int64_t>(entries.size()) - keep;
  for (int64_t i = 0; i < surplus; ++i) {
    // Half removed it must not look whole.
    std::string old = entries[i].path + oldSuffix;
    rename(entries[i].path, old);
    std::error_code error;
    fs::remove_all(old, error);
    require(!error, "{}: cannot be removed: {}", old, error.message());
  }
}

void CheckpointFolder::removeRemains() const {
  std::error_code ignored;
  std::vector<fs::path> remains;
  for (const fs::directory_entry &entry :
       fs::directory_iterator(path, ignored)) {
    fs::path suffix = entry.path().extension();
    if ((suffix == partialSuffix || suffix == oldSuffix) &&
        stepOf(entry.path().stem().string()))
      remains.push_back(entry.path());
  }
  for (const fs::path &folder : remains)
    fs::remove_all(folder, ignored);
}

} // namespace pfc::rt
