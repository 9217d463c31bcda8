//===- SpecChecks.cpp - What only several keys together can say -----------===//
#include "frontend/spec/SpecChecks.h"
#include "frontend/backbones/VisionTransformerFamily.h"
#include "runtime/base/ClassPermutation.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <functional>

using namespace pfc;
using llvm::StringRef;

namespace {

class Checker {
public:
  Checker(LoadedSpec &loaded, const llvm::StringSet<> &invalid,
          SpecErrors &errors)
      : spec(loaded.spec), locations(loaded.locations), invalid(invalid),
        errors(errors) {}

  void run() {
    checkTransformer();
    checkClasses();
    checkMargin();
    checkLength();
    checkOptimizer();
    checkWarmup();
    checkSchedule();
    checkBatchNorm();
    checkPrecision();
    if (!spec.data.flipTest)
      spec.data.flipTest = spec.data.flip;
  }

private:
  TrainSpec &spec;
  const SpecLocations &locations;
  const llvm::StringSet<> &invalid;
  SpecErrors &errors;

  bool given(StringRef path) const { return locations.contains(path); }
  bool valid(std::initializer_list<StringRef> paths) const {
    return llvm::none_of(
        paths, [&](StringRef path) { return invalid.contains(path); });
  }
  void error(StringRef path, std::string message) {
    errors.error(locations.of(path), std::move(message));
  }

  void checkTransformer();
  void checkClasses();
  void checkSampling();
  void checkPlacement();
  void rejectAngleKeys(StringRef names, StringRef reason);
  void checkMargin();
  void rejectMarginKey(StringRef name, std::optional<double> &value,
                       StringRef reason);
  void checkLength();
  void checkOptimizer();
  void checkWarmup();
  void checkSchedule();
  template <typename T>
  void checkAscending(const std::string &key,
                      const std::optional<std::vector<T>> &milestones,
                      std::optional<int64_t> length);
  void checkBatchNorm();
  void checkPrecision();
};

} // namespace

/// Of vision transformers alone; each has its own defaults.
void Checker::checkTransformer() {
  if (!given("model.backbone") || !valid({"model.backbone"}))
    return;
  ModelSpec &model = spec.model;
  if (const VisionTransformerShape *shape =
          findVisionTransformer(model.backbone)) {
    model.dropPath = model.dropPath.value_or(shape->dropPath);
    model.maskRatio = model.maskRatio.value_or(shape->maskRatio);
    return;
  }
  for (StringRef path : {"model.drop_path", "model.mask_ratio"})
    if (given(path) && valid({path}))
      error(path, path.str() + " has no effect: only vision transformers "
                               "(vit_t … vit_h) have it; remove it");
}

/// Every rank owns at least one row of W, and a share that rounds to no row
/// is rather a slip than a wish.
void Checker::checkClasses() {
  if (!given("head.classes") ||
      !valid({"head.classes", "cluster.world_size", "head.sample_rate"}))
    return;
  int64_t classes = spec.head.classes, ranks = spec.cluster.worldSize;
  if (classes < ranks) {
    error("head.classes", "head.classes must be at least cluster.world_size (" +
                              std::to_string(ranks) + "), got " +
                              std::to_string(classes));
    return;
  }
  checkSampling();
  checkPlacement();
  double rate = spec.head.sampleRate;
  if (rate > 0 && rate * double(classes / ranks) < 1)
    errors.warning(locations.of("head.sample_rate"),
                   "head.sample_rate rounds to no class center per rank (" +
                       std::to_string(classes / ranks) +
                       " rows each): only identities in the batch take part, "
                       "as with 0");
}

/// A permutation has its bound. Kernels count a rank's rows in 32 bits on a
/// GPU; on a CPU they sort the whole batch's labels on a thread's stack.
void Checker::checkSampling() {
  constexpr int64_t mostRows = std::numeric_limits<int32_t>::max() - 1;
  constexpr int64_t mostLabels = 1 << 19;
  const bool cuda = spec.cluster.device == DeviceType::CUDA;
  int64_t rows = llvm::divideCeil(spec.head.classes, spec.cluster.worldSize);
  if (cuda && rows > mostRows)
    return error("head.classes",
                 "with cluster.device = \"cuda\" a rank has at most " +
                     std::to_string(mostRows) + " rows, got " +
                     std::to_string(rows) + "; raise cluster.world_size");
  int64_t labels = spec.train.batchPerRank * spec.cluster.worldSize;
  if (!cuda && valid({"train.batch_per_rank"}) && labels > mostLabels)
    return error("train.batch_per_rank",
                 "with cluster.device = \"cpu\" a step has at most " +
                     std::to_string(mostLabels) + " images on all ranks, got " +
                     std::to_string(labels) + "; lower it");
  if (spec.head.sampling == SamplingSpec::Permutation &&
      valid({"head.sampling"}) && rows > rt::ClassPermutation::maxShard)
    error("head.sampling", "head.sampling = \"permutation\" is for at most " +
                               std::to_string(rt::ClassPermutation::maxShard) +
                               " rows a rank, got " + std::to_string(rows) +
                               "; raise cluster.world_size");
}

/// What lies elsewhere to be touched by row is not to be touched as a whole.
void Checker::checkPlacement() {
  if (spec.head.placement == PlacementSpec::Host &&
      valid({"head.placement", "head.row_update"}) &&
      spec.head.rowUpdate == RowUpdateSpec::All)
    error("head.placement", "head.placement = \"host\" needs head.row_update = "
                            "\"sampled\"; with \"all\" a step would bring "
                            "every row to the device");
}

/// A margin key that its type ignores would silently do nothing.
void Checker::rejectMarginKey(StringRef name, std::optional<double> &value,
                              StringRef reason) {
  std::string path = ("head.margin." + name).str();
  if (given(path) && valid({path}))
    error(path, path + " has no effect: " + reason.str());
  value.reset();
}

void Checker::rejectAngleKeys(StringRef names, StringRef reason) {
  MarginSpec &margin = spec.head.margin;
  std::string advice = reason.str() + "; remove it or set type = \"combined\"";
  std::pair<StringRef, std::optional<double> *> keys[] = {
      {"m1", &margin.m1}, {"m2", &margin.m2}, {"m3", &margin.m3}};
  for (auto [name, value] : keys)
    if (names.contains(name))
      rejectMarginKey(name, *value, advice);
}

void Checker::checkMargin() {
  MarginSpec &margin = spec.head.margin;
  if (!valid({"head.margin.type"}))
    return;
  if (margin.type == MarginType::AdaFace) {
    rejectAngleKeys("m1 m2 m3", "type \"adaface\" uses m, h and t_alpha");
    margin.m = margin.m.value_or(0.4);
    margin.h = margin.h.value_or(0.333);
    margin.tAlpha = margin.tAlpha.value_or(0.01);
    return;
  }
  StringRef adaptive = "only type \"adaface\" uses it; remove it";
  rejectMarginKey("m", margin.m, adaptive);
  rejectMarginKey("h", margin.h, adaptive);
  rejectMarginKey("t_alpha", margin.tAlpha, adaptive);
  switch (margin.type) {
  case MarginType::ArcFace:
    rejectAngleKeys("m1 m3", "type \"arcface\" uses m2 only");
    margin.m2 = margin.m2.value_or(0.5);
    return;
  case MarginType::CosFace:
    rejectAngleKeys("m1 m2", "type \"cosface\" uses m3 only");
    margin.m3 = margin.m3.value_or(0.4);
    return;
  case MarginType::Combined:
    margin.m1 = margin.m1.value_or(1.0);
    margin.m2 = margin.m2.value_or(0.0);
    margin.m3 = margin.m3.value_or(0.0);
    return;
  case MarginType::AdaFace:
    return;
  }
}

void Checker::checkLength() {
  bool steps = given("train.steps"), epochs = given("train.epochs");
  if (steps && epochs)
    error("train.epochs",
          "train.epochs and train.steps exclude each other; keep one");
  else if (!steps && !epochs)
    error("train",
          "missing 'steps' or 'epochs' in [train]: the length of the training");
}

/// Defaults of AdamW are torch.optim's.
void Checker::checkOptimizer() {
  OptimizerSpec &optimizer = spec.train.optimizer;
  if (!valid({"train.optimizer.type"}))
    return;
  bool adamw = optimizer.type == OptimizerType::AdamW;
  for (const char *name : {"momentum", "beta1", "beta2", "eps"}) {
    std::string key = std::string("train.optimizer.") + name;
    bool ofAdamW = StringRef(name) != "momentum";
    if (given(key) && ofAdamW != adamw)
      error(key, key + " has no effect: it is for type \"" +
                     (ofAdamW ? "adamw" : "sgd") + "\"");
  }
  auto fill = [](std::optional<double> &field, double value) {
    field = field.value_or(value);
  };
  fill(optimizer.lr, adamw ? 0.001 : 0.1);
  fill(optimizer.weightDecay, adamw ? 0.01 : 5e-4);
  if (!adamw)
    return fill(optimizer.momentum, 0.9);
  fill(optimizer.beta1, 0.9);
  fill(optimizer.beta2, 0.999);
  fill(optimizer.eps, 1e-8);
}

void Checker::checkWarmup() {
  ScheduleSpec &schedule = spec.train.schedule;
  bool steps = given("train.schedule.warmup_steps");
  bool epochs = given("train.schedule.warmup_epochs");
  if (steps && epochs) {
    error("train.schedule.warmup_epochs",
          "warmup_epochs and warmup_steps exclude each other; keep one");
    return;
  }
  if (!steps && !epochs)
    schedule.warmupSteps = 0;
  if (schedule.warmupSteps && spec.train.steps &&
      *schedule.warmupSteps > *spec.train.steps)
    error("train.schedule.warmup_steps",
          "warmup_steps must be at most train.steps (" +
              std::to_string(*spec.train.steps) + "), got " +
              std::to_string(*schedule.warmupSteps));
  if (schedule.warmupEpochs && spec.train.epochs &&
      *schedule.warmupEpochs > double(*spec.train.epochs))
    error("train.schedule.warmup_epochs",
          "warmup_epochs must be at most train.epochs (" +
              std::to_string(*spec.train.epochs) + ")");
}

/// `length` is the training's in the same unit, where the spec has it.
template <typename T>
void Checker::checkAscending(const std::string &key,
                             const std::optional<std::vector<T>> &milestones,
                             std::optional<int64_t> length) {
  if (!milestones)
    return;
  auto fallsBack = std::adjacent_find(milestones->begin(), milestones->end(),
                                      std::greater_equal<T>());
  if (milestones->empty() || fallsBack != milestones->end())
    error("train.schedule." + key,
          key + " must be ascending, with one milestone at least");
  else if (length && milestones->back() >= static_cast<T>(*length))
    error("train.schedule." + key, key +
                                       " must lie before the training's end (" +
                                       std::to_string(*length) + ")");
}

void Checker::checkSchedule() {
  ScheduleSpec &schedule = spec.train.schedule;
  bool multistep = schedule.type == ScheduleType::Multistep;
  for (const char *name :
       {"power", "gamma", "milestone_steps", "milestone_epochs"}) {
    std::string key = std::string("train.schedule.") + name;
    bool ofMultistep = StringRef(name) != "power";
    if (given(key) && ofMultistep != multistep)
      error(key, key + " has no effect: it is for type \"" +
                     (ofMultistep ? "multistep" : "polynomial") + "\"");
  }
  if (!multistep) {
    if (!schedule.power)
      schedule.power = 1;
    return;
  }
  if (!schedule.gamma)
    schedule.gamma = 0.1;
  bool steps = given("train.schedule.milestone_steps");
  bool epochs = given("train.schedule.milestone_epochs");
  if (steps && epochs)
    error("train.schedule.milestone_epochs",
          "milestone_epochs and milestone_steps exclude each other; keep one");
  else if (!steps && !epochs)
    error("train.schedule.type",
          "multistep needs milestone_steps or milestone_epochs: where the rate "
          "falls");
  checkAscending("milestone_steps", schedule.milestoneSteps, spec.train.steps);
  checkAscending("milestone_epochs", schedule.milestoneEpochs,
                 spec.train.epochs);
}

/// The last batch norm sees one value per image: the variance of one is 0.
void Checker::checkBatchNorm() {
  if (!given("train.batch_per_rank") ||
      !valid({"train.batch_per_rank", "train.sync_batch_norm",
              "cluster.world_size"}))
    return;
  int64_t images =
      spec.train.syncBatchNorm ? spec.globalBatch() : spec.train.batchPerRank;
  if (images < 2)
    error("train.batch_per_rank",
          "train.batch_per_rank must be at least 2: the embedding's batch "
          "norm needs two images" +
              std::string(spec.cluster.worldSize > 1
                              ? " (or set train.sync_batch_norm = true)"
                              : ""));
}

/// fp16 is a GPU's type: oneDNN has no products of it on a CPU.
void Checker::checkPrecision() {
  if (!valid({"train.precision", "cluster.device"}))
    return;
  bool cpu = spec.cluster.device == DeviceType::CPU;
  bool fp16 = spec.train.precision == PrecisionSpec::FP16 ||
              (spec.train.precision == PrecisionSpec::Auto && !cpu);
  if (fp16 && cpu)
    error("train.precision",
          "train.precision = \"fp16\" needs cluster.device = \"cuda\"; a CPU "
          "has \"bf16\"");
  for (StringRef path :
       {"train.loss_scale.initial", "train.loss_scale.growth_interval"})
    if (!fp16 && given(path) && valid({path}))
      error(path, path.str() + " has no effect: only train.precision = "
                               "\"fp16\", and \"auto\" with cluster.device = "
                               "\"cuda\", scale the loss; remove it");
  if (!fp16)
    return;
  LossScaleSpec &scale = spec.train.lossScale;
  scale.initial = scale.initial.value_or(65536);
  scale.growthInterval = scale.growthInterval.value_or(2000);
}

void pfc::checkSpec(LoadedSpec &loaded, const llvm::StringSet<> &invalid,
                    SpecErrors &errors) {
  Checker(loaded, invalid, errors).run();
}
