//===- SpecKeys.cpp - The one table of a spec's keys ----------------------===//
//
// Defaults are not repeated here: they are the values of a fresh TrainSpec.
//
//===----------------------------------------------------------------------===//
#include "frontend/spec/SpecKeys.h"
#include "frontend/backbones/IResNetFamily.h"
#include "frontend/backbones/MobileFaceNetFamily.h"
#include "frontend/backbones/VisionTransformerFamily.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <charconv>
#include <cmath>

using namespace pfc;
using llvm::ArrayRef;
using llvm::StringRef;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double maxClasses = 1e12;
constexpr double maxSteps = 1e12;
constexpr double maxSeed = 9007199254740991; // 2^53 − 1: exact as a double

constexpr SpecRange anything{};
constexpr SpecRange closed(double min, double max, int64_t multipleOf = 1) {
  return {min, max, false, false, multipleOf};
}
/// [min, max)
constexpr SpecRange rightOpen(double min, double max) {
  return {min, max, false, true, 1};
}
/// (min, max]
constexpr SpecRange leftOpen(double min, double max) {
  return {min, max, true, false, 1};
}

constexpr StringRef marginTypes[] = {"arcface", "cosface", "combined",
                                     "adaface"};
constexpr StringRef gradients[] = {"exact", "straight_through"};
constexpr StringRef rowUpdates[] = {"sampled", "all"};
constexpr StringRef samplings[] = {"auto", "keys", "permutation"};
constexpr StringRef logits[] = {"auto", "keep", "recompute"};
constexpr StringRef precisions[] = {"fp32", "bf16", "fp16", "auto"};
constexpr StringRef storageTypes[] = {"fp32", "bf16"};
constexpr StringRef placements[] = {"device", "host"};
constexpr StringRef recomputations[] = {"auto", "none", "batch_norms",
                                        "blocks"};
constexpr StringRef optimizers[] = {"sgd", "adamw"};
constexpr StringRef schedules[] = {"polynomial", "multistep"};
constexpr StringRef devices[] = {"cpu", "cuda"};
constexpr StringRef channelCounts[] = {"1", "3"};

ArrayRef<StringRef> backboneNames() {
  static const llvm::SmallVector<StringRef> names = [] {
    llvm::SmallVector<StringRef> result;
    for (const IResNetShape &shape : iresnetFamily())
      result.push_back(shape.name);
    for (const MobileFaceNetShape &shape : mobileFaceNetFamily())
      result.push_back(shape.name);
    for (const VisionTransformerShape &shape : visionTransformerFamily())
      result.push_back(shape.name);
    return result;
  }();
  return names;
}

} // namespace

// The two ways a key reaches its field. An enumeration is set through its
// uint8_t representation, which may alias anything.
#define FIELD(member) [](TrainSpec &spec) -> FieldRef { return &spec.member; }
#define ENUM_FIELD(member)                                                     \
  [](TrainSpec &spec) -> FieldRef {                                            \
    return reinterpret_cast<uint8_t *>(&spec.member);                          \
  }

ArrayRef<SpecSection> pfc::specSections() {
  static const SpecSection sections[] = {
      {"model", "The network from image to embedding."},
      {"head", "The class centers W: `classes` rows of `embedding_size`, "
               "sharded over the ranks."},
      {"head.margin",
       "The target logit is s·(cos(m1·θ + m2) − m3), every other one s·cos θ, "
       "where θ is the angle between embedding and class center and s the "
       "scale."},
      {"train", "How long, how, and with which randomness. Exactly one of "
                "`steps` and `epochs`."},
      {"train.optimizer",
       "`sgd`: v = momentum·v + g + weight_decay·w, then w = w − lr·v; a fresh "
       "v is g + weight_decay·w. `adamw`: m = beta1·m + (1 − beta1)·g and "
       "v = beta2·v + (1 − beta2)·g², then w = w − lr·(weight_decay·w + "
       "m̂/(√v̂ + eps)), where in the t-th step m̂ = m/(1 − beta1ᵗ) and "
       "v̂ = v/(1 − beta2ᵗ). t counts the job's steps, for a row of class "
       "centers too, and no step that fp16 skips."},
      {"train.loss_scale",
       "Dynamic loss scaling of fp16 (`precision`). The loss is multiplied "
       "by the scale before it is differentiated and the gradients divided by "
       "it before they are used. A step with a gradient beyond fp16 is skipped "
       "by all ranks and halves the scale; after `growth_interval` steps "
       "without one it doubles."},
      {"train.schedule",
       "With T steps of which w are warm-up, step t = 0, 1, … runs at "
       "lr·(t + 1)/w while t < w, then at lr·(1 − (t − w)/(T − w))^power, or "
       "at lr·gammaⁿ with n milestones at or before t. "
       "So the first step runs at lr/w; PartialFC_V2's first step runs at the "
       "full lr by an accident of its scheduler."},
      {"data", "Where images come from. Paths are relative to the folder "
               "given to `pfc-run --data`."},
      {"cluster", "The machines."}};
  return sections;
}

static ArrayRef<SpecKey> makeSpecKeys() {
  // clang-format off: one paragraph a key
  static const SpecKey keys[] = {
      {"model", "backbone", "", true, "", anything, backboneNames(),
       "Network: an iresnet, a MobileFaceNet (`mbf`, `mbf_large`) or a vision "
       "transformer (`vit_t` … `vit_h`).", FIELD(model.backbone)},
      {"model", "embedding_size", "elements", false, "", closed(1, 8192), {},
       "Length d of an embedding and of a class center.",
       FIELD(model.embeddingSize)},
      {"model", "dropout", "", false, "", rightOpen(0, 1), {},
       "Probability of dropping a feature before the last linear layer.",
       FIELD(model.dropout)},
      {"model", "drop_path", "", false, "of a ViT: 0.1; vit_l 0.05", rightOpen(0, 1), {},
       "Probability, in training, that an image passes by the branches of the "
       "last block (stochastic depth); it grows from 0 in the first block.",
       FIELD(model.dropPath)},
      {"model", "mask_ratio", "", false, "of a ViT: 0.1; vit_l 0.05, vit_h 0", rightOpen(0, 1), {},
       "Share of an image's tokens that its blocks do not see in training.",
       FIELD(model.maskRatio)},
      {"model", "input_size", "pixels", false, "", closed(16, 1024, 8), {},
       "Side of the square input image.", FIELD(model.inputSize)},
      {"model", "input_channels", "", false, "", anything, channelCounts,
       "3 for RGB, 1 for grey images.", FIELD(model.inputChannels)},

      {"head", "classes", "identities", true, "", closed(2, maxClasses), {},
       "Number of identities C; at least `cluster.world_size`. It need not "
       "be divisible by it.", FIELD(head.classes)},
      {"head", "sample_rate", "", false, "", closed(0, 1), {},
       "Share r of a rank's class centers that takes part in a step: all "
       "centers of identities in the batch, filled up with random others "
       "to ⌊r · rows of the rank⌋. 0 keeps only the identities in the "
       "batch.", FIELD(head.sampleRate)},
      {"head", "sampling", "", false, "", anything, samplings,
       "How the random others are drawn, in either case exactly and without "
       "replacement: `keys` takes those with the smallest random numbers, "
       "which goes through all rows of a rank; `permutation` the first of a "
       "random order given by a formula, in time that depends on the sample, "
       "and on a bit a row. The sample's rows ascend. `auto` permutes more "
       "than 500,000 rows a rank.", ENUM_FIELD(head.sampling)},
      {"head", "row_update", "", false, "", anything, rowUpdates,
       "Rows of W that the optimizer touches in a step: `sampled` freezes "
       "the others (the original Partial FC; arcface_torch's PartialFCAdamW); "
       "`all` decays every row and lets its momentum coast (PartialFC_V2).", ENUM_FIELD(head.rowUpdate)},
      {"head", "weight_dtype", "", false, "", anything, storageTypes,
       "How the class centers are stored: `bf16` takes 2 bytes an element less, "
       "and rounds an update up or down at random, so that small ones are not "
       "lost on average.", ENUM_FIELD(head.weight)},
      {"head", "momentum_dtype", "", false, "", anything, storageTypes,
       "How the momentum of the class centers is stored: `bf16` takes 2 bytes "
       "an element less. With `adamw` that is m; v, which a step changes by less "
       "than bf16 tells apart, stays fp32.", ENUM_FIELD(head.momentum)},
      {"head", "placement", "", false, "", anything, placements,
       "Where class centers and the optimizer's state of them lie: in the `device`'s memory, "
       "or in the `host`'s, from which a step prefetches the sampled rows under the "
       "backbone's forward pass and takes them back under its backward pass. "
       "With `device = \"cpu\"`, `host` is a file in the output folder that is "
       "mapped into memory, which may be larger than memory; rows take disk "
       "space when they are first used.", ENUM_FIELD(head.placement)},
      {"head", "logits", "", false, "", anything, logits,
       "What becomes of the exponentials of the logits between forward and "
       "backward: `keep` stores them, 2 bytes a logit, 4 in fp32; `recompute` "
       "makes them again, a fourth product (and, where the loss is scaled, a "
       "fifth) for a tile's memory. On a processor both give the same bits; on a "
       "GPU tiles are smaller where they are recomputed, and sums round "
       "otherwise. `auto` keeps them where they fit into "
       "`cluster.memory_per_rank`, and always where that has no limit.", ENUM_FIELD(head.logits)},

      {"head.margin", "type", "", false, "", anything, marginTypes,
       "`arcface` uses m2, `cosface` m3, `combined` all three; `adaface` puts "
       "m on the angle of images of low quality and on the cosine of good "
       "ones, by the length of their embeddings (Kim et al., CVPR'22).",
       ENUM_FIELD(head.margin.type)},
      {"head.margin", "m1", "", false, "1.0; only for combined",
       leftOpen(0, 8), {}, "Factor on the angle.", FIELD(head.margin.m1)},
      {"head.margin", "m2", "radians", false,
       "0.5 for arcface, 0.0 for combined", rightOpen(0, 3.14), {},
       "Added to the angle.", FIELD(head.margin.m2)},
      {"head.margin", "m3", "", false, "0.4 for cosface, 0.0 for combined",
       closed(0, 1), {}, "Subtracted from the cosine.", FIELD(head.margin.m3)},
      {"head.margin", "m", "", false, "0.4; only for adaface", closed(0, 1), {},
       "The margin of an image of average quality.", FIELD(head.margin.m)},
      {"head.margin", "h", "", false, "0.333; only for adaface", closed(0, 8),
       {}, "How much of it a standard deviation of quality moves.",
       FIELD(head.margin.h)},
      {"head.margin", "t_alpha", "", false, "0.01; only for adaface",
       leftOpen(0, 1), {},
       "Share of a batch in the running mean and deviation of the embeddings' "
       "lengths; 1 takes the batch's own.", FIELD(head.margin.tAlpha)},
      {"head.margin", "scale", "", false, "", leftOpen(0, 128), {},
       "Scale s of all logits.", FIELD(head.margin.scale)},
      {"head.margin", "gradient", "", false, "", anything, gradients,
       "`exact` differentiates the margin; `straight_through` takes its "
       "derivative to be 1, as PartialFC_V2 does.",
       ENUM_FIELD(head.margin.gradient)},
      {"head.margin", "filter", "", false, "", rightOpen(0, 1), {},
       "Inter-class filtering against noisy labels: another class whose "
       "cosine is above this takes no part in the gradients, and its logit "
       "counts as 0 (interclass_filtering_threshold of arcface_torch). 0 "
       "switches it off.", FIELD(head.margin.filter)},

      {"train", "batch_per_rank", "images", true, "", closed(1, 65536), {},
       "Images a rank sees in a step.", FIELD(train.batchPerRank)},
      {"train", "steps", "steps", false, "one of steps and epochs is required",
       closed(1, maxSteps), {}, "Length of the training.", FIELD(train.steps)},
      {"train", "epochs", "epochs", false,
       "one of steps and epochs is required", closed(1, 1e6), {},
       "Length of the training in passes over the data set. The plan keeps"
       " the epochs; `pfc-run` turns them into steps with the size of the "
       "data set that it finds, dropping the incomplete last batch of an "
       "epoch.", FIELD(train.epochs)},
      {"train", "precision", "", false, "", anything, precisions,
       "Arithmetic of the backbone and the head's products; weights, sums "
       "and the optimizer are fp32. `auto` is bf16 where the CPU "
       "multiplies bf16 matrices in hardware (AMX), else fp32; with `device = "
       "\"cuda\"` it is bf16 on GPUs of compute capability 8.0 and newer, fp16 "
       "on those of 7.0 and 7.5, which multiply that in hardware, else fp32. "
       "fp16 needs `device = \"cuda\"`; its loss is scaled.",
       ENUM_FIELD(train.precision)},
      {"train", "recompute", "", false, "", anything, recomputations,
       "Activations that the backward pass makes again instead of keeping them "
       "from the forward pass (activation checkpointing): the outputs of "
       "`batch_norms` and PReLU, or all inside of residual `blocks`, whose "
       "convolutions are then done a third more often. Of a ViT these are the "
       "layer norms and relu6, and with `blocks` all between residual sums. "
       "All give the same bits. "
       "`auto` recomputes what has to be for `cluster.memory_per_rank`.",
       ENUM_FIELD(train.recompute)},
      {"train", "seed", "", false, "", closed(0, maxSeed), {},
       "Key of all randomness: initial weights, order of the data, flips, "
       "dropout, sampled class centers.", FIELD(train.seed)},
      {"train", "sync_batch_norm", "", false, "", anything, {},
       "Take batch statistics over all ranks instead of over each one.",
       FIELD(train.syncBatchNorm)},
      {"train", "clip_grad_norm", "", false, "", closed(0, 1e12), {},
       "Largest L2 norm of the backbone's whole gradient; longer ones are "
       "scaled down to it. 0 switches clipping off.",
       FIELD(train.clipGradNorm)},
      {"train", "log_every", "steps", false, "", closed(1, 1e9), {},
       "Interval of progress lines where the output is no terminal; "
       "`metrics.jsonl` has every step.", FIELD(train.logEvery)},

      {"train.optimizer", "type", "", false, "", anything, optimizers,
       "Stochastic gradient descent with momentum, or AdamW "
       "(torch.optim.AdamW). Decay applies to every parameter.",
       ENUM_FIELD(train.optimizer.type)},
      {"train.optimizer", "lr", "", false, "0.1; adamw: 0.001", leftOpen(0, 1000), {},
       "Peak learning rate, for the global batch as it is (nothing "
       "rescales it).", FIELD(train.optimizer.lr)},
      {"train.optimizer", "momentum", "", false, "0.9; only for sgd", rightOpen(0, 1), {},
       "Share of the last update that is kept.",
       FIELD(train.optimizer.momentum)},
      {"train.optimizer", "beta1", "", false, "0.9; only for adamw", rightOpen(0, 1), {},
       "Share of the mean of gradients that a step keeps.",
       FIELD(train.optimizer.beta1)},
      {"train.optimizer", "beta2", "", false, "0.999; only for adamw", rightOpen(0, 1), {},
       "Share of the mean of squared gradients that a step keeps.",
       FIELD(train.optimizer.beta2)},
      {"train.optimizer", "eps", "", false, "1e-8; only for adamw", closed(1e-20, 1), {},
       "Keeps the division by √v̂ finite.", FIELD(train.optimizer.eps)},
      {"train.optimizer", "weight_decay", "", false, "5e-4; adamw: 0.01", rightOpen(0, 1), {},
       "`sgd`: L2 penalty, added to the gradient. `adamw`: share of a weight "
       "that a step at rate 1 takes off, apart from the gradient (arcface_torch: "
       "0.1).", FIELD(train.optimizer.weightDecay)},

      {"train.loss_scale", "initial", "", false, "65536 for fp16", closed(1, 0x1p100), {},
       "Scale of the first step, as torch.amp.GradScaler's init_scale.",
       FIELD(train.lossScale.initial)},
      {"train.loss_scale", "growth_interval", "steps", false, "2000 for fp16",
       closed(1, 1e6), {},
       "Steps in a row without an overflow after which the scale doubles "
       "(arcface_torch: 100).", FIELD(train.lossScale.growthInterval)},

      {"train.schedule", "type", "", false, "", anything, schedules,
       "`polynomial` decay to 0, or a fall at each milestone (`multistep`, the "
       "original Partial FC).", ENUM_FIELD(train.schedule.type)},
      {"train.schedule", "power", "", false, "1.0; only for polynomial", leftOpen(0, 16), {},
       "1 is linear (PartialFC_V2 today), 2 what the field's 2022 models "
       "were trained with.", FIELD(train.schedule.power)},
      {"train.schedule", "milestone_steps", "steps", false, "one of the two for multistep", closed(1,
       maxSteps), {}, "Where the rate of `multistep` falls, ascending.",
       FIELD(train.schedule.milestoneSteps)},
      {"train.schedule", "milestone_epochs", "epochs", false, "one of the two for multistep", leftOpen(0,
       1e6), {},
       "The same in passes over the data set, instead of milestone_steps.",
       FIELD(train.schedule.milestoneEpochs)},
      {"train.schedule", "gamma", "", false, "0.1; only for multistep", leftOpen(0, 1), {},
       "What a milestone multiplies the rate by.",
       FIELD(train.schedule.gamma)},
      {"train.schedule", "warmup_steps", "steps", false, "0", closed(0,
       maxSteps), {}, "Length of the warm-up.",
       FIELD(train.schedule.warmupSteps)},
      {"train.schedule", "warmup_epochs", "epochs", false, "0", closed(0, 1e6),
       {},
       "Length of the warm-up in passes over the data set, instead of "
       "warmup_steps.", FIELD(train.schedule.warmupEpochs)},

      {"data", "train", "", false, "", anything, {},
       "Folder with train.rec, train.idx and property, or with one folder "
       "of images per identity.", FIELD(data.train)},
      {"data", "shuffle", "", false, "", anything, {},
       "A new random order every epoch.", FIELD(data.shuffle)},
      {"data", "flip", "", false, "", anything, {},
       "Mirror half of the training images, chosen at random.",
       FIELD(data.flip)},
      {"data", "verification", "", false, "", anything, {},
       "Verification sets (.bin) to evaluate while training.",
       FIELD(data.verification)},
      {"data", "flip_test", "", false, "as flip", anything, {},
       "Verify with the sum of the embeddings of an image and its mirror "
       "image.", FIELD(data.flipTest)},
      {"data", "verify_every", "steps", false, "", closed(0, 1e9), {},
       "Interval of verification; 0 verifies at the end only.",
       FIELD(data.verifyEvery)},
      {"data", "max_bad_records", "records", false, "", closed(0, 1e12), {},
       "Unreadable images to skip before training stops with an error: of a "
       "rank at once, of all ranks at the next checkpoint.",
       FIELD(data.maxBadRecords)},
      {"data", "threads", "threads", false, "", closed(0, 1024), {},
       "Decoding threads of a rank; 0 divides the machine's cores among "
       "its ranks.", FIELD(data.threads)},

      {"cluster", "world_size", "ranks", false, "", closed(1, 65536), {},
       "Processes of the job; on `cuda`, one GPU each.",
       FIELD(cluster.worldSize)},
      {"cluster", "device", "", false, "", anything, devices,
       "What a rank computes on.", ENUM_FIELD(cluster.device)},
      {"cluster", "overlap", "", false, "", anything, {},
       "Exchange between ranks while they compute; `false` is for "
       "comparisons.", FIELD(cluster.overlap)},
      {"cluster", "bucket_size", "MiB", false, "of the backbone's size",
       leftOpen(0, 4096), {},
       "How much of the backbone's gradients is summed over the ranks at a time: "
       "parameters are taken from the last layer on until they have this many "
       "bytes. The default makes the sum of latencies and transfers least (23 MB "
       "for R50) at 30 µs and 100 GB/s, whatever the job's network; the last "
       "bucket, of the first layers, which no computation hides, is small.",
       FIELD(cluster.bucketSize)},
      {"cluster", "gradient_precision", "", false, "", anything, storageTypes,
       "Of the backbone's gradients between the ranks. `bf16` halves what they "
       "send and rounds each gradient to 8 bits, before and after the sum; for "
       "slow networks, whatever the GPU.", ENUM_FIELD(cluster.gradients)},
      {"cluster", "memory_per_rank", "GiB", false, "no limit",
       leftOpen(0, 65536), {},
       "What the plan may take of a rank's memory (its arena; libraries and the "
       "process need about 1 GiB besides on a GPU). Logits and activations are "
       "recomputed if they have to be, in the fastest way that fits, as `pfcc "
       "explain` predicts it on a `cpu` or an `h200`, where `head.logits` and `train.recompute` are `auto`; if nothing fits, the "
       "error says by how much and, with their cost, the three cheapest changes "
       "that would: of one key, or of a few where one is not enough. With `train.precision = "
       "\"auto\"` each variant recomputes what it has to (`pfcc show` says what), and fp32 has to fit, too; "
       "where it need not, name the precision that will run.",
       FIELD(cluster.memoryPerRank)}};
  // clang-format on
  return keys;
}

ArrayRef<SpecKey> pfc::specKeys() {
  static const ArrayRef<SpecKey> keys = makeSpecKeys();
  return keys;
}

const SpecKey *pfc::findSpecKey(StringRef path) {
  auto [section, name] = path.rsplit('.');
  for (const SpecKey &key : specKeys())
    if (key.section == section && key.name == name)
      return &key;
  return nullptr;
}

bool pfc::isSpecSection(StringRef path) {
  return llvm::any_of(specSections(), [&](const SpecSection &section) {
    return section.name == path;
  });
}

//===----------------------------------------------------------------------===//
// What a key accepts, in words.
//===----------------------------------------------------------------------===//

bool SpecRange::contains(double value) const {
  bool above = minOpen ? value > min : value >= min;
  bool below = maxOpen ? value < max : value <= max;
  return above && below && // false for NaN too
         (multipleOf == 1 || std::fmod(value, double(multipleOf)) == 0);
}

StringRef SpecKey::typeName() const {
  // One field reference decides; a static instance is enough to ask for it.
  static TrainSpec any;
  switch (field(any).index()) {
  case 0:
  case 6:
    return "an integer";
  case 1:
  case 7:
    return "a number";
  case 2:
  case 8:
    return "true or false";
  case 5:
    return "an array of strings";
  case 9:
    return "an array of integers";
  case 10:
    return "an array of numbers";
  default:
    return "a string";
  }
}

/// A double in the fewest digits that read back the same.
static std::string shortest(double value) {
  char buffer[32];
  auto end = std::to_chars(buffer, buffer + sizeof(buffer), value).ptr;
  return std::string(buffer, end);
}

std::string SpecKey::allowed() const {
  if (!choices.empty()) {
    bool quoted = typeName() == "a string";
    std::string quote = quoted ? "\"" : "";
    return "one of " + quote + llvm::join(choices, quote + ", " + quote) +
           quote;
  }
  if (range.min == -infinity)
    return "";
  std::string text = "in ";
  text += range.minOpen ? '(' : '[';
  text += shortest(range.min) + ", " + shortest(range.max);
  text += range.maxOpen ? ')' : ']';
  if (range.multipleOf != 1)
    text += " and a multiple of " + std::to_string(range.multipleOf);
  return text;
}

//===----------------------------------------------------------------------===//
// Values as TOML.
//===----------------------------------------------------------------------===//

static std::string toToml(bool value) { return value ? "true" : "false"; }
static std::string toToml(int64_t value) { return std::to_string(value); }

/// A TOML float keeps a point or an exponent, so that it stays a float.
static std::string toToml(double value) {
  std::string text = shortest(value);
  return StringRef(text).find_first_of(".en") == StringRef::npos ? text + ".0"
                                                                 : text;
}

static std::string toToml(const std::string &value) {
  std::string text = "\"";
  for (unsigned char c : value) {
    if (c == '"' || c == '\\')
      text += {'\\', char(c)};
    else if (c < 0x20 || c == 0x7f)
      text += "\\u00" + llvm::utohexstr(c, /*LowerCase=*/false, /*Width=*/2);
    else
      text += char(c);
  }
  return text + '"';
}

template <typename T>
static std::string toToml(const std::vector<T> &values) {
  std::string text;
  for (const T &value : values)
    text += (text.empty() ? "" : ", ") + toToml(value);
  return "[" + text + "]";
}

template <typename T>
static std::string toToml(const std::optional<T> &value) {
  return value ? toToml(*value) : "";
}

std::string pfc::numberToToml(double value) { return toToml(value); }

std::string pfc::stringToToml(const std::string &value) {
  return toToml(value);
}

std::string pfc::fieldToToml(const SpecKey &key, FieldRef field) {
  return std::visit(
      [&](auto *value) {
        if constexpr (std::is_same_v<decltype(value), uint8_t *>)
          return toToml(key.choices[*value].str());
        else
          return toToml(*value);
      },
      field);
}
