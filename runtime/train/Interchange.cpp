#include "runtime/train/Interchange.h"

#include "runtime/base/Error.h"
#include "runtime/plan/PlanFile.h"
#include "runtime/train/ModelFolder.h"
#include "runtime/train/Snapshot.h"
#include "runtime/train/checkpoint/Checkpoint.h"
#include "runtime/train/weights/Safetensors.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>

namespace pfc::rt {
namespace {

namespace fs = std::filesystem;

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

namespace {

/// Rank 0's, and those of the others.
std::vector<std::string> torchCheckpoints(const std::string &folder) {
  constexpr std::string_view start = "checkpoint_gpu_", end = ".pt";
  std::vector<std::string> files;
  size_t there = 0;
  for (const auto &entry : fs::directory_iterator(folder)) {
    std::string name = entry.path().filename();
    there += name.starts_with(start) && name.ends_with(end);
  }
  for (size_t rank = 0; rank < there; ++rank) {
    files.push_back(fmt::format("{}/{}{}{}", folder, start, rank, end));
    require(fs::exists(files.back()),
            "{}: is not there, and the folder has {} such files: it lacks one, "
            "or has another job's",
            files.back(), there);
  }
  require(!files.empty(),
          "{}: has no checkpoint_gpu_0.pt: it is no folder in which "
          "arcface_torch left checkpoints (save_all_states)",
          folder);
  return files;
}

/// Its class centers: the rows that PartialFC_V2 gives a rank.
const TensorEntry &centersIn(const TensorFile &head) {
  const TensorEntry *weight = head.find("weight");
  require(weight && weight->shape.size() == 2 &&
              weight->type == TensorType::F32,
          "{}: state_dict_softmax_fc has no matrix 'weight'", head.fileName());
  return *weight;
}

} // namespace

void importCheckpoint(const std::string &folder, const std::string &target) {
  std::vector<std::string> files = torchCheckpoints(folder);
  std::error_code error;
  require(!fs::exists(target, error) || fs::is_empty(target, error),
          "{}: is there already: name a new folder", target);
  std::vector<int64_t> rows;
  int64_t width = 0, total = 0;
  for (const std::string &file : files) {
    auto head = openTorchHead(file);
    const std::vector<int64_t> &shape = centersIn(*head).shape;
    require(rows.empty() || shape[1] == width,
            "{}: its class centers have {} elements, those before {}", file,
            shape[1], width);
    width = shape[1];
    rows.push_back(shape[0]);
    total += shape[0];
  }
  fs::create_directories(target, error);
  require(!error, "{}: cannot be made: {}", target, error.message());
  ModelFolder model(target);
  int64_t first = 0;
  for (size_t rank = 0; rank < files.size(); ++rank) {
    auto head = openTorchHead(files[rank]);
    TensorSource centers = copyOf(*head, centersIn(*head));
    centers.name = "head.weight";
    streamSafetensors(model.classCenters(static_cast<int>(rank),
                                         static_cast<int>(files.size())),
                      {&centers, 1},
                      shardMetadata(-1, {first, rows[rank], total}));
    first += rows[rank];
  }
  importWeights(files[0],
                model.backbone()); // last: with it the folder is whole
}

void exportNetwork(const std::string &folder, const std::string &file) {
  require(!file.ends_with(".pt") && !file.ends_with(".pth"),
          "{}: what is written is a .safetensors: name it so, and load it with "
          "safetensors.torch.load_file",
          file);
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
