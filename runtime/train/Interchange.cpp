#include "runtime/train/Interchange.h"

#include "runtime/base/Error.h"
#include "runtime/plan/PlanFile.h"
#include "runtime/train/ModelFolder.h"
#include "runtime/train/checkpoint/Checkpoint.h"
#include "runtime/train/weights/Safetensors.h"

#include <algorithm>
#include <functional>
#include <set>

namespace pfc::rt {
namespace {

constexpr std::string_view runningMean = ".running_mean";
constexpr std::string_view counter = ".num_batches_tracked";

TensorSource copyOf(const TensorFile &weights, const TensorEntry &entry) {
  return {entry.name, entry.type, entry.shape,
          [&weights, &entry](const TensorSink &sink) {
            std::vector<std::byte> contents(entry.bytes);
            weights.read(entry, contents);
            sink(contents);
          }};
}

/// PyTorch's batch norm counts its batches; other programs' does not.
TensorSource zeroCounter(const std::string &layer) {
  return {layer + std::string(counter),
          TensorType::I64,
          {},
          [](const TensorSink &sink) {
            sink(std::vector<std::byte>(sizeof(int64_t)));
          }};
}

void writeStateDict(const TensorFile &weights, const std::string &file,
                    const std::function<bool(const std::string &)> &wanted) {
  std::vector<TensorSource> tensors;
  for (const TensorEntry &entry : weights.tensors()) {
    if (!wanted(entry.name))
      continue;
    tensors.push_back(copyOf(weights, entry));
    if (!entry.name.ends_with(runningMean))
      continue;
    std::string layer =
        entry.name.substr(0, entry.name.size() - runningMean.size());
    if (!weights.find(layer + std::string(counter)))
      tensors.push_back(zeroCounter(layer));
  }
  streamSafetensors(file, tensors, {{"format", "pt"}});
}

} // namespace

void importWeights(const std::string &weights, const std::string &file) {
  std::unique_ptr<TensorFile> tensors = openWeights(weights);
  writeStateDict(*tensors, file, [](const std::string &) { return true; });
}

void exportNetwork(const std::string &folder, const std::string &file) {
  ModelFolder model(folderOfWeights(folder));
  PlanFile plan = PlanFile::open(model.plan());
  std::unique_ptr<TensorFile> weights = openWeights(model.backbone());
  std::set<std::string> network;
  for (const auto *variable : *plan.plan().variants()->Get(0)->variables())
    if (variable->exported() && !variable->shard()) {
      network.insert(variable->name()->str());
      require(weights->find(variable->name()->string_view()),
              "{}: has no tensor '{}', which the plan needs",
              weights->fileName(), variable->name()->str());
    }
  writeStateDict(*weights, file, [&](const std::string &name) {
    return network.contains(name) || name.ends_with(counter);
  });
}

} // namespace pfc::rt
