//===- Recovery.cpp - The step loop when something isn't finite -------------=//
//
// A step that made a NaN has spoilt the state. So the ranks go back to the last
// checkpoint (or the beginning) and repeat the steps since then, which gives
// the same bits, one instruction at a time: the first step whose result or
// state isn't finite is found, and in it the first instruction. Without a NaN
// none of this costs anything.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/TrainLoop.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace pfc::rt {
namespace {

constexpr const char *program = trainProgram;

/// More steps are not repeated: it may take longer than it is worth.
constexpr int64_t mostRepeated = 2000;
/// So many left out among the last hundred are no accident.
constexpr int64_t mostSkipped = 10;

constexpr const char *advice =
    "training has diverged; try a lower train.optimizer.lr, a longer "
    "train.schedule.warmup_steps, or train.clip_grad_norm";

bool isFiniteOutput(Executor &executor, const char *name) {
  return !executor.hasOutput(program, name) ||
         std::isfinite(executor.output(program, name).at(0));
}

} // namespace

/// Finds out what happened at error.t, and says so. The number of steps done
/// from where training goes on, without the step that spoilt the state.
int64_t TrainLoop::recover(const NotFiniteError &error) {
  running.reset();
  checkpointer->wait();
  int64_t base = lastGoodStep();
  std::string kept =
      base == 0 ? "there is no checkpoint"
                : fmt::format("the last checkpoint is of step {}", base);
  if (error.t + 1 - base > mostRepeated)
    throw LastingError(
        fmt::format("{}; {}, too far back to find where it comes from; {}",
                    error.what(), kept, advice));
  if (reporter)
    reporter->message(fmt::format("{}: repeating the steps from {} on, to find "
                                  "where it comes from",
                                  error.what(), base + 1));
  goBackTo(base);
  for (int64_t t = base; t <= error.t; ++t) {
    if (skipped.count(t)) {
      loader->next();
      continue;
    }
    std::optional<std::string> first = repeat(t);
    if (!first)
      continue;
    std::string found = fmt::format("{}; first not finite, in step {}: {}",
                                    error.what(), t + 1, *first);
    skipped.insert(t);
    auto recent = std::distance(skipped.lower_bound(t - 100), skipped.end());
    if (!skipping || recent > mostSkipped)
      throw LastingError(fmt::format("{}; {}; {}", found, kept, advice));
    if (reporter)
      reporter->skipped(t + 1, found);
    goBackTo(base);
    replay(base, t + 1);
    return t + 1;
  }
  std::string chance = fmt::format(
      "{}; repeated from step {}, it is finite: a fault of this machine's "
      "memory, processor or GPU, not of the training",
      error.what(), base + 1);
  if (!skipping)
    throw Error(chance);
  if (reporter)
    reporter->message("warning: " + chance);
  return error.t + 1;
}

/// Of which there is a checkpoint; 0: the beginning.
int64_t TrainLoop::lastGoodStep() const {
  return std::max(checkpointer->lastStep(), firstStep());
}

/// The state after `step` steps, and the data that come next.
void TrainLoop::goBackTo(int64_t step) {
  Doing doing(job.communicator.activity(), "going back to the checkpoint",
              Activity::Kind::Slow);
  job.executor.clear(); // a NaN left in a buffer is not a new one
  if (step == firstStep())
    initialize();
  else
    Checkpoint(checkpointer->path(step))
        .load(job.variant, job.communicator.rank(), job.executor);
  loader = makeLoader(step, loader->badSamples());
}

/// Steps [from, to) as they were.
void TrainLoop::replay(int64_t from, int64_t to) {
  for (int64_t t = from; t < to; ++t) {
    if (skipped.count(t)) {
      loader->next();
      continue;
    }
    feed(t);
    job.executor.run(program);
  }
}

/// Step t, instruction by instruction. What wasn't finite first, on any rank,
/// where its result or the state it left isn't.
std::optional<std::string> TrainLoop::repeat(int64_t t) {
  feed(t);
  std::vector<FiniteFinding> findings =
      runLookingAtAll(job.executor, *job.device, program,
                      [&] { job.communicator.activity().getOn(); });
  // A gradient that overflowed was not used, and the next one is smaller.
  bool unused = job.executor.hasOutput(program, "skipped") &&
                job.executor.output(program, "skipped").at(0) > 0;
  bool good = isFiniteOutput(job.executor, "loss") &&
              (unused || isFiniteOutput(job.executor, "grad_norm"));
  if (good && stateNotFinite().empty()) {
    harmless.insert(findings.begin(), findings.end());
    return std::nullopt;
  }
  std::erase_if(findings, [this](const FiniteFinding &finding) {
    return harmless.count(finding) > 0;
  });
  return agreeOnFirst(findings);
}

/// The earliest instruction of all ranks' findings, and which rank has it.
std::string
TrainLoop::agreeOnFirst(const std::vector<FiniteFinding> &findings) {
  Doing doing(job.communicator.activity(), "all_gather of findings",
              Activity::Kind::Waits);
  constexpr int64_t none = std::numeric_limits<int64_t>::max();
  int64_t own = findings.empty() ? none : findings.front().instruction;
  std::vector<int64_t> all(static_cast<size_t>(job.communicator.worldSize()));
  job.communicator.allGather(
      {reinterpret_cast<std::byte *>(&own), plan::fb::DType_I64, {1}},
      {reinterpret_cast<std::byte *>(all.data()),
       plan::fb::DType_I64,
       {static_cast<int64_t>(all.size())}});
  auto least = std::min_element(all.begin(), all.end());
  if (*least == none)
    return "a variable, which no instruction shows";
  auto rank = static_cast<int>(least - all.begin());
  std::array<char, 512> text{};
  if (rank == job.communicator.rank())
    describe(job.executor, program, findings.front())
        .copy(text.data(), text.size() - 1);
  job.communicator.broadcast(text.data(), text.size(), rank);
  bool everywhere = std::all_of(all.begin(), all.end(),
                                [&](int64_t one) { return one == *least; });
  return fmt::format("{}, on {}", text.data(),
                     everywhere ? "every rank" : fmt::format("rank {}", rank));
}

/// The first variable that isn't finite, on the first rank that has one; empty
/// when all are. Collective.
std::string TrainLoop::stateNotFinite() {
  std::string own;
  {
    Doing doing(job.communicator.activity(), "looking at all of the state",
                Activity::Kind::Slow);
    own = firstNotFinite(
        StateFiles(job.variant, StateScope::All, job.communicator.rank()),
        readerOf(job.executor));
  }
  Doing doing(job.communicator.activity(), "all_reduce of a check",
              Activity::Kind::Waits);
  int64_t count = !own.empty();
  BufferView view{
      reinterpret_cast<std::byte *>(&count), plan::fb::DType_I64, {1}};
  job.communicator.allReduceSum(view, view);
  if (count == 0)
    return {};
  return own.empty() ? "a variable of another rank" : own;
}

/// A step can leave a state that isn't finite with a loss that is. Results and
/// accuracies of such are none. Collective.
void TrainLoop::requireFiniteState(int64_t stepsDone) {
  std::string bad = stateNotFinite();
  if (!bad.empty())
    throw NotFiniteError(
        fmt::format("'{}' is not finite after step {}", bad, stepsDone),
        stepsDone - 1);
}

} // namespace pfc::rt
