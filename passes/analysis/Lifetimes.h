//===- Lifetimes.h - When a program needs its buffers -----------*- C++ -*-===//
//
// The ops of a program are numbered 0, 1, …, n−1 in order. A buffer that has
// bytes of its own (input, rank_constant, alloc) is live from its first use to
// its last, where a use of a view is a use of what it views:
//
//     input           from −1, as the host writes it before
//     rank_constant   from −1 to n, the whole program
//     plan.output     is a use at n, as the host reads afterwards
//     plan.wait       is a use of what its collective uses
//
// A use of a plan.span is a use of each of its parts. State is live always and
// not listed.
//
//===----------------------------------------------------------------------===//
#ifndef PASSES_ANALYSIS_LIFETIMES_H
#define PASSES_ANALYSIS_LIFETIMES_H

#include "dialects/plan/ir/PlanDialect.h"

namespace pfc {

/// A buffer and the ops between which it is live, both included.
struct Lifetime {
  mlir::Value buffer;
  int64_t first;
  int64_t last;

  bool overlaps(const Lifetime &other) const {
    return first <= other.last && other.first <= last;
  }
};

/// The lifetimes of a program's buffers, in the order of their ops. An alloc
/// without a use has none.
llvm::SmallVector<Lifetime> computeLifetimes(plan::ProgramOp program);

/// The most bytes that are live at once: no placement can need fewer.
int64_t peakLiveBytes(llvm::ArrayRef<Lifetime> lifetimes);

} // namespace pfc

#endif // PASSES_ANALYSIS_LIFETIMES_H
