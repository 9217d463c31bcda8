#include "Explanation.h"

#include "runtime/device/cuda/Workspace.h"
#include "runtime/plan/Shape.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"

#include <cmath>

using namespace pfc;
using namespace pfc::explain;
namespace fb = pfc::plan::fb;

double Explanation::imagesPerSecond() const {
  return static_cast<double>(ranks * batchPerRank) / step.seconds;
}

/// Of images: a batch that is being used, and two ahead (data/BatchLoader.h).
static uint64_t loadedBytes(const fb::Program &step) {
  for (const fb::Binding *input : *step.inputs())
    if (input->name()->str() == "images") {
      const fb::Buffer &images = *step.buffers()->Get(input->buffer());
      return 3 * rt::byteSize(*images.shape(), images.dtype());
    }
  return 0;
}

/// Of a convolution's weights, or their gradient in fp32, in the layout that
/// oneDNN wants: all tasks share the largest (device/onednn/OneDnn.h).
static uint64_t packedWeights(const fb::Program &step) {
  int64_t largest = 0;
  for (const fb::Instruction *instruction : *step.instructions())
    if (const auto *conv = instruction->operation_as_Conv())
      largest = std::max(largest, conv->kernel() * conv->kernel() *
                                      conv->in_channels() / conv->groups() *
                                      conv->out_channels());
  return static_cast<uint64_t>(largest) * sizeof(float);
}

/// What cuBLASLt and cuDNN may use on a GPU, and the largest gradient of
/// weights in 16 bits, of which fp32 is made behind cuDNN
/// (device/cuda/CudnnPlanner.h).
static uint64_t gpuScratch(const fb::Program &step) {
  uint64_t largest = 0;
  for (const fb::Instruction *instruction : *step.instructions())
    if (const auto *conv = instruction->operation_as_Conv()) {
      const fb::Buffer &result = *step.buffers()->Get(conv->result());
      fb::DType operand = step.buffers()->Get(conv->lhs())->dtype();
      if (result.dtype() != operand)
        largest = std::max(largest, rt::byteSize(*result.shape(), operand));
    }
  return rt::cuda::workspaceLimit + largest;
}

/// What a host's communicator needs for the largest sum, of which it does 16
/// MiB at once: all ranks' shares of its slice, and the slice.
static uint64_t sumScratch(const fb::Program &step, int64_t ranks) {
  constexpr uint64_t piece = uint64_t{16} << 20;
  uint64_t largest = 0;
  for (const fb::Instruction *instruction : *step.instructions())
    if (const auto *sum = instruction->operation_as_Collective();
        sum && sum->kind() != fb::CollectiveKind_AllGather) {
      const fb::Buffer &source = *step.buffers()->Get(sum->source());
      largest =
          std::max(largest, rt::byteSize(*source.shape(), source.dtype()));
    }
  largest = std::min(largest, piece);
  return ranks == 1 ? 0 : largest + largest / ranks;
}

/// Of gradients that cross the ranks in fp32; other sums are small.
static uint64_t wideSums(const fb::Program &step) {
  uint64_t bytes = 0;
  for (const fb::Instruction *instruction : *step.instructions())
    if (const auto *sum = instruction->operation_as_Collective();
        sum && sum->kind() == fb::CollectiveKind_AllReduceSum) {
      const fb::Buffer &source = *step.buffers()->Get(sum->source());
      if (source.dtype() == fb::DType_F32)
        bytes += rt::byteSize(*source.shape(), source.dtype());
    }
  return bytes;
}

static std::string requirementOf(const fb::Variant &variant) {
  return variant.requires_() ? variant.requires_()->str() : std::string();
}

/// "bf16 needs sm_80", with commas, of the variants before `end`.
static std::string lackingBefore(const fb::Plan &plan, const fb::Variant *end) {
  std::string text;
  for (const fb::Variant *variant : *plan.variants()) {
    if (variant == end)
      break;
    text += (text.empty() ? "" : ", ") + variant->precision()->str() +
            " needs " + requirementOf(*variant);
  }
  return text;
}

llvm::Expected<const fb::Variant *>
pfc::explain::variantFor(const fb::Plan &plan, const Machine &machine) {
  // Of another device than the plan's nothing is known.
  bool known = machine.device.empty() || machine.device == plan.device()->str();
  for (const fb::Variant *variant : *plan.variants())
    if (!known || machine.supports(requirementOf(*variant)))
      return variant;
  return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                 "%s is %s, and %s: choose another "
                                 "train.precision, or \"auto\"",
                                 machine.name.c_str(), machine.chip.c_str(),
                                 lackingBefore(plan, nullptr).c_str());
}

llvm::Expected<Explanation> pfc::explain::explainPlan(const fb::Plan &plan,
                                                      const Machine &machine) {
  llvm::Expected<const fb::Variant *> chosen = variantFor(plan, machine);
  if (!chosen)
    return chosen.takeError();
  const fb::Variant &variant = **chosen;
  const fb::Settings &settings = *plan.settings();
  const fb::Program *step = rt::findProgram(variant, "train_step");
  Explanation result;
  result.plan = plan.name()->str();
  result.precision = variant.precision()->str();
  result.lacking = lackingBefore(plan, &variant);
  result.machine = machine;
  result.ranks = plan.world_size();
  result.batchPerRank = settings.batch_per_rank();
  result.classes = settings.classes();
  result.sampleRate = settings.sample_rate();
  if (variant.recomputed())
    result.recomputed = variant.recomputed()->str();
  result.memory = rt::planMemory(variant, settings.batch_per_rank());
  result.step = stepCost(*step, plan.world_size(), machine);
  result.wideSums = wideSums(*step);

  const rt::MemoryUse &use = result.memory.use;
  for (rt::Purpose state :
       {rt::Purpose::ClassCenters, rt::Purpose::ClassCenterState,
        rt::Purpose::Parameters, rt::Purpose::ParameterState,
        rt::Purpose::Statistics})
    result.checkpointCopy += use[state];
  if (variant.kernel_cuda())
    result.workspace = gpuScratch(*step);
  if (machine.process != 0) {
    result.workspace = packedWeights(*step);
    result.process = machine.process + result.memory.arena + result.workspace +
                     loadedBytes(*step) + sumScratch(*step, result.ranks);
  }
  result.headMemory = use[rt::Purpose::ClassCenters] +
                      use[rt::Purpose::ClassCenterState] +
                      result.memory.headPeak;

  HeadShape shape;
  shape.ranks = result.ranks;
  shape.wholeBatch = result.ranks * result.batchPerRank;
  shape.classes = (result.classes + result.ranks - 1) / result.ranks;
  shape.dimensions = settings.embedding_size();
  shape.states = llvm::count_if(*variant.variables(), [](const auto *state) {
    return state->shard() && state->role() == fb::Role_OptimizerState;
  });
  // All positives are kept.
  shape.sampled = std::min(
      shape.classes,
      std::max(static_cast<int64_t>(std::floor(
                   result.sampleRate * static_cast<double>(shape.classes))),
               (shape.wholeBatch + result.ranks - 1) / result.ranks));
  result.partialFC = peerHead(shape, machine);
  shape.sampled = shape.classes;
  result.modelParallel = peerHead(shape, machine);
  return result;
}

//===----------------------------------------------------------------------===//
// For people
//===----------------------------------------------------------------------===//

static std::string bytesOf(double bytes) {
  return rt::bytesText(static_cast<uint64_t>(bytes));
}

/// "1.62 T"
static std::string countOf(double count) {
  static constexpr const char *units[] = {"", "K", "M", "G", "T", "P"};
  size_t unit = 0;
  for (; count >= 1000 && unit + 1 < std::size(units); ++unit)
    count /= 1000;
  std::string text;
  llvm::raw_string_ostream(text)
      << llvm::format(unit == 0 ? "%.0f %s" : "%.2f %s", count, units[unit]);
  return text;
}

static void printMemory(const Explanation &e, llvm::raw_ostream &os) {
  os << "memory of a rank\n";
  auto line = [&](const char *what, uint64_t bytes) {
    if (bytes != 0)
      os << llvm::format("  %-26s %12s\n", what, rt::bytesText(bytes).c_str());
  };
  for (size_t i = 0; i < rt::purposeCount; ++i)
    line(rt::purposeName(static_cast<rt::Purpose>(i)), e.memory.use.bytes[i]);
  line("alignment and gaps", e.memory.unused);
  line("arena", e.memory.arena);
  line("in the host's memory", e.memory.host);
  line("library workspace", e.workspace);
  line("process", e.process);
  line("copy for a checkpoint", e.checkpointCopy);
  if (!e.fits())
    os << "  does not fit: a rank of " << e.machine.name << " has "
       << rt::bytesText(e.machine.memory) << ", "
       << rt::bytesText(e.needed() - e.machine.memory) << " less; "
       << rt::fittingAdvice(e.machine.memory, e.workspace) << '\n';
}

static void printRow(const char *what, const Cost &cost,
                     llvm::raw_ostream &os) {
  os << llvm::format("  %-26s %7llu %11s %12s %12s %10.3f  %s\n", what,
                     static_cast<unsigned long long>(cost.instructions),
                     countOf(cost.flops).c_str(), bytesOf(cost.bytes).c_str(),
                     bytesOf(cost.sent).c_str(), cost.seconds * 1e3,
                     cost.bound());
}

static void printWork(const Explanation &e, llvm::raw_ostream &os) {
  os << llvm::format("%-28s %7s %11s %12s %12s %10s  %s\n", "work of a step",
                     "number", "FLOP", "memory", "sent", "ms", "bound by");
  for (size_t i = 0; i < partCount; ++i)
    if (e.step.parts[i].instructions != 0)
      printRow(partName(static_cast<Part>(i)), e.step.parts[i], os);
  printRow("in all", e.step.total(), os);
}

static void printHeads(const Explanation &e, llvm::raw_ostream &os) {
  os << llvm::format("%-28s %12s %10s\n", "the head", "memory", "ms");
  auto line = [&](const std::string &what, double memory, double seconds) {
    os << llvm::format("  %-26s %12s %10.3f\n", what.c_str(),
                       bytesOf(memory).c_str(), seconds * 1e3);
  };
  line("this plan", static_cast<double>(e.headMemory), e.step.head().seconds);
  os << llvm::format("  %-26s %12s\n", "its logits at most",
                     bytesOf(static_cast<double>(e.memory.logitsPeak)).c_str());
  line("PyTorch, PartialFC_V2", e.partialFC.memory, e.partialFC.seconds);
  line("PyTorch, model parallel", e.modelParallel.memory,
       e.modelParallel.seconds);
}

void pfc::explain::printAdvice(const Explanation &e, llvm::raw_ostream &os) {
  constexpr uint64_t muchToSum = 1 << 20;
  if (llvm::StringRef(e.step.bound()) == "network" && e.wideSums > muchToSum)
    os << rt::bytesText(e.wideSums)
       << " of gradients cross the ranks in fp32; cluster.gradient_precision = "
          "\"bf16\" halves them\n";
}

void pfc::explain::printText(const Explanation &e, llvm::raw_ostream &os) {
  os << e.plan << " on " << e.ranks << " x " << e.machine.name << ", "
     << e.precision << ": batch " << e.batchPerRank << " a rank, "
     << e.ranks * e.batchPerRank << " in all; " << e.classes
     << " classes, sample rate " << llvm::format("%g", e.sampleRate);
  if (!e.recomputed.empty())
    os << "; recomputes " << e.recomputed;
  os << "\n";
  os << "rates: " << e.machine.source << "\n";
  if (!e.lacking.empty()) {
    os << e.machine.name << " is " << e.machine.chip << ", and " << e.lacking
       << ": pfc-run takes " << e.precision << '\n';
  }
  os << '\n';
  printMemory(e, os);
  os << '\n';
  printWork(e, os);
  os << '\n';
  printHeads(e, os);
  os << llvm::format("\npredicted: %.2f ms a step (%.2f of them waiting for "
                     "other ranks",
                     e.step.seconds * 1e3,
                     (e.step.waiting - e.step.forCopies) * 1e3);
  if (e.step.forCopies > 0)
    os << llvm::format(", %.2f for the rank's own sampling and copies",
                       e.step.forCopies * 1e3);
  os << llvm::format("), %.0f images/s, bound by %s\n", e.imagesPerSecond(),
                     e.step.bound());
  printAdvice(e, os);
}

//===----------------------------------------------------------------------===//
// For programs
//===----------------------------------------------------------------------===//

static llvm::json::Object jsonOf(const Cost &cost) {
  return llvm::json::Object{
      {"instructions", static_cast<int64_t>(cost.instructions)},
      {"flops", cost.flops},
      {"memory_bytes", cost.bytes},
      {"sent_bytes", cost.sent},
      {"seconds", cost.seconds},
      {"bound_by", cost.bound()}};
}

static llvm::json::Object jsonOf(double memory, double seconds) {
  return llvm::json::Object{{"memory_bytes", memory}, {"seconds", seconds}};
}

void pfc::explain::printJson(const Explanation &e, llvm::raw_ostream &os) {
  llvm::json::Object memory, work;
  for (size_t i = 0; i < rt::purposeCount; ++i)
    memory[rt::purposeName(static_cast<rt::Purpose>(i))] =
        static_cast<int64_t>(e.memory.use.bytes[i]);
  memory["alignment and gaps"] = static_cast<int64_t>(e.memory.unused);
  memory["arena"] = static_cast<int64_t>(e.memory.arena);
  memory["in the host's memory"] = static_cast<int64_t>(e.memory.host);
  memory["copy for a checkpoint"] = static_cast<int64_t>(e.checkpointCopy);
  memory["library workspace"] = static_cast<int64_t>(e.workspace);
  if (e.process != 0)
    memory["process"] = static_cast<int64_t>(e.process);
  for (size_t i = 0; i < partCount; ++i)
    work[partName(static_cast<Part>(i))] = jsonOf(e.step.parts[i]);
  llvm::json::Object root{
      {"plan", e.plan},
      {"machine", e.machine.name},
      {"ranks", e.ranks},
      {"precision", e.precision},
      {"batch_per_rank", e.batchPerRank},
      {"classes", e.classes},
      {"sample_rate", e.sampleRate},
      {"recomputed", e.recomputed},
      {"memory_bytes", std::move(memory)},
      {"fits", e.fits()},
      {"work", std::move(work)},
      {"in_all", jsonOf(e.step.total())},
      {"step", llvm::json::Object{{"seconds", e.step.seconds},
                                  {"waiting", e.step.waiting},
                                  {"waiting_for_copies", e.step.forCopies},
                                  {"bound_by", e.step.bound()}}},
      {"images_per_second", e.imagesPerSecond()},
      {"head",
       llvm::json::Object{
           {"this plan",
            jsonOf(static_cast<double>(e.headMemory), e.step.head().seconds)},
           {"logits_bytes", static_cast<int64_t>(e.memory.logitsPeak)},
           {"PartialFC_V2", jsonOf(e.partialFC.memory, e.partialFC.seconds)},
           {"model parallel",
            jsonOf(e.modelParallel.memory, e.modelParallel.seconds)}}}};
  os << llvm::formatv("{0:2}\n", llvm::json::Value(std::move(root)));
}
