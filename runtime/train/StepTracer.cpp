#include "runtime/train/StepTracer.h"

#include "runtime/base/AtomicFile.h"
#include "runtime/base/Error.h"
#include "runtime/plan/PlanMemory.h"

#include <algorithm>
#include <cmath>

namespace pfc::rt {
namespace {

constexpr double nanoseconds = 1e9;

BufferView viewOf(std::vector<int64_t> &values) {
  return {reinterpret_cast<std::byte *>(values.data()),
          plan::fb::DType_I64,
          {static_cast<int64_t>(values.size())}};
}

void append(std::vector<int64_t> &to, const std::vector<TimeSpan> &spans) {
  for (const TimeSpan &span : spans)
    for (double seconds : {span.begin, span.end})
      to.push_back(std::llround(seconds * nanoseconds));
}

/// Of every rank; they have the same instructions.
std::vector<StepTimes> gather(const StepTimes &own,
                              Communicator &communicator) {
  std::vector<int64_t> mine;
  append(mine, own.running);
  append(mine, own.waiting);
  const size_t ranks = static_cast<size_t>(communicator.worldSize());
  std::vector<int64_t> all(mine.size() * ranks);
  communicator.allGather(viewOf(mine), viewOf(all));
  std::vector<StepTimes> times(ranks, StepTimes(own.running.size()));
  auto next = all.begin();
  for (StepTimes &rank : times)
    for (std::vector<TimeSpan> *spans : {&rank.running, &rank.waiting})
      for (TimeSpan &span : *spans) {
        span.begin = static_cast<double>(*next++) / nanoseconds;
        span.end = static_cast<double>(*next++) / nanoseconds;
      }
  return times;
}

void write(const std::string &path, const std::string &text) {
  AtomicFile file(path);
  file.write(text.data(), text.size());
  file.commit();
}

} // namespace

StepTracer::StepTracer(Job &job, std::string path, int64_t first, int64_t total)
    : job(job), path(std::move(path)), traced(std::min(first + 2, total - 1)) {
  require(first < total,
          "{}: there is no step to trace: the run is at step {} of {}",
          this->path, first, total);
  if (job.isRoot())
    write(this->path, ""); // before hours of training, not after
}

void StepTracer::run(const std::string &program) {
  Doing doing(job.communicator.activity(), "a traced step",
              Activity::Kind::Waits);
  job.communicator.barrier(); // where all ranks' time begins
  StepTimes own = job.executor.trace(program);
  std::vector<StepTimes> times = gather(own, job.communicator);
  done = true;
  if (!job.isRoot())
    return;
  const plan::fb::Program &traced = *findProgram(job.variant, program.c_str());
  write(path, traceText(job.variant, traced, times,
                        fmt::format("measured: step {}, {}", this->traced + 1,
                                    job.device->describe())));
}

} // namespace pfc::rt
