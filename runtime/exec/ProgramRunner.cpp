#include "runtime/exec/ProgramRunner.h"

#include "runtime/base/Error.h"
#include "runtime/plan/InstructionBuffers.h"
#include "runtime/trace/InstructionName.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <utility>

namespace pfc::rt {

ProgramRunner::ProgramRunner(const plan::fb::Program &program, int rank,
                             Device &device, Activity &activity,
                             std::function<void()> wait)
    : source(program), rank(rank), device(device), activity(activity),
      wait(std::move(wait)) {
  times.seconds.resize(program.instructions()->size());
}

void ProgramRunner::add(uint32_t instruction, std::unique_ptr<Task> task) {
  const Activity::Place *place = activity.keep(placeOf(instruction, *task));
  steps.push_back({instruction, std::move(task), place});
  pair(steps.size() - 1);
}

/// Finds what `finish` ends, if it ends a transfer.
void ProgramRunner::pair(size_t finish) {
  const auto &instructions = *source.instructions();
  uint32_t transfer = steps[finish].instruction;
  if (const auto *wait = instructions[transfer]->operation_as_Wait())
    transfer = wait->transfer();
  if (!isTransfer(*instructions[transfer]))
    return;
  for (size_t start = 0; start < finish; ++start)
    if (steps[start].instruction == transfer) {
      steps[start].role = Role::Starts;
      steps[start].partner = finish;
      steps[finish].role = Role::Finishes;
      steps[finish].partner = start;
    }
}

void ProgramRunner::addTimes(uint32_t collective, Ran ran) {
  transfers[collective] = std::move(ran);
}

/// "all_reduce of head, instruction 41 of train_step"
Activity::Place ProgramRunner::placeOf(uint32_t index, const Task &task) const {
  const plan::fb::Instruction &instruction = *source.instructions()->Get(index);
  uint32_t collective = index;
  if (const auto *wait = instruction.operation_as_Wait())
    collective = wait->transfer();
  std::string what;
  const auto *exchange =
      source.instructions()->Get(collective)->operation_as_Collective();
  if (exchange)
    what = collectiveName(exchange->kind());
  if (instruction.location() && instruction.location()->size() != 0)
    what += fmt::format("{}{}", what.empty() ? "" : " of ",
                        instruction.location()->str());
  // What a thread does beside the device is an exchange, or brings rows from a
  // file.
  Activity::Kind kind = task.recordable() ? Activity::Kind::Work
                        : exchange        ? Activity::Kind::Waits
                                          : Activity::Kind::Slow;
  return {fmt::format("{}{}instruction {} of {}", what,
                      what.empty() ? "" : ", ", index, source.name()->str()),
          kind};
}

std::string ProgramRunner::describe(uint32_t index) const {
  const plan::fb::Instruction &instruction = *source.instructions()->Get(index);
  std::string location;
  if (instruction.location() && instruction.location()->size() != 0)
    location = fmt::format(" ({})", instruction.location()->str());
  return fmt::format("program '{}', instruction {}{}, rank {}",
                     source.name()->str(), index, location, rank);
}

void ProgramRunner::execute(size_t step, bool alone) {
  activity.enter(steps[step].place);
  naming(step, [&] {
    Task &task = *steps[step].task;
    alone ? task.executeAlone() : task.execute();
    if (!ran)
      wait();
  });
}

/// Calls body; its error begins with what the step is of.
template <typename Body>
void ProgramRunner::naming(size_t step, Body body) {
  try {
    body();
  } catch (const std::exception &error) {
    fail("{}: {}", describe(steps[step].instruction), error.what());
  }
}

//===----------------------------------------------------------------------===//
// Branches
//===----------------------------------------------------------------------===//

/// What $PFC_BRANCHES says; null: what is measured to be faster.
static std::optional<std::string> wantedWay() {
  const char *value = std::getenv("PFC_BRANCHES");
  const std::string text = value ? value : "";
  if (text.empty() || text == "measured")
    return std::nullopt;
  require(text == "inline" || text == "beside" || text == "late",
          "PFC_BRANCHES is '{}'; 'measured', 'inline', 'beside' or 'late' is "
          "wanted",
          text);
  return text;
}

size_t ProgramRunner::firstStepOf(uint32_t instruction) const {
  return static_cast<size_t>(std::partition_point(steps.begin(), steps.end(),
                                                  [=](const Step &step) {
                                                    return step.instruction <
                                                           instruction;
                                                  }) -
                             steps.begin());
}

void ProgramRunner::addBranch(const plan::fb::Branch &branch, Beside beside) {
  branches.push_back({firstStepOf(branch.first()),
                      firstStepOf(branch.first() + branch.count()),
                      firstStepOf(branch.end()), std::move(beside)});
}

/// Unless it has to be measured.
std::optional<ProgramRunner::Way> ProgramRunner::decidedWay() const {
  if (branches.empty())
    return Way::Inline;
  const std::optional<std::string> wanted = wantedWay();
  if (wanted == "late")
    return Way::Late;
  const bool hasPlace = branches.front().beside.fork != nullptr;
  if (wanted == "inline" || !hasPlace)
    return Way::Inline;
  return wanted == "beside" ? std::optional(Way::Beside) : std::nullopt;
}

/// In turn, a run at a time.
void ProgramRunner::measureWays() {
  constexpr int runsOfEach = 5; // the least counts: others do other work
  const Way tried = measured % 2 == 0 ? Way::Inline : Way::Beside;
  wait();
  double seconds = secondsOf([&] { run(tried); });
  double &least = recordings[tried].seconds;
  least = std::min(least, seconds);
  if (++measured < 2 * runsOfEach)
    return;
  const double besides = recordings[Way::Beside].seconds,
               inlined = recordings[Way::Inline].seconds;
  way = besides < inlined ? Way::Beside : Way::Inline;
  recordings.erase(*way == Way::Beside ? Way::Inline : Way::Beside);
  if (rank == 0)
    fmt::print(stderr,
               "note: {} takes {:.2f} ms with its branches beside the rest, "
               "{:.2f} ms in turn\n",
               source.name()->str(), besides * 1e3, inlined * 1e3);
}

void ProgramRunner::fork(const Branch &branch) {
  branch.beside.fork->execute();
  for (size_t step = branch.begin; step < branch.end; ++step)
    naming(step, [&] { branch.beside.tasks[step - branch.begin]->execute(); });
}

void ProgramRunner::join(const Branch &branch, Way how) {
  if (how == Way::Beside)
    branch.beside.join->execute();
  else
    for (size_t step = branch.begin; step < branch.end; ++step)
      execute(step);
}

/// A branch that begins among these steps ends among them: a recording joins
/// what it forks. One has ended when the next begins.
void ProgramRunner::enqueueSteps(size_t begin, size_t end, Way how) {
  const Branch *open = nullptr;
  auto next = branches.begin();
  for (size_t step = begin; step < end; ++step) {
    if (open && open->joined == step)
      join(*std::exchange(open, nullptr), how);
    while (next != branches.end() && next->begin < step)
      ++next;
    if (how == Way::Inline || next == branches.end() || next->begin != step) {
      execute(step);
      continue;
    }
    open = &*next;
    if (how == Way::Beside)
      fork(*open);
    step = open->end - 1;
  }
  if (open)
    join(*open, how);
}

//===----------------------------------------------------------------------===//
// A run
//===----------------------------------------------------------------------===//

void ProgramRunner::recordSegments(Way how) {
  auto recordable = [&](size_t step) { return steps[step].task->recordable(); };
  for (size_t begin = 0; begin < steps.size();) {
    size_t end = begin + 1;
    while (end < steps.size() && recordable(end) == recordable(begin))
      ++end;
    Segment segment{begin, end, nullptr};
    if (recordable(begin))
      segment.recorded = device.record([&] { enqueueSteps(begin, end, how); });
    recordings[how].segments.push_back(std::move(segment));
    begin = end;
  }
}

void ProgramRunner::replay(const Segment &segment, Way how) {
  if (!segment.recorded) {
    enqueueSteps(segment.begin, segment.end, how);
    return;
  }
  try {
    segment.recorded->execute();
  } catch (const std::exception &error) {
    fail("{}, and those up to instruction {}, replayed as one: {}",
         describe(steps[segment.begin].instruction),
         steps[segment.end - 1].instruction, error.what());
  }
}

void ProgramRunner::run(Way how) {
  if (recordings[how].segments.empty())
    recordSegments(how);
  for (const Segment &segment : recordings[how].segments)
    replay(segment, how);
}

void ProgramRunner::enqueue() {
  if (!ran) {
    enqueueSteps(0, steps.size(), Way::Inline);
    ran = true;
    return;
  }
  if (!way)
    way = decidedWay();
  if (way)
    run(*way);
  else
    measureWays();
}

void ProgramRunner::runEach(const Visitor &before, const Visitor &after) {
  for (size_t step = 0; step < steps.size(); ++step) {
    if (steps[step].role == Role::Finishes)
      continue; // with its start
    before(steps[step].instruction);
    execute(step, /*alone=*/true);
    if (steps[step].role == Role::Starts)
      execute(steps[step].partner);
    wait();
    after(steps[step].instruction);
  }
}

/// Whether a recording may have it, of the chosen instructions alone: it has to
/// join what it forks.
bool ProgramRunner::isRecordable(size_t step, const Chosen &chosen) const {
  const Step &it = steps[step];
  return it.task->recordable() &&
         (it.role == Role::Whole || chosen(steps[it.partner].instruction));
}

std::vector<double> ProgramRunner::timeEach(int repetitions, As as,
                                            const Chosen &chosen) {
  std::vector<double> seconds(times.seconds.size());
  for (size_t step = 0; step < steps.size(); ++step) {
    if (!chosen(steps[step].instruction))
      continue;
    bool whole = steps[step].role == Role::Whole;
    bool recordable = whole && steps[step].task->recordable();
    std::function<void()> once = recordedOr(recordable, [&] {
      for (int i = 0; i < repetitions; ++i)
        execute(step, /*alone=*/as == As::Said);
    });
    secondsOf(once);
    seconds[steps[step].instruction] += secondsOf(once) / repetitions;
  }
  return seconds;
}

double ProgramRunner::timeTogether(int repetitions, const Chosen &chosen) {
  bool recordable = true;
  for (size_t step = 0; step < steps.size(); ++step)
    recordable &=
        !chosen(steps[step].instruction) || isRecordable(step, chosen);
  std::function<void()> once = recordedOr(recordable, [&] {
    for (size_t step = 0; step < steps.size(); ++step)
      if (chosen(steps[step].instruction))
        execute(step);
  });
  secondsOf(once);
  std::vector<double> seconds;
  for (int i = 0; i < repetitions; ++i)
    seconds.push_back(secondsOf(once));
  std::nth_element(seconds.begin(), seconds.begin() + repetitions / 2,
                   seconds.end());
  return seconds[static_cast<size_t>(repetitions / 2)];
}

/// `enqueue`, from one recording of it where it is recordable and the device
/// can.
std::function<void()> ProgramRunner::recordedOr(bool recordable,
                                                std::function<void()> enqueue) {
  std::shared_ptr<Task> recorded;
  if (recordable)
    recorded = device.record(enqueue);
  if (!recorded)
    return enqueue;
  return [recorded] { recorded->execute(); };
}

/// Until the device has finished.
double ProgramRunner::secondsOf(const std::function<void()> &enqueue) const {
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin = Clock::now();
  enqueue();
  wait();
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

StepTimes ProgramRunner::trace() {
  using Clock = std::chrono::steady_clock;
  wait();
  const Clock::time_point start = Clock::now();
  auto since = [&](Clock::time_point time) {
    return std::chrono::duration<double>(time - start).count();
  };
  StepTimes times(source.instructions()->size());
  std::vector<bool> seen(times.running.size());
  double end = 0;
  size_t step = 0;
  for (uint32_t i = 0; i < times.running.size(); ++i) {
    times.running[i] = {end, end}; // a wait for what was waited for at once
    for (; step < steps.size() && steps[step].instruction == i; ++step) {
      const double begin = since(Clock::now());
      execute(step);
      if (device.stream())
        wait();
      end = since(Clock::now());
      (seen[i] ? times.waiting : times.running)[i] = {begin, end};
      seen[i] = true;
    }
  }
  for (const auto &[transfer, when] : transfers) {
    const auto [first, last] = when();
    times.running[transfer] = {since(first), since(last)};
  }
  if (device.stream())
    endTransfersWithWaits(times);
  ran = true;
  return times;
}

/// A stream's transfers end when the wait for them does, for all that the host
/// knows; one begins after the one before.
void ProgramRunner::endTransfersWithWaits(StepTimes &times) const {
  const auto &instructions = *source.instructions();
  for (uint32_t i = 0; i < instructions.size(); ++i) {
    if (const auto *wait = instructions.Get(i)->operation_as_Wait())
      if (times.running[i].end > times.running[i].begin)
        times.running[wait->transfer()].end = times.running[i].end;
    if (times.waiting[i].end > 0)
      times.running[i].end = times.waiting[i].end;
  }
  double network = 0, hostLink = 0; // free from then on
  for (uint32_t i = 0; i < instructions.size(); ++i)
    if (isTransfer(*instructions.Get(i))) {
      TimeSpan &span = times.running[i];
      double &free =
          instructions.Get(i)->operation_as_Collective() ? network : hostLink;
      span.begin = std::max(span.begin, free);
      span.end = std::max(span.end, span.begin);
      free = span.end;
    }
}

void ProgramRunner::measure() {
  using Clock = std::chrono::steady_clock;
  if (!ran)
    return enqueue();
  for (size_t step = 0; step < steps.size(); ++step) {
    Clock::time_point begin = Clock::now();
    execute(step);
    wait();
    times.seconds[steps[step].instruction] +=
        std::chrono::duration<double>(Clock::now() - begin).count();
  }
  ++times.runs;
}

} // namespace pfc::rt
