#include "runtime/train/checkpoint/Checkpoint.h"

#include "runtime/base/AtomicFile.h"
#include "runtime/base/Error.h"
#include "runtime/plan/Shape.h"
#include "runtime/train/ModelFolder.h"
#include "runtime/train/StateDict.h"
#include "runtime/train/checkpoint/CheckpointFolder.h"

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

void Checkpoint::load(const plan::fb::Variant &variant, int rank,
                      Executor &executor) {
  SafetensorsFile replicated(backbone());
  ClassCenterFiles centers = classCenters();
  std::optional<ClassRange> range = classRange(variant, rank);
  require(!range || centers.classes() == range->total,
          "{}: has {} class centers, the plan {}: compile the spec with "
          "head.classes = {}, or say with 'pfc-checkpoint convert --class-map' "
          "which class is which",
          folder, centers.classes(), range ? range->total : 0,
          centers.classes());
  for (const plan::fb::Variable *variable : *variant.variables()) {
    std::vector<std::byte> bytes;
    if (variable->shard()) { // rows of its storage beyond the rank's are zero
      bytes.resize(byteSize(*variable->shape(), variable->dtype()));
      centers.read(*variable, range->first, range->count, bytes);
    } else {
      bytes = readStateDict(replicated, *variable);
    }
    executor.writeVariable(variable->name()->str(), bytes.data(), bytes.size());
  }
}

} // namespace pfc::rt
