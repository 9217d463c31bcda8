#include "runtime/train/ModelFolder.h"

#include "runtime/base/Error.h"
#include "runtime/plan/RankInteger.h"
#include "runtime/plan/Shape.h"
#include "runtime/train/StateDict.h"
#include "runtime/train/weights/Safetensors.h"

#include <cstring>
#include <deque>
#include <filesystem>

namespace pfc::rt {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view runningMean = ".running_mean";

/// Tensors to write, and the memory they are views of.
struct Tensors {
  std::deque<std::vector<std::byte>> contents;
  std::vector<TensorView> views;

  void add(std::string name, TensorType type, std::vector<int64_t> shape,
           std::vector<std::byte> bytes) {
    contents.push_back(std::move(bytes));
    views.push_back({std::move(name), type, std::move(shape), contents.back()});
  }
};

/// PyTorch's batch norm counts its batches, and its loader misses the counter.
void addBatchCounter(Tensors &tensors, const std::string &name,
                     int64_t batches) {
  if (!name.ends_with(runningMean))
    return;
  std::string layer = name.substr(0, name.size() - runningMean.size());
  std::vector<std::byte> bytes(sizeof batches);
  std::memcpy(bytes.data(), &batches, sizeof batches);
  tensors.add(layer + ".num_batches_tracked", TensorType::I64, {},
              std::move(bytes));
}

bool inBackbone(const plan::fb::Variable &variable) {
  return variable.exported() && !variable.shard();
}

} // namespace

void ModelFolder::create(const std::string &planPath) const {
  std::error_code error;
  fs::create_directories(path, error);
  require(!error, "{}: cannot make the output folder: {}", path,
          error.message());
  if (fs::exists(plan()) && fs::equivalent(planPath, plan()))
    return;
  // The run has the plan's old file mapped if it is replaced, not rewritten.
  std::string temporary = plan() + ".tmp";
  fs::copy_file(planPath, temporary, fs::copy_options::overwrite_existing,
                error);
  if (!error)
    fs::rename(temporary, plan(), error);
  require(!error, "{}: cannot copy the plan here: {}", path, error.message());
}

std::string ModelFolder::classCenters(int rank, int worldSize) const {
  return fmt::format("{}/class_centers-{:05}-of-{:05}.safetensors", path, rank,
                     worldSize);
}

void ModelFolder::save(const plan::fb::Variant &variant,
                       const Executor &executor,
                       const Communicator &communicator, int64_t steps) const {
  if (communicator.rank() == 0)
    saveBackbone(variant, executor, steps);
  saveClassCenters(variant, executor, communicator, steps);
}

void ModelFolder::saveBackbone(const plan::fb::Variant &variant,
                               const Executor &executor, int64_t steps) const {
  Tensors tensors;
  for (const plan::fb::Variable *variable : *variant.variables()) {
    if (!inBackbone(*variable))
      continue;
    std::string name = variable->name()->str();
    tensors.add(name, tensorType(*variable), exportShape(*variable),
                toStateDict(*variable, executor.readVariable(name)));
    addBatchCounter(tensors, name, steps);
  }
  writeSafetensors(backbone(), tensors.views,
                   {{"format", "pt"}, {"steps", std::to_string(steps)}});
}

void ModelFolder::saveClassCenters(const plan::fb::Variant &variant,
                                   const Executor &executor,
                                   const Communicator &communicator,
                                   int64_t steps) const {
  Tensors tensors;
  TensorMetadata metadata{{"format", "pt"}, {"steps", std::to_string(steps)}};
  for (const plan::fb::Variable *variable : *variant.variables()) {
    const plan::fb::RowShard *shard = variable->shard();
    if (!variable->exported() || !shard)
      continue;
    int64_t count = rankInteger(*shard->count(), communicator.rank());
    std::vector<int64_t> shape = toVector(*variable->shape());
    std::vector<std::byte> bytes =
        executor.readVariable(variable->name()->str());
    bytes.resize(bytes.size() / static_cast<size_t>(shape[0]) *
                 static_cast<size_t>(count));
    shape[0] = count;
    metadata["first_class"] =
        std::to_string(rankInteger(*shard->first(), communicator.rank()));
    metadata["classes"] = std::to_string(count);
    metadata["total_classes"] = std::to_string(shard->rows());
    tensors.add(variable->name()->str(), tensorType(*variable),
                std::move(shape), std::move(bytes));
  }
  if (!tensors.views.empty())
    writeSafetensors(
        classCenters(communicator.rank(), communicator.worldSize()),
        tensors.views, metadata);
}

void ModelFolder::loadBackbone(const plan::fb::Variant &variant,
                               Executor &executor) const {
  SafetensorsFile file(backbone());
  for (const plan::fb::Variable *variable : *variant.variables()) {
    if (!inBackbone(*variable))
      continue;
    std::string name = variable->name()->str();
    const TensorEntry *entry = file.find(name);
    require(entry, "{}: has no tensor '{}', which {} needs", backbone(), name,
            plan());
    require(entry->type == tensorType(*variable) &&
                entry->shape == exportShape(*variable),
            "{}: tensor '{}' is [{}] {}, the plan's is [{}]", backbone(), name,
            fmt::join(entry->shape, ", "), tensorTypeName(entry->type),
            fmt::join(exportShape(*variable), ", "));
    std::vector<std::byte> contents(entry->bytes);
    file.read(*entry, contents);
    contents = fromStateDict(*variable, std::move(contents));
    executor.writeVariable(name, contents.data(), contents.size());
  }
}

} // namespace pfc::rt
