#include "runtime/train/TrainData.h"

#include "runtime/base/Error.h"
#include "runtime/data/SyntheticDataset.h"
#include "runtime/train/Verifier.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace pfc::rt {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view word = "synthetic";
constexpr int64_t mostImages = 1'000'000'000'000;

/// As WebFace42M has.
constexpr int64_t imagesOfClass = 20;

std::string trainPath(const plan::fb::Settings &settings,
                      const std::string &folder) {
  fs::path path = folder;
  if (settings.train_data() && settings.train_data()->size() != 0)
    path /= settings.train_data()->str();
  return path.lexically_normal().string();
}

std::shared_ptr<const data::Dataset>
openTrainSet(const std::string &path, const plan::fb::Settings &settings) {
  std::error_code error;
  const std::string train =
      settings.train_data() ? settings.train_data()->str() : "";
  require(fs::exists(path, error) || error,
          "{}: no such file or folder: give --data the folder {}", path,
          train.empty() ? "with the images"
                        : "that has the spec's data.train = \"" + train + "\"");
  return data::openDataset(path);
}

/// A whole epoch holds at least a batch of all ranks.
std::shared_ptr<const data::Dataset> makeSynthetic(const Job &job,
                                                   int64_t images) {
  const data::BatchShape shape = batchShape(job.settings);
  if (images == 0)
    images =
        std::max(imagesOfClass * job.settings.classes(),
                 int64_t{shape.batchPerRank} * job.communicator.worldSize());
  return std::make_shared<data::SyntheticDataset>(
      shape.image(), images, job.settings.classes(), job.settings.seed());
}

/// A set with more identities than the plan has classes is a mistake; one with
/// fewer is only a waste, see describeIdle.
void checkClasses(const data::Dataset &dataset, const std::string &path,
                  int64_t classes) {
  require(
      dataset.classes() <= classes,
      "{}: {} identities, but the plan was compiled for {} classes: compile "
      "it with head.classes = {}",
      path, dataset.classes(), classes, dataset.classes());
}

} // namespace

std::optional<SyntheticData> syntheticData(const std::string &option) {
  if (option == word)
    return SyntheticData{};
  if (!option.starts_with(std::string(word) + ":"))
    return std::nullopt;
  SyntheticData result;
  const char *end = option.data() + option.size();
  auto [read, error] =
      std::from_chars(option.data() + word.size() + 1, end, result.images);
  require(error == std::errc() && read == end && result.images > 0 &&
              result.images <= mostImages,
          "'{}': give synthetic:IMAGES with 1 to {} images; a folder of this "
          "name is ./{}",
          option, mostImages, option);
  return result;
}

data::BatchShape batchShape(const plan::fb::Settings &settings) {
  return {static_cast<int>(settings.batch_per_rank()),
          static_cast<int>(settings.input_height()),
          static_cast<int>(settings.input_width()),
          static_cast<int>(settings.input_channels())};
}

TrainData::TrainData(const Job &job, const std::string &option)
    : settings(job.settings), folder(option) {
  std::optional<SyntheticData> made = syntheticData(option);
  isSynthetic = made.has_value();
  name = isSynthetic ? std::string(word) : trainPath(settings, folder);
  set = isSynthetic ? makeSynthetic(job, made->images)
                    : openTrainSet(name, settings);
  checkClasses(*set, name, settings.classes());
}

std::vector<std::string> TrainData::verification() const {
  std::vector<std::string> paths;
  if (const auto *names = settings.verification(); names && !isSynthetic)
    for (const flatbuffers::String *set : *names)
      paths.push_back(verificationPath(folder, set->str()));
  return paths;
}

std::string TrainData::describe(int64_t stepsPerEpoch) const {
  std::string identities;
  if (set->classes() >= 0)
    identities = fmt::format(" of {} identities", set->classes());
  return fmt::format("{}: {} images{}, {} steps an epoch", name, set->size(),
                     identities, stepsPerEpoch);
}

/// Of how many class centers the set has no images; empty where of none, or it
/// doesn't say how many identities it has.
std::string TrainData::describeIdle() const {
  const int64_t classes = settings.classes();
  if (set->classes() < 0 || set->classes() >= classes)
    return {};
  return fmt::format("note: {} of head.classes = {} class centers have no "
                     "images: compile the plan with head.classes = {}",
                     classes - set->classes(), classes, set->classes());
}

std::vector<std::string> TrainData::notes() const {
  std::vector<std::string> lines;
  if (std::string idle = describeIdle(); !idle.empty())
    lines.push_back(std::move(idle));
  if (!isSynthetic)
    return lines;
  lines.push_back("warning: the data is synthetic, noise with random labels: "
                  "memory and speed are real, but for reading and decoding "
                  "images; the loss and the network are worthless");
  if (settings.verification() && settings.verification()->size() > 0)
    lines.push_back("note: nothing is verified on data.verification, as the "
                    "data is synthetic");
  std::error_code error;
  if (fs::exists(folder, error))
    lines.push_back(fmt::format("note: '{}' is a file or folder here, too, "
                                "which --data ./{} reads",
                                folder, folder));
  return lines;
}

std::string TrainData::verdict(const std::string &outDir) const {
  if (!isSynthetic)
    return {};
  return fmt::format("the data was synthetic: the network in {} is worthless",
                     outDir);
}

bool holdsNetwork(const ModelFolder &folder) {
  std::string first;
  std::ifstream metrics(folder.metrics());
  std::getline(metrics, first);
  auto run = nlohmann::json::parse(first, nullptr, false);
  const bool worthless = run.is_object() && run["synthetic"] == true;
  return !worthless && fs::exists(folder.backbone());
}

} // namespace pfc::rt
