#include "StepCost.h"

#include "runtime/plan/InstructionBuffers.h"
#include "runtime/plan/PlanMemory.h"
#include "runtime/plan/Shape.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <map>

using namespace pfc;
using namespace pfc::explain;
namespace fb = pfc::plan::fb;

const char *pfc::explain::partName(Part part) {
  switch (part) {
  case Part::BackboneConvolutions:
    return "backbone: convolutions";
  case Part::BackboneProducts:
    return "backbone: products";
  case Part::BackboneKernels:
    return "backbone: kernels";
  case Part::BackboneCollectives:
    return "backbone: collectives";
  case Part::HeadProducts:
    return "head: products";
  case Part::HeadKernels:
    return "head: kernels";
  case Part::HeadCollectives:
    return "head: collectives";
  }
  llvm_unreachable("all parts are named");
}

static Part partOf(const fb::Instruction &instruction) {
  bool head = pfc::rt::belongsToHead(instruction.location());
  switch (instruction.operation_type()) {
  case fb::Operation_Conv:
    return Part::BackboneConvolutions;
  case fb::Operation_Matmul:
    return head ? Part::HeadProducts : Part::BackboneProducts;
  case fb::Operation_Collective:
    return head ? Part::HeadCollectives : Part::BackboneCollectives;
  default:
    return head ? Part::HeadKernels : Part::BackboneKernels;
  }
}

static bool isHalf(const fb::Program &step, uint32_t buffer) {
  return pfc::rt::byteWidth(step.buffers()->Get(buffer)->dtype()) == 2;
}

/// FLOP/s of the unit that does the instruction. Kernels compute in fp32, on
/// what a machine has for fp32 products.
static double rateOf(const fb::Program &step, const fb::Instruction &i,
                     const Machine &machine) {
  if (const fb::Conv *conv = i.operation_as_Conv())
    return isHalf(step, conv->lhs()) ? machine.convHalf : machine.convSingle;
  if (const fb::Matmul *product = i.operation_as_Matmul())
    return isHalf(step, product->lhs()) ? machine.half : machine.single;
  return machine.single;
}

Cost pfc::explain::collectiveCost(fb::CollectiveKind kind, double bytes,
                                  int64_t ranks, const Machine &machine) {
  Cost cost;
  if (ranks == 1)
    return cost;
  const Link &link = machine.link(ranks);
  double w = static_cast<double>(ranks);
  double rounds = llvm::Log2_64_Ceil(static_cast<uint64_t>(ranks));
  switch (kind) {
  case fb::CollectiveKind_AllReduceSum:
    cost.sent = 2 * (w - 1) / w * bytes;
    rounds *= 2;
    break;
  case fb::CollectiveKind_AllGather:
    cost.sent = (w - 1) * bytes;
    break;
  case fb::CollectiveKind_ReduceScatterSum:
    cost.sent = (w - 1) / w * bytes;
    break;
  }
  cost.seconds = rounds * link.latency + cost.sent / link.bandwidth;
  cost.talking = cost.seconds;
  return cost;
}

static double flopsOf(const fb::Instruction &i) {
  return i.cost() ? static_cast<double>(i.cost()->flops()) : 0;
}

/// `fused` of its operations are those of products, at `productRate`.
static Cost instructionCost(const fb::Program &step, const fb::Instruction &i,
                            int64_t ranks, const Machine &machine,
                            double fused = 0, double productRate = 1) {
  Cost cost;
  const fb::Cost *counted = i.cost();
  if (const fb::Collective *collective = i.operation_as_Collective()) {
    const fb::Buffer &source = *step.buffers()->Get(collective->source());
    double bytes =
        static_cast<double>(rt::byteSize(*source.shape(), source.dtype()));
    cost = collectiveCost(collective->kind(), bytes, ranks, machine);
  } else {
    if (counted) {
      cost.flops = flopsOf(i);
      cost.bytes =
          static_cast<double>(counted->bytes_read() + counted->bytes_written());
    }
    double computing =
        fused / productRate + (cost.flops - fused) / rateOf(step, i, machine);
    if (const fb::Launch *launch = i.operation_as_Launch();
        launch && launch->extent() == 1)
      computing *= machine.blocks;
    double moving = cost.bytes / machine.bandwidth;
    if (rt::isTransfer(i) && counted) // each byte is read here, written there
      moving = cost.bytes / 2 / machine.host;
    cost.seconds = std::max({computing, moving, machine.launch});
    (computing > moving ? cost.computing : cost.moving) = cost.seconds;
  }
  cost.instructions = 1;
  return cost;
}

namespace {

/// Instructions that can be executed instead of others.
using Instructions = std::vector<const fb::Instruction *>;
using Parts = std::array<Cost, partCount>;

double secondsOf(const Parts &parts) {
  double seconds = 0;
  for (const Cost &part : parts)
    seconds += part.seconds;
  return seconds;
}

/// What each form of a plan's instructions costs.
class FormCosts {
public:
  FormCosts(const fb::Program &step, int64_t ranks, const Machine &machine)
      : step(step), ranks(ranks), machine(machine) {}

  /// Finds the best of those that the machine can do.
  void compare() {
    if (!step.alternatives())
      return;
    for (const fb::Alternative *form : *step.alternatives())
      if (machine.supports(form->requires_() ? form->requires_()->str() : ""))
        consider(*form);
  }

  /// The number of instructions from `first` on that another form replaces, 0
  /// if none does; its costs to `parts`.
  uint32_t replaced(uint32_t first, Parts &parts) const {
    auto found = best.find(first);
    if (found == best.end())
      return 0;
    parts = found->second.parts;
    return found->second.count;
  }

private:
  struct Form {
    uint32_t count;
    Parts parts;
  };

  void consider(const fb::Alternative &form);
  /// `replaced` are the instructions that these stand for, if they do.
  Parts partsOf(const Instructions &instructions,
                const Instructions &replaced) const;

  const fb::Program &step;
  int64_t ranks;
  const Machine &machine;
  std::map<uint32_t, Form> best; // by the first instruction
};

/// The products among them, and how fast they go.
struct Products {
  double flops, rate;
};

Products productsOf(const Instructions &instructions, const fb::Program &step,
                    const Machine &machine) {
  Products products = {0, 1};
  for (const fb::Instruction *i : instructions)
    if (i->operation_type() == fb::Operation_Matmul) {
      products.flops += flopsOf(*i);
      products.rate = rateOf(step, *i, machine);
    }
  return products;
}

Parts FormCosts::partsOf(const Instructions &instructions,
                         const Instructions &replaced) const {
  // What no product does any more, kernels do.
  Products before = productsOf(replaced, step, machine);
  double fused = std::max(
      0.0, before.flops - productsOf(instructions, step, machine).flops);
  Parts parts;
  for (const fb::Instruction *i : instructions) {
    double share = i->operation_type() == fb::Operation_Launch
                       ? std::min(fused, flopsOf(*i))
                       : 0;
    fused -= share;
    parts[static_cast<size_t>(partOf(*i))] +=
        instructionCost(step, *i, ranks, machine, share, before.rate);
  }
  return parts;
}

void FormCosts::consider(const fb::Alternative &form) {
  Instructions own, other;
  for (uint32_t n = 0; n < form.count(); ++n)
    own.push_back(step.instructions()->Get(form.first() + n));
  for (const fb::Instruction *i : *form.instructions())
    other.push_back(i);
  auto [known, isFirst] = best.try_emplace(form.first());
  Form &least = known->second;
  if (isFirst)
    least = {form.count(), partsOf(own, {})};
  if (Parts parts = partsOf(other, own);
      secondsOf(parts) < secondsOf(least.parts))
    least.parts = parts;
}

} // namespace

Cost &Cost::operator+=(const Cost &other) {
  instructions += other.instructions;
  flops += other.flops;
  bytes += other.bytes;
  sent += other.sent;
  seconds += other.seconds;
  computing += other.computing;
  moving += other.moving;
  talking += other.talking;
  copying += other.copying;
  return *this;
}

const char *Cost::bound() const {
  const double memory = moving + copying;
  if (talking > computing && talking > memory)
    return "network";
  return computing >= memory ? "compute" : "memory";
}

Cost StepCost::total() const {
  Cost sum;
  for (const Cost &part : parts)
    sum += part;
  return sum;
}

Cost StepCost::head() const {
  Cost sum;
  for (size_t i = 0; i < partCount; ++i)
    if (isHead(static_cast<Part>(i)))
      sum += parts[i];
  return sum;
}

const char *StepCost::bound() const {
  Cost exposed = total();
  exposed.talking = waiting - forCopies;
  exposed.copying = forCopies;
  return exposed.bound();
}

namespace {

/// When each of a rank's streams is free, in seconds.
struct Timeline {
  double computing = 0, exchanging = 0, copying = 0, waiting = 0, forCopies = 0;
  struct End {
    double at = 0;
    bool network = false;
  };
  llvm::DenseMap<uint32_t, End> ends = {}; // of transfers

  rt::TimeSpan compute(double seconds) {
    const double begin = computing;
    computing += seconds;
    return {begin, computing};
  }
  /// On the network, or the link to the host's memory.
  rt::TimeSpan transfer(uint32_t instruction, bool network, double seconds) {
    double &stream = network ? exchanging : copying;
    const double begin = std::max(stream, computing);
    stream = begin + seconds;
    ends[instruction] = {stream, network};
    return {begin, stream};
  }
  rt::TimeSpan wait(uint32_t transfer) {
    const double begin = computing;
    const End end = ends.lookup(transfer);
    computing = std::max(computing, end.at);
    waiting += computing - begin;
    if (!end.network)
      forCopies += computing - begin;
    return {begin, computing};
  }
};

} // namespace

StepCost pfc::explain::stepCost(const fb::Program &step, int64_t ranks,
                                const Machine &machine, Forms counted) {
  const std::vector<bool> waitedFor = rt::transfersWaitedFor(step);
  StepCost result;
  result.times = rt::StepTimes(step.instructions()->size());
  FormCosts forms(step, ranks, machine);
  if (counted == Forms::Best)
    forms.compare();
  Timeline timeline;
  for (uint32_t number = 0; number < step.instructions()->size(); ++number) {
    const fb::Instruction &i = *step.instructions()->Get(number);
    rt::TimeSpan &running = result.times.running[number];
    Parts ofForm;
    if (uint32_t count = forms.replaced(number, ofForm)) {
      for (size_t part = 0; part < partCount; ++part)
        result.parts[part] += ofForm[part];
      timeline.compute(secondsOf(ofForm));
      number += count - 1;
      continue;
    }
    if (const fb::Wait *wait = i.operation_as_Wait()) {
      running = timeline.wait(wait->transfer());
      continue;
    }
    Cost cost = instructionCost(step, i, ranks, machine);
    if (rt::isTransfer(i) && !i.operation_as_Collective()) {
      cost.copying = cost.seconds;
      cost.computing = cost.moving = 0;
    }
    result.parts[static_cast<size_t>(partOf(i))] += cost;
    if (!rt::isTransfer(i)) {
      running = timeline.compute(cost.seconds);
      continue;
    }
    running = timeline.transfer(
        number, i.operation_type() == fb::Operation_Collective, cost.seconds);
    if (!waitedFor[number])
      result.times.waiting[number] = timeline.wait(number);
  }
  result.seconds = timeline.computing;
  result.waiting = timeline.waiting;
  result.forCopies = timeline.forCopies;
  return result;
}
