#include "tools/pfcc/onnx/TrainedModel.h"

#include "runtime/base/Error.h"
#include "runtime/plan/PlanFile.h"
#include "runtime/train/weights/TensorFile.h"

#include <filesystem>

namespace pfc {

struct TrainedModel::Files {
  std::string spec;
  std::unique_ptr<rt::TensorFile> weights;
};

static std::string planOf(const std::string &folder) {
  return folder + "/train.plan";
}

static std::string weightsOf(const std::string &folder) {
  return folder + "/backbone.safetensors";
}

std::vector<std::string> TrainedModel::filesOf(const std::string &folder) {
  return {planOf(folder), weightsOf(folder)};
}

TrainedModel::TrainedModel(std::unique_ptr<Files> files)
    : files(std::move(files)) {}
TrainedModel::~TrainedModel() = default;

std::unique_ptr<TrainedModel>
TrainedModel::open(const std::string &folder, std::string &message) noexcept {
  try {
    auto files = std::make_unique<Files>();
    rt::require(std::filesystem::exists(weightsOf(folder)) ||
                    !std::filesystem::exists(folder + "/checkpoints"),
                "{}: the run has not ended; give one of its checkpoints, a "
                "folder in {}/checkpoints",
                folder, folder);
    files->spec = rt::PlanFile::open(planOf(folder)).plan().spec_text()->str();
    files->weights = rt::openWeights(weightsOf(folder));
    return std::unique_ptr<TrainedModel>(new TrainedModel(std::move(files)));
  } catch (const std::exception &error) {
    message = error.what();
    return nullptr;
  }
}

const std::string &TrainedModel::spec() const { return files->spec; }

bool TrainedModel::read(const std::string &name, std::vector<int64_t> &shape,
                        std::string &bytes,
                        std::string &message) const noexcept {
  try {
    const rt::TensorEntry *entry = files->weights->find(name);
    if (!entry)
      return false;
    rt::require(entry->type == rt::TensorType::F32,
                "{}: tensor '{}' is {}, an exported network is F32",
                files->weights->fileName(), name,
                rt::tensorTypeName(entry->type));
    shape = entry->shape;
    bytes.resize(entry->bytes);
    files->weights->read(*entry, std::as_writable_bytes(std::span(bytes)));
    return true;
  } catch (const std::exception &error) {
    message = error.what();
    return false;
  }
}

} // namespace pfc
