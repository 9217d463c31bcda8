#include "runtime/train/ModelFolder.h"

#include "runtime/base/AtomicFile.h"
#include "runtime/base/Error.h"
#include "runtime/train/Snapshot.h"
#include "runtime/train/StateDict.h"

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

namespace pfc::rt {
namespace {

namespace fs = std::filesystem;

bool inBackbone(const plan::fb::Variable &variable) {
  return variable.exported() && !variable.shard();
}

} // namespace

void ModelFolder::create() const {
  std::error_code error;
  fs::create_directories(path, error);
  require(!error, "{}: cannot make the output folder: {}", path,
          error.message());
}

/// Replaced, not rewritten: a run that reads the old file keeps it.
void ModelFolder::keepPlan(const std::string &planPath,
                           const std::string &hash) const {
  if (fs::exists(plan()) && fs::equivalent(planPath, plan()))
    return;
  std::ifstream source(planPath, std::ios::binary);
  Sha256 digest;
  AtomicFile copy(plan(), &digest);
  std::vector<char> block(1 << 20);
  while (source.good()) {
    source.read(block.data(), static_cast<std::streamsize>(block.size()));
    copy.write(block.data(), static_cast<size_t>(source.gcount()));
  }
  require(source.eof(), "{}: cannot be read", planPath);
  require(hash.empty() || hexText(digest.digest()) == hash,
          "{}: was replaced after this run had read it: start again", planPath);
  copy.commit();
}

std::string ModelFolder::classCenters(int rank, int worldSize) const {
  return fmt::format("{}/class_centers-{:05}-of-{:05}.safetensors", path, rank,
                     worldSize);
}

void ModelFolder::save(const plan::fb::Variant &variant,
                       const Executor &executor,
                       const Communicator &communicator, int64_t steps,
                       ResultParts parts) const {
  StateFiles files(variant, StateScope::Network, communicator.rank());
  StateReader reader = readerOf(executor);
  if (communicator.rank() == 0)
    files.writeBackbone(backbone(), reader, steps);
  if (parts == ResultParts::All && files.hasClassCenters())
    files.writeClassCenters(
        classCenters(communicator.rank(), communicator.worldSize()), reader,
        steps);
}

bool ModelFolder::isClassCenters(const std::string &name) {
  static const std::regex ranks(
      R"(class_centers-\d{5,}-of-\d{5,}\.safetensors)");
  return std::regex_match(name, ranks);
}

void ModelFolder::removeOlder(int worldSize, ResultParts parts) const {
  const std::string ending = fs::path(classCenters(0, worldSize)).filename();
  const std::string own = ending.substr(ending.find("-of-"));
  std::vector<fs::path> older;
  for (const fs::directory_entry &entry : fs::directory_iterator(path)) {
    const std::string name = entry.path().filename();
    if (isClassCenters(name) &&
        (parts == ResultParts::Backbone || !name.ends_with(own)))
      older.push_back(entry.path());
  }
  for (const fs::path &file : older)
    fs::remove(file);
}

/// A deeper network of the same family has every tensor that the plan needs, in
/// the same shapes. Every layer has a weight; what else a file may hold, as
/// PyTorch's counters and an optimizer's state, is called otherwise.
static void checkSameLayers(const TensorFile &file,
                            const plan::fb::Variant &variant) {
  std::set<std::string_view> known;
  for (const plan::fb::Variable *variable : *variant.variables())
    known.insert(variable->name()->string_view());
  for (const TensorEntry &entry : file.tensors())
    require(!entry.name.ends_with(".weight") || known.contains(entry.name),
            "{}: has a tensor '{}', which the plan's network has not: it is "
            "another model.backbone's",
            file.fileName(), entry.name);
}

void checkBackbone(const TensorFile &weights,
                   const plan::fb::Variant &variant) {
  checkSameLayers(weights, variant);
  for (const plan::fb::Variable *variable : *variant.variables())
    if (inBackbone(*variable))
      findStateDict(weights, *variable);
}

void loadBackbone(const TensorFile &weights, const plan::fb::Variant &variant,
                  Executor &executor) {
  checkSameLayers(weights, variant);
  for (const plan::fb::Variable *variable : *variant.variables()) {
    if (!inBackbone(*variable))
      continue;
    std::vector<std::byte> contents = readStateDict(weights, *variable);
    executor.writeVariable(variable->name()->str(), contents.data(),
                           contents.size());
  }
}

} // namespace pfc::rt
