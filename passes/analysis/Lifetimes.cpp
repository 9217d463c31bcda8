#include "passes/analysis/Lifetimes.h"

#include "llvm/ADT/MapVector.h"

#include <map>

using namespace mlir;
using namespace pfc;

namespace {

class LifetimeBuilder {
public:
  explicit LifetimeBuilder(plan::ProgramOp program)
      : body(program.getBody().front()), end(body.getOperations().size()) {}

  SmallVector<Lifetime> build() {
    for (auto [at, op] : llvm::enumerate(body))
      visit(op, at);
    return llvm::map_to_vector(lifetimes,
                               [](const auto &entry) { return entry.second; });
  }

private:
  Block &body;
  int64_t end;
  /// In order of first mention, which makes everything deterministic.
  llvm::MapVector<Value, Lifetime> lifetimes;

  void use(Value operand, int64_t at) {
    Value buffer = plan::viewedBuffer(operand);
    if (plan::isState(buffer))
      return;
    if (auto span = buffer.getDefiningOp<plan::SpanOp>()) {
      for (Value part : span.getParts())
        use(part, at);
      return;
    }
    Lifetime &lifetime =
        lifetimes.try_emplace(buffer, Lifetime{buffer, at, at}).first->second;
    lifetime.first = std::min(lifetime.first, at);
    lifetime.last = std::max(lifetime.last, at);
  }

  void visit(Operation &op, int64_t at) {
    if (auto input = dyn_cast<plan::InputOp>(op)) {
      use(input.getBuffer(), -1);
    } else if (auto constant = dyn_cast<plan::RankConstantOp>(op)) {
      use(constant.getBuffer(), -1);
      use(constant.getBuffer(), end);
    } else if (auto output = dyn_cast<plan::OutputOp>(op)) {
      use(output.getBuffer(), end);
    } else if (auto wait = dyn_cast<plan::WaitOp>(op)) {
      for (Value operand : wait.getStarted()->getOperands())
        use(operand, at);
    } else if (isa<plan::InstructionOpInterface>(op)) {
      for (Value operand : op.getOperands())
        use(operand, at);
    }
  }
};

} // namespace

SmallVector<Lifetime> pfc::computeLifetimes(plan::ProgramOp program) {
  return LifetimeBuilder(program).build();
}

int64_t pfc::peakLiveBytes(ArrayRef<Lifetime> lifetimes) {
  std::map<int64_t, int64_t> change; // of live bytes, by op
  for (const Lifetime &lifetime : lifetimes) {
    int64_t bytes = plan::byteSize(cast<MemRefType>(lifetime.buffer.getType()));
    change[lifetime.first] += bytes;
    change[lifetime.last + 1] -= bytes;
  }
  int64_t live = 0, peak = 0;
  for (auto [at, bytes] : change)
    peak = std::max(peak, live += bytes);
  return peak;
}
