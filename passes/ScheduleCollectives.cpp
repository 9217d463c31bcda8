//===- ScheduleCollectives.cpp - Transfers under computation --------------===//
//
// A list scheduler of three streams, one that computes, one that exchanges with
// other ranks and one that copies between the host's memory and the device's,
// or does a block's work beside the others', on a machine of the pass's options
// (the rates matter by their ratio alone):
//
//   - a transfer starts as soon as its source is there;
//   - what a copy between the memories reads, as the sample of class centers,
//     is computed as soon as it can be;
//   - else the compute stream takes the first instruction, in the program's
//     order, that needs no unfinished transfer; if each one does, the one whose
//     transfers are done first;
//   - `plan.wait` stands in front of the first instruction that needs it.
//
// So instructions keep their order but where they would have to wait. Those
// that go far ahead keep what they write for long: they may write so much in
// all. If the program then needs that much more memory than in its own order,
// it is scheduled anew, and those that go ahead of readers that have to wait
// count as well.
//
//===----------------------------------------------------------------------===//
#include "passes/Passes.h"
#include "passes/analysis/Dependences.h"
#include "passes/analysis/Lifetimes.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/BitVector.h"

#include <limits>
#include <set>

namespace pfc {
#define GEN_PASS_DEF_SCHEDULECOLLECTIVESPASS
#include "passes/Passes.h.inc"
} // namespace pfc

using namespace mlir;
using namespace pfc;

namespace {

/// What the schedule assumes of a machine: operations, bytes a second, seconds.
struct Rates {
  double flops, memory, network, latency, hostLink;
  /// How many blocks a chip computes at once, of which a transfer is one.
  static constexpr double kBlocks = 100;

  /// Seconds that an instruction takes.
  double operator()(plan::InstructionOpInterface op) const {
    plan::CostAttr cost = op.getPredictedCost();
    if (isa<plan::CollectiveOp>(op))
      return latency +
             (cost ? static_cast<double>(cost.getSent()) / network : 0);
    if (!cost)
      return 0;
    if (plan::isTransfer(op))
      return std::max(
          static_cast<double>(std::max(cost.getRead(), cost.getWritten())) /
              hostLink,
          static_cast<double>(cost.getFlops()) * kBlocks / flops);
    return std::max(static_cast<double>(cost.getFlops()) / flops,
                    static_cast<double>(cost.getRead() + cost.getWritten()) /
                        memory);
  }
};

class Scheduler {
public:
  /// `sparing` memory, nothing goes ahead of its reader without being counted.
  Scheduler(plan::ProgramOp program, const Dependences &dependences,
            const Rates &rates, int64_t far, int64_t aheadBytes, bool sparing)
      : program(program), dependences(dependences), rates(rates), far(far),
        aheadBytes(aheadBytes), sparing(sparing),
        missing(dependences.instructions().size()),
        available(dependences.instructions().size()),
        done(dependences.instructions().size(), kNotScheduled) {}

  /// Reorders the program and adds the waits.
  void run();

private:
  plan::ProgramOp program;
  const Dependences &dependences;
  const Rates &rates;
  int64_t far;        ///< instructions
  int64_t aheadBytes; ///< that may still be written too early
  bool sparing;
  SmallVector<unsigned> missing; ///< predecessors not scheduled yet
  SmallVector<double> available; ///< when all of them are done
  SmallVector<double> done;      ///< when each is; infinite: not scheduled yet
  llvm::BitVector transfers;     ///< which are
  std::set<unsigned> ready;      ///< nothing missing, in the program's order
  std::set<unsigned> readyTransfers; ///< of these
  std::set<unsigned> readyCopied;    ///< of these, what a copy reads
  SmallVector<unsigned> order;
  double computing = 0;  ///< when the compute stream is free
  double exchanging = 0; ///< and the network
  double copying = 0;    ///< and the link to the host's memory

  static constexpr double kNotScheduled =
      std::numeric_limits<double>::infinity();

  unsigned choose() const;
  bool waits(unsigned i, llvm::BitVector &seen) const;
  bool isReadLate(unsigned i) const;
  bool isCopied(unsigned i) const;
  int64_t bytesAhead(unsigned i) const;
  bool mayGo(unsigned i) const { return bytesAhead(i) <= aheadBytes; }
  void schedule(unsigned i);
  plan::InstructionOpInterface op(unsigned i) const {
    return dependences.instructions()[i];
  }
  bool isTransfer(unsigned i) const { return transfers.test(i); }
  void makeReady(unsigned i) {
    ready.insert(i);
    if (isTransfer(i))
      readyTransfers.insert(i);
    else if (isCopied(i))
      readyCopied.insert(i);
  }
  double &streamOf(unsigned i) {
    if (!isTransfer(i))
      return computing;
    return isa<plan::CollectiveOp>(op(i)) ? exchanging : copying;
  }
  void addWaits();
};

} // namespace

/// Whether an instruction is behind a transfer that isn't done, as far as it
/// isn't behind one of `seen`.
bool Scheduler::waits(unsigned i, llvm::BitVector &seen) const {
  return llvm::any_of(dependences.predecessors(i), [&](unsigned before) {
    if (isTransfer(before))
      return done[before] > computing;
    if (done[before] != kNotScheduled || seen.test(before))
      return false;
    seen.set(before);
    return waits(before, seen);
  });
}

/// Whether what instruction `i` writes would lie there until a transfer is
/// done.
bool Scheduler::isReadLate(unsigned i) const {
  ArrayRef<unsigned> readers = dependences.successors(i);
  if (readers.empty())
    return false;
  unsigned first = *llvm::min_element(readers);
  llvm::BitVector seen(dependences.instructions().size());
  seen.set(i);
  return !isTransfer(first) && waits(first, seen);
}

/// Whether a copy between the host's memory and the device's reads what `i`
/// writes.
bool Scheduler::isCopied(unsigned i) const {
  return llvm::any_of(dependences.successors(i), [&](unsigned reader) {
    return isTransfer(reader) && !isa<plan::CollectiveOp>(op(reader));
  });
}

/// What instruction `i` would write too early. The first that is left needs
/// nothing that isn't there: it is always ready.
int64_t Scheduler::bytesAhead(unsigned i) const {
  unsigned first = *ready.begin();
  plan::CostAttr cost = op(i).getPredictedCost();
  if (i == first || !cost)
    return 0;
  bool early = i - first > far || (sparing && isReadLate(i));
  return early ? cost.getWritten() : 0;
}

/// A transfer whose source is there; else what one copies; else the first that
/// needn't wait; else the one that waits the least.
unsigned Scheduler::choose() const {
  for (unsigned i : readyTransfers)
    if (available[i] <= computing)
      return i;
  for (unsigned i : readyCopied)
    if (available[i] <= computing && mayGo(i))
      return i;
  unsigned least = *ready.begin();
  for (unsigned i : ready) {
    if (!isTransfer(i) && !mayGo(i))
      continue;
    if (available[i] <= computing)
      return i;
    if (available[i] < available[least])
      least = i;
  }
  return least;
}

void Scheduler::schedule(unsigned i) {
  aheadBytes -= bytesAhead(i);
  double &stream = streamOf(i);
  stream = std::max(stream, available[i]) + rates(op(i));
  done[i] = stream;
  ready.erase(i);
  readyTransfers.erase(i);
  readyCopied.erase(i);
  order.push_back(i);
  for (unsigned next : dependences.successors(i)) {
    available[next] = std::max(available[next], stream);
    if (--missing[next] == 0)
      makeReady(next);
  }
}

/// Walks the new order; a transfer is waited for by the first instruction that
/// depends on it, and at the end.
void Scheduler::addWaits() {
  llvm::DenseSet<unsigned> pending;
  auto waitFor = [&](unsigned transfer, Operation *position) {
    if (!pending.erase(transfer))
      return;
    Operation *started = op(transfer);
    OpBuilder builder(position->getContext());
    builder.setInsertionPointAfter(position);
    plan::WaitOp::create(builder, started->getLoc(), started->getResult(0));
  };
  Operation *last = nullptr;
  for (unsigned i : order) {
    for (unsigned needed : dependences.predecessors(i))
      if (last)
        waitFor(needed, last);
    if (isTransfer(i))
      pending.insert(i);
    last = op(i);
  }
  for (unsigned i : order)
    waitFor(i, last);
}

void Scheduler::run() {
  unsigned count = dependences.instructions().size();
  if (count == 0)
    return;
  transfers.resize(count);
  for (unsigned i = 0; i < count; ++i)
    transfers[i] = plan::isTransfer(op(i));
  for (unsigned i = 0; i < count; ++i)
    if ((missing[i] = dependences.predecessors(i).size()) == 0)
      makeReady(i);
  while (!ready.empty())
    schedule(choose());
  Block &body = program.getBody().front();
  for (unsigned i : order)
    op(i)->moveBefore(&body, body.end());
  addWaits();
  for (plan::OutputOp output :
       llvm::to_vector(program.getOps<plan::OutputOp>()))
    output->moveBefore(&body, body.end());
}

static void eraseWaits(plan::ProgramOp program) {
  for (auto wait : llvm::make_early_inc_range(program.getOps<plan::WaitOp>()))
    wait.erase();
}

static int64_t peakOf(plan::ProgramOp program) {
  return peakLiveBytes(computeLifetimes(program));
}

namespace {

struct ScheduleCollectivesPass
    : pfc::impl::ScheduleCollectivesPassBase<ScheduleCollectivesPass> {
  using Base::Base;

  void runOnOperation() override {
    Rates rates{flops, memoryBandwidth, networkBandwidth, latency,
                hostBandwidth};
    for (auto program : getOperation().getOps<plan::ProgramOp>()) {
      eraseWaits(program);
      moveBuffersToFront(program);
      Dependences dependences(program);
      int64_t inOrder = peakOf(program);
      for (bool sparing : {false, true}) {
        eraseWaits(program);
        Scheduler(program, dependences, rates, far, aheadBytes, sparing).run();
        if (peakOf(program) <= inOrder + aheadBytes)
          break;
      }
    }
  }
};

} // namespace
