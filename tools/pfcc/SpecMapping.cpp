#include "SpecMapping.h"

#include "frontend/spec/SpecWriter.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace pfc;

llvm::SmallVector<PrecisionChoice>
pfc::precisionChoices(const TrainSpec &spec) {
  PrecisionChoice fp32{Precision::Fp32, "fp32", ""};
  bool cpu = spec.cluster.device == DeviceType::CPU;
  switch (spec.train.precision) {
  case PrecisionSpec::FP32:
    return {fp32};
  case PrecisionSpec::BF16:
    return {{Precision::Bf16, "bf16", cpu ? "" : "sm_80"}};
  case PrecisionSpec::FP16:
    return {{Precision::Fp16, "fp16", ""}};
  case PrecisionSpec::Auto:
    // Where 16 bits are faster than fp32: CPUs with AMX, GPUs from Ampere on;
    // from Volta on those multiply fp16.
    if (cpu)
      return {{Precision::Bf16, "bf16", "amx_bf16"}, fp32};
    return {{Precision::Bf16, "bf16", "sm_80"},
            {Precision::Fp16, "fp16", "sm_70"},
            fp32};
  }
  llvm_unreachable("all precisions are handled");
}

static Recompute recompute(const TrainSpec &spec) {
  switch (spec.train.recompute) {
  case RecomputeSpec::Auto: // see fitMemory
  case RecomputeSpec::None:
    return Recompute::None;
  case RecomputeSpec::BatchNorms:
    return Recompute::BatchNorms;
  case RecomputeSpec::Blocks:
    return Recompute::Blocks;
  }
  llvm_unreachable("all choices are handled");
}

std::string pfc::recomputedText(const TrainSpec &spec) {
  llvm::SmallVector<llvm::StringRef> parts;
  if (spec.head.logits == LogitsSpec::Recompute)
    parts.push_back("logits");
  if (recompute(spec) == Recompute::BatchNorms)
    parts.push_back("batch_norms");
  if (recompute(spec) == Recompute::Blocks)
    parts.push_back("blocks");
  return llvm::join(parts, ", ");
}

KernelTarget pfc::kernelTarget(const TrainSpec &spec) {
  return spec.cluster.device == DeviceType::CUDA ? KernelTarget::Cuda
                                                 : KernelTarget::Cpu;
}

static void setOptimizer(const OptimizerSpec &spec,
                         InsertOptimizerPassOptions &options) {
  options.optimizer =
      spec.type == OptimizerType::AdamW ? Optimizer::AdamW : Optimizer::SGD;
  options.momentum = spec.momentum.value_or(0);
  options.beta1 = spec.beta1.value_or(0);
  options.beta2 = spec.beta2.value_or(0);
  options.eps = spec.eps.value_or(0);
  options.weightDecay = spec.weightDecay.value_or(0);
}

CompileOptions pfc::compileOptions(const TrainSpec &spec, Precision precision) {
  CompileOptions options;
  options.precision = precision;
  options.target = kernelTarget(spec);
  setOptimizer(spec.train.optimizer, options.optimizer);
  options.optimizer.clipGradNorm = spec.train.clipGradNorm;
  options.optimizer.rowUpdate = spec.head.rowUpdate == RowUpdateSpec::Sampled
                                    ? RowUpdate::Sampled
                                    : RowUpdate::All;
  if (spec.train.lossScale.initial)
    options.lossScale.initialScale = *spec.train.lossScale.initial;
  if (spec.train.lossScale.growthInterval)
    options.lossScale.growthInterval = *spec.train.lossScale.growthInterval;
  options.tileHead.logits = spec.head.logits == LogitsSpec::Recompute
                                ? LogitsStrategy::Recompute
                                : LogitsStrategy::Keep;
  // The fp32 cosines of a tile stay in a core's cache, or in a GPU's. Who
  // recomputes wants the memory: the head then takes 64 MB at most for 1024 or
  // 2048 rows of 512. fp16 has its scaled exponentials, too. Small tiles are
  // slow on a GPU.
  if (options.target == KernelTarget::Cuda) {
    options.tileHead.tileBytes = 32 << 20;
    if (options.tileHead.logits == LogitsStrategy::Recompute)
      options.tileHead.tileBytes =
          precision == Precision::Fp16 ? 16 << 20 : 28 << 20;
    options.tileHead.lastTileBytes = options.tileHead.tileBytes / 2;
  }
  if (spec.cluster.bucketSize)
    options.bucketUpdates.bucketBytes =
        static_cast<int64_t>(*spec.cluster.bucketSize * 0x1p20);
  options.optimizer.seed = static_cast<uint64_t>(spec.train.seed);
  options.optimizer.narrowMomentum = spec.head.momentum == StorageSpec::BF16;
  options.bucketUpdates.narrow = spec.cluster.gradients == StorageSpec::BF16;
  options.overlap = spec.cluster.overlap;
  options.recompute = recompute(spec);
  return options;
}

static plan::fb::SettingsT settings(const TrainSpec &spec) {
  plan::fb::SettingsT settings;
  settings.backbone = spec.model.backbone;
  settings.embedding_size = spec.model.embeddingSize;
  settings.input_height = spec.model.inputSize;
  settings.input_width = spec.model.inputSize;
  settings.input_channels = spec.model.inputChannels;
  settings.classes = spec.head.classes;
  settings.sample_rate = spec.head.sampleRate;
  settings.batch_per_rank = spec.train.batchPerRank;
  settings.steps = spec.train.steps.value_or(0);
  settings.epochs = static_cast<double>(spec.train.epochs.value_or(0));
  settings.seed = static_cast<uint64_t>(spec.train.seed);
  settings.log_every = spec.train.logEvery;
  settings.learning_rate = spec.train.optimizer.lr.value_or(0);
  settings.schedule_power = spec.train.schedule.power.value_or(0);
  if (spec.train.schedule.type == ScheduleType::Multistep) {
    const ScheduleSpec &schedule = spec.train.schedule;
    settings.milestone_steps =
        schedule.milestoneSteps.value_or(std::vector<int64_t>());
    settings.milestone_epochs =
        schedule.milestoneEpochs.value_or(std::vector<double>());
    settings.schedule_gamma = schedule.gamma.value_or(0);
  }
  settings.warmup_steps = spec.train.schedule.warmupSteps.value_or(0);
  settings.warmup_epochs = spec.train.schedule.warmupEpochs.value_or(0);
  settings.train_data = spec.data.train;
  settings.shuffle = spec.data.shuffle;
  settings.flip = spec.data.flip;
  settings.flip_test = spec.data.flipTest.value_or(spec.data.flip);
  settings.verification = spec.data.verification;
  settings.verify_every = spec.data.verifyEvery;
  settings.max_bad_records = spec.data.maxBadRecords;
  settings.data_threads = spec.data.threads;
  return settings;
}

plan::PlanHeader pfc::planHeader(const TrainSpec &spec, llvm::StringRef name) {
  plan::PlanHeader header;
  header.name = name.str();
  header.compilerVersion = PFC_VERSION;
  llvm::raw_string_ostream os(header.specText);
  writeSpec(spec, os);
  header.settings = settings(spec);
  header.device = spec.cluster.device == DeviceType::CUDA ? "cuda" : "cpu";
  return header;
}
