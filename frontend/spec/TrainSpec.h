//===- TrainSpec.h - A training job, typed ----------------------*- C++ -*-===//
//
// What a .spec file says, as C++ values: one struct a section, one field a
// key. Units, ranges and help texts stand once, in SpecKeys.cpp, which drives
// parsing, messages and docs/spec.md; the defaults stand here. An optional
// field is one whose key may be absent (its default then depends on another
// key, or there is none); loadSpec fills those that have a default, so that a
// TrainSpec that it returns is complete.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_FRONTEND_SPEC_TRAINSPEC_H
#define PFC_FRONTEND_SPEC_TRAINSPEC_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pfc {

// Enumerators are in the order of the names in SpecKeys.cpp. The underlying
// type is uint8_t so that the key table can set any of them by index.
enum class MarginType : uint8_t { ArcFace, CosFace, Combined, AdaFace };
enum class MarginGradientSpec : uint8_t { Exact, StraightThrough };
enum class RowUpdateSpec : uint8_t { Sampled, All };
enum class SamplingSpec : uint8_t { Auto, Keys, Permutation };
enum class LogitsSpec : uint8_t { Auto, Keep, Recompute };
enum class StorageSpec : uint8_t { FP32, BF16 };
enum class PlacementSpec : uint8_t { Device, Host };
enum class PrecisionSpec : uint8_t { FP32, BF16, FP16, Auto };
enum class RecomputeSpec : uint8_t { Auto, None, BatchNorms, Blocks };
enum class OptimizerType : uint8_t { SGD, AdamW };
enum class ScheduleType : uint8_t { Polynomial, Multistep };
enum class DeviceType : uint8_t { CPU, CUDA };

/// [model]: the network from image to embedding.
struct ModelSpec {
  std::string backbone;           ///< a name of a family; required
  int64_t embeddingSize = 512;    ///< d, elements
  double dropout = 0;             ///< probability, before the last linear layer
  std::optional<double> dropPath; ///< of a ViT; see model.drop_path
  std::optional<double> maskRatio; ///< of a ViT; share of its tokens
  int64_t inputSize = 112;         ///< pixels, both sides
  int64_t inputChannels = 3;       ///< 3 = RGB, 1 = grey
};

/// [head.margin]: target logit s·(cos(m1·θ + m2) − m3), others s·cos θ.
struct MarginSpec {
  MarginType type = MarginType::ArcFace;
  std::optional<double> m1;     ///< factor on the angle
  std::optional<double> m2;     ///< radians added to the angle
  std::optional<double> m3;     ///< subtracted from the cosine
  std::optional<double> m;      ///< AdaFace: the margin, on angle and cosine
  std::optional<double> h;      ///< AdaFace: how much of it quality moves
  std::optional<double> tAlpha; ///< AdaFace: share of a batch in the statistics
  double scale = 64;            ///< s
  MarginGradientSpec gradient = MarginGradientSpec::Exact;
  double filter = 0; ///< cosine above which other classes count 0; 0: off
};

/// [head]: the class centers W [classes, embeddingSize], one row an identity.
struct HeadSpec {
  int64_t classes = 0;   ///< C; required
  double sampleRate = 1; ///< r, of the rows a rank owns; 0: positives only
  SamplingSpec sampling = SamplingSpec::Auto;
  RowUpdateSpec rowUpdate = RowUpdateSpec::Sampled;
  LogitsSpec logits = LogitsSpec::Auto;
  StorageSpec weight = StorageSpec::FP32;          ///< of W
  StorageSpec momentum = StorageSpec::FP32;        ///< of W's v or m
  PlacementSpec placement = PlacementSpec::Device; ///< of W and its state
  MarginSpec margin;
};

/// [train.optimizer]: v = µ·v + g + λ·w ; w = w − lr·v, or AdamW:
/// m = β1·m + (1 − β1)·g ; v = β2·v + (1 − β2)·g² ;
/// w = w − lr·(λ·w + m̂/(√v̂ + ε)).
struct OptimizerSpec {
  OptimizerType type = OptimizerType::SGD;
  std::optional<double> lr;          ///< peak, for the whole job
  std::optional<double> momentum;    ///< µ, of sgd; default 0.9
  std::optional<double> beta1;       ///< of adamw, as the next two
  std::optional<double> beta2;       ///< defaults are torch.optim's
  std::optional<double> eps;         ///< ε
  std::optional<double> weightDecay; ///< λ
};

/// [train.loss_scale]: of fp16, absent with others; see pfc-scale-loss.
struct LossScaleSpec {
  std::optional<double> initial;         ///< default 2^16
  std::optional<int64_t> growthInterval; ///< steps; default 2000
};

/// [train.schedule]: lr·(t+1)/w for step t < w, then
/// lr·(1 − (t − w)/(T − w))^power, or lr·gamma^(milestones at or before t); t
/// counts from 0, T = all steps.
struct ScheduleSpec {
  ScheduleType type = ScheduleType::Polynomial;
  std::optional<double> power; ///< polynomial; default 1
  /// Of multistep: one of these, and gamma, by default 0.1.
  std::optional<std::vector<int64_t>> milestoneSteps;
  std::optional<std::vector<double>> milestoneEpochs;
  std::optional<double> gamma;
  std::optional<int64_t> warmupSteps;
  std::optional<double> warmupEpochs;
};

/// [train]: how long, how, and with which randomness.
struct StepsSpec {
  int64_t batchPerRank = 0;      ///< images; required
  std::optional<int64_t> steps;  ///< exactly one of steps and epochs
  std::optional<int64_t> epochs; ///< pfc-run knows the data set's size
  PrecisionSpec precision = PrecisionSpec::Auto;
  RecomputeSpec recompute = RecomputeSpec::Auto;
  int64_t seed = 1;
  bool syncBatchNorm = false;
  double clipGradNorm = 5; ///< L2 norm of the backbone's gradient; 0: off
  int64_t logEvery = 10;   ///< steps
  OptimizerSpec optimizer;
  LossScaleSpec lossScale;
  ScheduleSpec schedule;
};

/// [data]: paths are relative to the folder given to `pfc-run --data`.
struct DataSpec {
  std::string train = ".";
  bool shuffle = true;
  bool flip = true;
  std::vector<std::string> verification; ///< .bin files
  std::optional<bool> flipTest;          ///< default: as flip
  int64_t verifyEvery = 2000;            ///< steps; 0: at the end only
  int64_t maxBadRecords = 100;           ///< skipped before an error
  int64_t threads = 0;                   ///< per rank; 0: cores / ranks
};

/// [cluster].
struct ClusterSpec {
  int64_t worldSize = 1; ///< ranks
  DeviceType device = DeviceType::CPU;
  bool overlap = true;
  std::optional<double> bucketSize;          ///< MiB; none: by the network
  StorageSpec gradients = StorageSpec::FP32; ///< between ranks
  std::optional<double> memoryPerRank;       ///< GiB; none: whatever it takes
};

/// A whole job.
struct TrainSpec {
  ModelSpec model;
  HeadSpec head;
  StepsSpec train;
  DataSpec data;
  ClusterSpec cluster;

  /// Images in a step of the whole job.
  int64_t globalBatch() const { return train.batchPerRank * cluster.worldSize; }
};

} // namespace pfc

#endif // PFC_FRONTEND_SPEC_TRAINSPEC_H
