#include "runtime/train/checkpoint/ClassCenterFiles.h"

#include "runtime/base/Error.h"
#include "runtime/plan/Shape.h"
#include "runtime/train/ModelFolder.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

namespace pfc::rt {
namespace {

namespace fs = std::filesystem;

/// A whole number of a file's metadata.
int64_t metadata(const SafetensorsFile &file, const char *key) {
  auto entry = file.metadata().find(key);
  int64_t value = -1;
  if (entry != file.metadata().end()) {
    const std::string &text = entry->second;
    auto [end, code] =
        std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc() || end != text.data() + text.size())
      value = -1;
  }
  require(value >= 0,
          "{}: its metadata has no \"{}\": it holds no class "
          "centers of pfc-run",
          file.fileName(), key);
  return value;
}

/// A rank's, as ModelFolder names it; a file of all of them is somebody's.
bool isClassCenters(const fs::path &path) {
  return ModelFolder::isClassCenters(path.filename().string());
}

} // namespace

uint64_t rowBytes(const plan::fb::Variable &variable) {
  return byteSize(*variable.shape(), variable.dtype()) /
         static_cast<uint64_t>(variable.shape()->Get(0));
}

ClassCenterFiles::ClassCenterFiles(std::vector<File> files,
                                   std::function<void(size_t)> beforeOpening)
    : files(std::move(files)), beforeOpening(std::move(beforeOpening)) {}

ClassCenterFiles ClassCenterFiles::inFolder(const std::string &folder) {
  std::vector<File> files;
  int64_t total = 0;
  std::error_code error;
  for (const auto &entry : fs::directory_iterator(folder, error)) {
    if (!isClassCenters(entry.path()))
      continue;
    SafetensorsFile file(entry.path().string());
    total = std::max(total, metadata(file, "total_classes"));
    files.push_back({file.fileName(), metadata(file, "first_class"),
                     metadata(file, "classes")});
  }
  require(!error, "{}: {}", folder, error.message());
  require(!files.empty(),
          "{}: holds no class centers; of a run with --results=backbone only "
          "checkpoints have them: {}/checkpoints/step-…",
          folder, folder);
  std::sort(files.begin(), files.end(), [](const File &a, const File &b) {
    return std::pair(a.firstClass, a.classes) <
           std::pair(b.firstClass, b.classes);
  });
  int64_t next = 0;
  for (const File &file : files) {
    require(file.firstClass == next && file.classes <= total - next,
            "{}: begins with class {}, the files before it end at {} of {}: "
            "the folder lacks files of its job, or has another's",
            file.path, file.firstClass, next, total);
    next += file.classes;
  }
  require(next == total,
          "{}: the class centers end at class {} of {}: the folder lacks files",
          folder, next, total);
  return ClassCenterFiles(std::move(files));
}

int64_t ClassCenterFiles::classes() const {
  return files.empty() ? 0 : files.back().firstClass + files.back().classes;
}

void ClassCenterFiles::read(const plan::fb::Variable &variable, int64_t first,
                            int64_t count, std::span<std::byte> rows) {
  auto file = std::upper_bound(files.begin(), files.end(), first,
                               [](int64_t value, const File &each) {
                                 return value < each.firstClass + each.classes;
                               });
  for (; file != files.end() && file->firstClass < first + count; ++file) {
    if (!file->open) {
      if (beforeOpening)
        beforeOpening(static_cast<size_t>(file - files.begin()));
      file->open = std::make_unique<SafetensorsFile>(file->path);
    }
    readFrom(*file, variable, first, count, rows);
  }
}

/// What `file` has of the rows.
void ClassCenterFiles::readFrom(File &file, const plan::fb::Variable &variable,
                                int64_t first, int64_t count,
                                std::span<std::byte> rows) {
  const TensorEntry *entry = file.open->find(variable.name()->string_view());
  std::vector<int64_t> shape = toVector(*variable.shape());
  shape[0] = file.classes;
  require(entry, "{}: has no tensor '{}' of [{}] {}, which the plan needs",
          file.path, variable.name()->str(), fmt::join(shape, ", "),
          tensorTypeName(tensorType(variable)));
  require(entry->type == tensorType(variable) && entry->shape == shape,
          "{}: tensor '{}' is [{}] {}, the plan's is [{}] {}: compile the spec "
          "with the model.embedding_size, head.weight_dtype and "
          "head.momentum_dtype that it was written with",
          file.path, variable.name()->str(), fmt::join(entry->shape, ", "),
          tensorTypeName(entry->type), fmt::join(shape, ", "),
          tensorTypeName(tensorType(variable)));
  uint64_t width = rowBytes(variable);
  int64_t begin = std::max(file.firstClass, first);
  int64_t end = std::min(file.firstClass + file.classes, first + count);
  file.open->read(*entry,
                  static_cast<uint64_t>(begin - file.firstClass) * width,
                  rows.subspan(static_cast<uint64_t>(begin - first) * width,
                               static_cast<uint64_t>(end - begin) * width));
}

void ClassCenterFiles::read(const plan::fb::Variable &variable,
                            const ClassMap &map, int64_t first, int64_t count,
                            std::span<std::byte> rows) {
  uint64_t width = rowBytes(variable);
  for (const ClassRun &run : map.cut(first, count))
    if (!run.isNew())
      read(variable, run.from, run.count,
           rows.subspan(static_cast<uint64_t>(run.first - first) * width,
                        static_cast<uint64_t>(run.count) * width));
}

} // namespace pfc::rt
