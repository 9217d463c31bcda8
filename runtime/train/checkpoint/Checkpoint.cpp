#include "runtime/train/checkpoint/Checkpoint.h"

#include "runtime/base/AtomicFile.h"
#include "runtime/base/Error.h"
#include "runtime/exec/Initializer.h"
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

ManifestFile describeFile(const std::string &folder, const std::string &name,
                          const std::function<void()> &progress) {
  std::ifstream file(folder + "/" + name, std::ios::binary);
  ManifestFile described{name, 0, {}};
  Sha256 digest;
  std::vector<char> block(1 << 20);
  while (file.good()) {
    file.read(block.data(), static_cast<std::streamsize>(block.size()));
    auto count = static_cast<size_t>(file.gcount());
    digest.update(block.data(), count);
    described.bytes += count;
    progress();
  }
  require(file.eof(), "{}/{}: cannot be read", folder, name);
  described.sha256 = hexText(digest.digest());
  return described;
}

ManifestFile copyFile(const std::string &from, uint64_t bytes,
                      const std::string &to) {
  std::ifstream source(from, std::ios::binary);
  Sha256 digest;
  AtomicFile target(to, &digest);
  std::vector<char> block(1 << 20);
  for (uint64_t left = bytes; left > 0;) {
    size_t count = std::min<uint64_t>(left, block.size());
    source.read(block.data(), static_cast<std::streamsize>(count));
    require(source.good(), "{}: cannot be read", from);
    target.write(block.data(), count);
    left -= count;
  }
  target.commit();
  return {fs::path(to).filename(), bytes, hexText(digest.digest())};
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
  require(describeFile(folder, wanted.name, progress).sha256 == wanted.sha256,
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

std::string Checkpoint::backbone() {
  std::string name = fs::path(ModelFolder(folder).backbone()).filename();
  const ManifestFile *listed = contents.find(name);
  require(listed, "{}: lists no {}; {}", file(manifestName), name, advice());
  check(*listed);
  return file(name);
}

ClassCenterFiles Checkpoint::classCenters() {
  std::vector<ClassCenterFiles::File> files;
  for (const ManifestShard &shard : contents.shards)
    files.push_back({file(shard.name), shard.firstClass, shard.classes});
  return ClassCenterFiles(std::move(files), [this](size_t index) {
    check(contents.shards[index]);
  });
}

/// A number of the loss scale's, where the checkpoint is of a precision
/// without.
bool Checkpoint::startsAnew(const plan::fb::Variable &variable,
                            const TensorFile &file) const {
  const std::string name = variable.name()->str();
  return contents.precision != lossScalePrecision &&
         name.starts_with("loss_scale") && !file.find(name);
}

/// What one optimizer has counted is of no use to another.
void Checkpoint::checkOptimizer(const plan::fb::Variant &variant,
                                const TensorFile &file) const {
  for (const plan::fb::Variable *variable : *variant.variables())
    require(variable->role() != plan::fb::Role_OptimizerState ||
                variable->shard() || startsAnew(*variable, file) ||
                file.find(variable->name()->str()),
            "{}: has no '{}', which the plan's optimizer goes on from: the "
            "checkpoint is another train.optimizer.type's; compile the spec "
            "with that one, or start a run of its weights with --init={}",
            file.fileName(), variable->name()->str(), folder);
}

void Checkpoint::load(const plan::fb::Variant &variant, int rank,
                      Executor &executor) {
  SafetensorsFile replicated(backbone());
  checkOptimizer(variant, replicated);
  ClassCenterFiles centers = classCenters();
  std::optional<ClassRange> range = classRange(variant, rank);
  require(!range || centers.classes() == range->total,
          "{}: has {} class centers, the plan {}: compile the spec with "
          "head.classes = {}, or say with 'pfc-checkpoint convert --class-map' "
          "which class is which",
          folder, centers.classes(), range ? range->total : 0,
          centers.classes());
  for (const plan::fb::Variable *variable : *variant.variables()) {
    if (variable->shard()) {
      loadRows(centers, *variable, *range, executor);
      continue;
    }
    std::vector<std::byte> bytes =
        startsAnew(*variable, replicated)
            ? initialRows(*variable, /*seed=*/0, /*first=*/0, /*count=*/1,
                          /*columns=*/1)
            : readStateDict(replicated, *variable);
    executor.writeVariable(variable->name()->str(), bytes.data(), bytes.size());
  }
}

/// A block at a time: a rank's rows can be more than fits into memory. Rows of
/// its storage beyond them are zero.
void Checkpoint::loadRows(ClassCenterFiles &centers,
                          const plan::fb::Variable &variable,
                          const ClassRange &range, Executor &executor) {
  const std::string name = variable.name()->str();
  const uint64_t width = rowBytes(variable);
  const auto block = static_cast<int64_t>((4 << 20) / width + 1);
  std::vector<std::byte> bytes;
  for (int64_t done = 0; done < variable.shape()->Get(0); done += block) {
    int64_t rows = std::min(block, variable.shape()->Get(0) - done);
    int64_t used = std::clamp<int64_t>(range.count - done, 0, rows);
    bytes.assign(static_cast<uint64_t>(rows) * width, std::byte{});
    std::span<std::byte> own(bytes.data(), static_cast<uint64_t>(used) * width);
    if (used > 0)
      centers.read(variable, range.first + done, used, own);
    if (!executor.isInHostMemory(name))
      makeUnusedRows(variable, contents.seed, range.first + done, own);
    executor.writeVariablePart(name, static_cast<uint64_t>(done) * width,
                               bytes);
    progress();
  }
}

bool isCheckpoint(const std::string &folder) {
  return fs::exists(fs::path(folder) / manifestName);
}

std::string folderOfWeights(const std::string &where) {
  require(fs::is_directory(where), "{}: there is no such folder", where);
  if (isCheckpoint(where) || fs::exists(ModelFolder(where).backbone()))
    return where;
  std::string last = findCheckpoint(where);
  return last.empty() ? where : last;
}

} // namespace pfc::rt
