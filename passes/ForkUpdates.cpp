//===- ForkUpdates.cpp - Updates beside the backward pass -----------------===//
//
// The class centers' gradients and updates stand in front of the backbone's
// backward pass, which needs nothing of them:
//
//     patch, Eᵀ·X̂, update_rows   a tile        ┐ plan.beside
//     patch, Eᵀ·X̂, update_rows   the next      ┘
//     batch norm's gradient, …                  needs none of it
//     …
//     plan.wait                                 as late as memory allows
//
// A run of instructions may become such a branch if nothing outside of it needs
// what they write but the next step (state). What they write for each other is
// theirs until the wait, so those of it that are not needed at once share bytes
// here already.
//
//===----------------------------------------------------------------------===//
#include "passes/Passes.h"
#include "passes/analysis/Dependences.h"
#include "passes/analysis/Lifetimes.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/MapVector.h"

#include <map>

namespace pfc {
#define GEN_PASS_DEF_FORKUPDATESPASS
#include "passes/Passes.h.inc"
} // namespace pfc

using namespace mlir;
using namespace pfc;

namespace {

/// Instructions [first, end) of those that Dependences numbers.
struct Run {
  unsigned first, end;
};

class Forker {
  /// Of a buffer, by instruction.
  struct Use {
    unsigned first, last;
  };

public:
  Forker(plan::ProgramOp program, int64_t leastBytes, int64_t moreBytes)
      : program(program), leastBytes(leastBytes), dependences(program),
        mostBytes(peakLiveBytes(computeLifetimes(program)) + moreBytes) {
    for (auto output : program.getOps<plan::OutputOp>())
      outputs.insert(plan::viewedBuffer(output.getBuffer()));
  }

  void run();

private:
  plan::ProgramOp program;
  int64_t leastBytes;
  Dependences dependences;
  int64_t mostBytes; ///< that the program may need with branches
  llvm::DenseSet<Value> outputs;

  plan::InstructionOpInterface op(unsigned i) const {
    return dependences.instructions()[i];
  }
  bool mayBranch(unsigned i) const;
  bool isReadOutside(unsigned i, Run run) const;
  SmallVector<Run> findRuns() const;
  int64_t bytesOf(Run run) const;
  bool hasWorkBehind(Run run) const;
  SmallVector<std::pair<Value, Use>> scratchOf(Run run) const;
  void shareScratch(Run run);
  plan::BesideOp makeBranch(Run run);
  void fork(Run run);
};

} // namespace

/// Whether a branch may have it, and no host wants what it writes.
bool Forker::mayBranch(unsigned i) const {
  if (!isa<plan::LaunchOp, plan::MatmulOp, plan::CopyOp>(op(i)) ||
      plan::isTransfer(op(i)))
    return false;
  return llvm::none_of(op(i)->getOpOperands(), [&](OpOperand &operand) {
    return op(i).writesOperand(operand.getOperandNumber()) &&
           outputs.contains(plan::viewedBuffer(operand.get()));
  });
}

/// Whether an instruction behind the run comes after `i`.
bool Forker::isReadOutside(unsigned i, Run run) const {
  return llvm::any_of(dependences.successors(i),
                      [&](unsigned next) { return next >= run.end; });
}

/// Each as long as it can be, in the program's order.
SmallVector<Run> Forker::findRuns() const {
  SmallVector<Run> runs;
  for (unsigned end = dependences.instructions().size(); end > 0;) {
    Run run{end, end};
    while (run.first > 0 && mayBranch(run.first - 1) &&
           !isReadOutside(run.first - 1, run) &&
           (run.first == end ||
            op(run.first - 1)->getNextNode() == op(run.first).getOperation()))
      --run.first;
    if (run.first < run.end)
      runs.push_back(run);
    end = run.first < run.end ? run.first : end - 1;
  }
  std::reverse(runs.begin(), runs.end());
  return runs;
}

int64_t Forker::bytesOf(Run run) const {
  int64_t bytes = 0;
  for (unsigned i = run.first; i < run.end; ++i)
    if (plan::CostAttr cost = op(i).getPredictedCost())
      bytes += cost.getRead() + cost.getWritten();
  return bytes;
}

/// Whether there is something to go on beside: what others need.
bool Forker::hasWorkBehind(Run run) const {
  unsigned count = dependences.instructions().size();
  for (unsigned i = run.end; i < count; ++i)
    if (!plan::isTransfer(op(i)) && !dependences.successors(i).empty())
      return true;
  return false;
}

/// The buffers that the run alone has, the largest first, and when it has them.
SmallVector<std::pair<Value, Forker::Use>> Forker::scratchOf(Run run) const {
  llvm::MapVector<Value, Use> scratch;
  llvm::DenseSet<Operation *> inside;
  for (unsigned i = run.first; i < run.end; ++i)
    inside.insert(op(i));
  auto isOutside = [&](Operation *user) { return !inside.contains(user); };
  for (unsigned i = run.first; i < run.end; ++i)
    for (Value buffer : op(i)->getOperands())
      if (buffer.getDefiningOp<plan::AllocOp>() &&
          llvm::none_of(buffer.getUsers(), isOutside))
        scratch.try_emplace(buffer, Use{i, i}).first->second.last = i;
  SmallVector<std::pair<Value, Use>> largestFirst(scratch.begin(),
                                                  scratch.end());
  llvm::stable_sort(largestFirst, [](const auto &a, const auto &b) {
    return plan::byteSize(cast<MemRefType>(a.first.getType())) >
           plan::byteSize(cast<MemRefType>(b.first.getType()));
  });
  return largestFirst;
}

/// They take the bytes of one that the run has no use for at that time.
void Forker::shareScratch(Run run) {
  using Uses = std::map<unsigned, unsigned>; // disjoint: the last by the first
  auto isFree = [](const Uses &uses, Use use) {
    auto behind = uses.upper_bound(use.last);
    return behind == uses.begin() || std::prev(behind)->second < use.first;
  };
  auto width = [](Value value) {
    return cast<MemRefType>(value.getType()).getElementTypeBitWidth();
  };
  llvm::MapVector<Value, Uses> holders;
  for (auto &[buffer, use] : scratchOf(run)) {
    auto *holder = llvm::find_if(holders, [&](const auto &entry) {
      return width(entry.first) == width(buffer) && isFree(entry.second, use);
    });
    if (holder == holders.end()) {
      holders[buffer][use.first] = use.last;
      continue;
    }
    holder->second[use.first] = use.last;
    Value shared = holder->first;
    if (shared.getType() != buffer.getType()) {
      OpBuilder builder(program.getContext());
      builder.setInsertionPointAfterValue(shared);
      shared = plan::ViewOp::create(builder, buffer.getLoc(), buffer.getType(),
                                    shared);
    }
    buffer.replaceAllUsesWith(shared);
    buffer.getDefiningOp()->erase();
  }
}

/// The run's instructions as one, where they stand.
plan::BesideOp Forker::makeBranch(Run run) {
  llvm::MapVector<Value, bool> buffers; // and which are written
  for (unsigned i = run.first; i < run.end; ++i)
    for (OpOperand &operand : op(i)->getOpOperands())
      buffers[plan::viewedBuffer(operand.get())] |=
          op(i).writesOperand(operand.getOperandNumber());
  SmallVector<Value> given;
  SmallVector<int64_t> writes;
  for (auto [at, entry] : llvm::enumerate(buffers)) {
    given.push_back(entry.first);
    if (entry.second)
      writes.push_back(at);
  }
  OpBuilder builder(op(run.first));
  auto branch = plan::BesideOp::create(
      builder, op(run.end - 1)->getLoc(),
      plan::TransferType::get(builder.getContext()), given, writes);
  Block &body = branch.getBody().emplaceBlock();
  for (unsigned i = run.first; i < run.end; ++i)
    op(i)->moveBefore(&body, body.end());
  return branch;
}

/// With the wait as late as memory allows. Not worth it where that is at once.
void Forker::fork(Run run) {
  shareScratch(run);
  plan::BesideOp branch = makeBranch(run);
  SmallVector<Operation *> behind;
  for (Operation *next = branch->getNextNode();
       next && !isa<plan::OutputOp>(next); next = next->getNextNode())
    behind.push_back(next);
  OpBuilder builder(program.getContext());
  builder.setInsertionPointAfter(branch);
  auto wait =
      plan::WaitOp::create(builder, branch.getLoc(), branch.getTransfer());
  auto fits = [&](size_t count) { // behind so many
    wait->moveAfter(behind[count - 1]);
    return peakLiveBytes(computeLifetimes(program)) <= mostBytes;
  };
  size_t good = 0, bad = behind.size() + 1;
  while (bad - good > 1) {
    size_t middle = good + (bad - good) / 2;
    (fits(middle) ? good : bad) = middle;
  }
  if (good > 0) {
    fits(good);
    return;
  }
  wait->erase();
  for (Operation &each : llvm::make_early_inc_range(branch.getBody().front()))
    each.moveBefore(branch);
  branch->erase();
}

void Forker::run() {
  SmallVector<Run> runs = findRuns();
  llvm::erase_if(runs, [&](Run run) {
    return bytesOf(run) < leastBytes || !hasWorkBehind(run);
  });
  auto *largest = llvm::max_element(
      runs, [&](Run a, Run b) { return bytesOf(a) < bytesOf(b); });
  if (largest != runs.end())
    fork(*largest);
}

namespace {

struct ForkUpdatesPass : pfc::impl::ForkUpdatesPassBase<ForkUpdatesPass> {
  using Base::Base;

  void runOnOperation() override {
    for (auto program : getOperation().getOps<plan::ProgramOp>()) {
      moveBuffersToFront(program);
      Forker(program, leastBytes, moreBytes).run();
    }
  }
};

} // namespace
