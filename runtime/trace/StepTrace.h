//===- StepTrace.h - When the instructions of a step ran --------*- C++ -*-===//
//
// A trace in the format that Perfetto (ui.perfetto.dev) and Chrome's
// about:tracing open: one process a rank, in it a row for what computes, one
// for transfers between ranks and, where there are some, one for copies between
// the host's memory and the device's, on them the instructions of the step.
// What `pfcc show
// --timeline` predicts and `pfc-run --trace` measured has the same rows, and in
// each the same names in the same order.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_TRACE_STEPTRACE_H
#define PFC_RUNTIME_TRACE_STEPTRACE_H

#include "runtime/plan/plan_generated.h"

#include <string>
#include <vector>

namespace pfc::rt {

/// Seconds since the step began.
struct TimeSpan {
  double begin = 0, end = 0;
};

/// By instruction of the program.
struct StepTimes {
  explicit StepTimes(size_t instructions = 0)
      : running(instructions), waiting(instructions) {}

  std::vector<TimeSpan> running;
  /// Of transfers that no instruction waits for: how long computation does.
  std::vector<TimeSpan> waiting;
};

/// The transfers that an instruction of `program` waits for, by instruction.
std::vector<bool> transfersWaitedFor(const plan::fb::Program &program);

/// A trace of one step of `program`, by rank. `title` says what it is:
/// "predicted for h200", "measured, step 3".
std::string traceText(const plan::fb::Variant &variant,
                      const plan::fb::Program &program,
                      const std::vector<StepTimes> &ranks,
                      const std::string &title);

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRACE_STEPTRACE_H
