#include "runtime/train/checkpoint/Checkpoint.h"

#include "runtime/base/Error.h"
#include "runtime/plan/Shape.h"
#include "runtime/train/ModelFolder.h"
#include "runtime/train/StateDict.h"
#include "runtime/train/checkpoint/CheckpointFolder.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace pfc::rt {
namespace {

namespace fs = std::filesystem;

constexpr const char *manifestName = "manifest.json";

std::string readText(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  require(
      file.good(),
      "{}: cannot be opened; every checkpoint has one, in a folder that all "
      "machines of the job must see",
      path);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

} // namespace

ManifestFile describeFile(const std::string &folder, const std::string &name) {
  std::ifstream file(folder + "/" + name, std::ios::binary);
  ManifestFile described{name, 0, {}};
  Sha256 digest;
  std::vector<char> block(1 << 20);
  while (file.good()) {
    file.read(block.data(), static_cast<std::streamsize>(block.size()));
    auto count = static_cast<size_t>(file.gcount());
    digest.update(block.data(), count);
    described.bytes += count;
  }
  require(file.eof(), "{}/{}: cannot be read", folder, name);
  described.sha256 = hexText(digest.digest());
  return described;
}

std::string findCheckpoint(const std::string &where) {
  if (fs::exists(fs::path(where) / manifestName))
    return where;
  std::vector<CheckpointFolder::Entry> entries = CheckpointFolder(where).list();
  return entries.empty() ? "" : entries.back().path;
}

Checkpoint::Checkpoint(std::string path)
    : folder(std::move(path)),
      contents(
          parseManifest(readText(file(manifestName)), file(manifestName))) {}

std::string Checkpoint::metrics() const {
  return ModelFolder(folder).metrics();
}

std::string Checkpoint::advice() const {
  return fmt::format("remove the folder {} to go on from the checkpoint before "
                     "it, or restore the file",
                     folder);
}

void Checkpoint::check(const ManifestFile &wanted) {
  if (checked.count(wanted.name))
    return;
  std::error_code error;
  uint64_t bytes = fs::file_size(file(wanted.name), error);
  require(!error, "{}: {}, but the checkpoint needs it; {}", file(wanted.name),
          error.message(), advice());
  require(bytes == wanted.bytes,
          "{}: has {} bytes, {} were written: the file is damaged; {}",
          file(wanted.name), bytes, wanted.bytes, advice());
  require(describeFile(folder, wanted.name).sha256 == wanted.sha256,
          "{}: its SHA-256 is not the manifest's: the file is damaged; {}",
          file(wanted.name), advice());
  checked.insert(wanted.name);
}

void Checkpoint::verify() {
  for (const ManifestFile &wanted : contents.files)
    check(wanted);
  for (const ManifestShard &shard : contents.shards)
    check(shard);
}

void Checkpoint::load(const plan::fb::Variant &variant, int rank,
                      Executor &executor) {
  std::string backbone = fs::path(ModelFolder(folder).backbone()).filename();
  const ManifestFile *listed = contents.find(backbone);
  require(listed, "{}: lists no {}; {}", file(manifestName), backbone,
          advice());
  check(*listed);
  SafetensorsFile replicated(file(backbone));
  std::optional<ClassRange> range = classRange(variant, rank);
  for (const plan::fb::Variable *variable : *variant.variables()) {
    std::vector<std::byte> bytes = variable->shard()
                                       ? readRows(*variable, *range)
                                       : readStateDict(replicated, *variable);
    executor.writeVariable(variable->name()->str(), bytes.data(), bytes.size());
  }
}

/// This rank's rows, and zeros in the rows that its storage has beyond.
std::vector<std::byte> Checkpoint::readRows(const plan::fb::Variable &variable,
                                            const ClassRange &range) {
  require(contents.totalClasses() == range.total,
          "{}: has {} class centers, the plan {}: compile the spec with "
          "head.classes = {}",
          folder, contents.totalClasses(), range.total,
          contents.totalClasses());
  std::vector<std::byte> rows(byteSize(*variable.shape(), variable.dtype()));
  for (const ManifestShard &shard : contents.shards)
    if (shard.firstClass < range.first + range.count &&
        range.first < shard.firstClass + shard.classes)
      readFromShard(variable, shard, range, rows);
  return rows;
}

void Checkpoint::readFromShard(const plan::fb::Variable &variable,
                               const ManifestShard &shard,
                               const ClassRange &range,
                               std::vector<std::byte> &rows) {
  check(shard);
  SafetensorsFile tensors(file(shard.name));
  const TensorEntry *entry = tensors.find(variable.name()->string_view());
  std::vector<int64_t> shape = toVector(*variable.shape());
  size_t rowBytes = rows.size() / static_cast<size_t>(shape[0]);
  shape[0] = shard.classes;
  require(entry && entry->type == tensorType(variable) && entry->shape == shape,
          "{}: has no tensor '{}' of [{}] {}, which the plan needs",
          file(shard.name), variable.name()->str(), fmt::join(shape, ", "),
          tensorTypeName(tensorType(variable)));
  int64_t begin = std::max(shard.firstClass, range.first);
  int64_t end =
      std::min(shard.firstClass + shard.classes, range.first + range.count);
  tensors.read(*entry,
               static_cast<uint64_t>(begin - shard.firstClass) * rowBytes,
               std::span(rows).subspan(
                   static_cast<size_t>(begin - range.first) * rowBytes,
                   static_cast<size_t>(end - begin) * rowBytes));
}

} // namespace pfc::rt
