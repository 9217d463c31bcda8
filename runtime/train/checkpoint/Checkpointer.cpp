#include "runtime/train/checkpoint/Checkpointer.h"

#include "runtime/base/AtomicFile.h"
#include "runtime/base/Error.h"
#include "runtime/plan/Shape.h"
#include "runtime/train/checkpoint/Checkpoint.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <sys/resource.h>
#include <unistd.h>

namespace pfc::rt {
namespace {

namespace fs = std::filesystem;

/// This thread gives way to those that train (Linux: a thread has a niceness).
void giveWay() { setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), 10); }

/// A future's thread is at work.
template <typename T>
bool isRunning(const std::future<T> &future) {
  return future.valid() &&
         future.wait_for(std::chrono::seconds(0)) != std::future_status::ready;
}

template <size_t Size>
void copyText(const std::string &text, char (&target)[Size]) {
  std::memset(target, 0, Size);
  std::memcpy(target, text.data(), std::min(text.size(), Size - 1));
}

std::string nameOf(const std::string &path) {
  return fs::path(path).filename().string();
}

} // namespace

Checkpointer::Checkpointer(Job &job, const ModelFolder &out,
                           CheckpointOptions options, Manifest run,
                           int64_t lastStep,
                           std::function<void(const std::string &)> say)
    : job(job), out(out), folder(out.folder()), options(options),
      run(std::move(run)), say(std::move(say)),
      snapshot(job.variant, StateScope::All, job.communicator.rank()),
      wholeStep(lastStep) {
  if (job.isRoot())
    folder.removeRemains();
  if (options.every > 0)
    snapshot.reserve();
  snapshot.onProgress([this] {
    if (waitedFor)
      this->job.communicator.activity().getOn();
  });
}

bool Checkpointer::busy() const {
  return isRunning(writing) || isRunning(publishing);
}

void Checkpointer::poll(int64_t steps) {
  std::array<int64_t, 2> votes{stop.received(), busy()};
  BufferView view{
      reinterpret_cast<std::byte *>(votes.data()), plan::fb::DType_I64, {2}};
  {
    Doing doing(job.communicator.activity(), "all_reduce after the step",
                Activity::Kind::Waits);
    job.communicator.allReduceSum(view, view);
  }
  stopAgreed |= votes[0] > 0;
  wanted |= options.every > 0 && steps % options.every == 0;
  if (stage != Stage::Idle && votes[1] == 0)
    advance();
}

void Checkpointer::begin(int64_t steps, bool copy) {
  auto begin = std::chrono::steady_clock::now();
  wanted = false;
  step = steps;
  run.badRecords = badRecords;
  copy ? snapshot.take(job.executor, steps)
       : snapshot.refer(job.executor, steps);
  if (job.isRoot()) {
    std::error_code error; // somebody took it away: nothing is copied of it
    metricsBytes = fs::file_size(out.metrics(), error);
    if (error)
      metricsBytes = 0;
  }
  stage = Stage::Writing;
  writing =
      copy ? std::async(std::launch::async,
                        [this] {
                          giveWay();
                          return writeFiles();
                        })
           : std::async(std::launch::deferred, [this] { return writeFiles(); });
  if (!snapshot.isCopy()) {
    Doing doing(job.communicator.activity(), "writing a checkpoint",
                Activity::Kind::Slow);
    waitedFor = true;
    writing.wait();
    waitedFor = false;
  }
  waited = std::chrono::steady_clock::now() - begin;
}

void Checkpointer::wait() {
  Doing doing(job.communicator.activity(), "writing a checkpoint",
              Activity::Kind::Slow);
  waitedFor = true;
  while (stage != Stage::Idle)
    advance();
  waitedFor = false;
}

bool Checkpointer::write(int64_t steps) {
  wait();
  if (wholeStep != steps) {
    begin(steps, /*copy=*/false);
    wait();
  }
  return wholeStep == steps;
}

/// To the next stage; waits for this one's threads.
void Checkpointer::advance() {
  if (stage == Stage::Writing)
    publish();
  else
    conclude();
}

void Checkpointer::publish() {
  std::vector<Report> reports = gatherReports(writing.get());
  stage = Stage::Publishing;
  if (job.isRoot())
    publishing =
        std::async(std::launch::async, [this, reports = std::move(reports)] {
          giveWay();
          return finish(reports);
        });
}

void Checkpointer::conclude() {
  int8_t whole = 0;
  if (job.isRoot()) {
    Outcome outcome = publishing.get();
    whole = outcome.bytes != 0;
    if (whole)
      say(fmt::format("checkpoint {} ({}; the steps waited {:.3f} s)",
                      folder.whole(step), bytesText(outcome.bytes),
                      waited.count()));
    if (!outcome.problem.empty())
      say(fmt::format("warning: {} step {}: {}",
                      whole ? "after the checkpoint of"
                            : "no checkpoint was written of",
                      step, outcome.problem));
  }
  Doing doing(job.communicator.activity(),
              "broadcast of whether the checkpoint is whole",
              Activity::Kind::Waits);
  job.communicator.broadcast(&whole, sizeof whole, 0);
  if (whole)
    wholeStep = step;
  stage = Stage::Idle;
}

/// This rank's thread, first part.
Checkpointer::Report Checkpointer::writeFiles() {
  Report report{};
  try {
    std::string bad = snapshot.firstNotFinite();
    require(bad.empty(), "'{}' is not finite after step {}", bad, step);
    folder.begin(step);
    if (snapshot.hasClassCenters())
      writeShard(report);
    if (job.isRoot())
      writeRootFiles();
  } catch (const std::exception &error) {
    copyText(error.what(), report.error);
  }
  return report;
}

void Checkpointer::writeShard(Report &report) {
  std::string path =
      ModelFolder(folder.partial(step))
          .classCenters(job.communicator.rank(), job.communicator.worldSize());
  Sha256 digest;
  snapshot.writeClassCenters(path, &digest);
  report.shardBytes = fs::file_size(path);
  std::memcpy(report.shardSha256, hexText(digest.digest()).data(),
              sizeof report.shardSha256);
}

void Checkpointer::writeRootFiles() {
  ModelFolder target(folder.partial(step));
  Sha256 digest;
  snapshot.writeBackbone(target.backbone(), &digest);
  rootFiles = {{nameOf(target.backbone()), fs::file_size(target.backbone()),
                hexText(digest.digest())}};
  rootFiles.push_back(
      copyFile(out.plan(), fs::file_size(out.plan()), target.plan()));
  rootFiles.push_back(copyFile(out.metrics(), metricsBytes, target.metrics()));
}

std::vector<Checkpointer::Report>
Checkpointer::gatherReports(const Report &own) {
  std::vector<Report> reports(job.communicator.worldSize());
  auto view = [](const Report *first, size_t count) {
    return BufferView{
        const_cast<std::byte *>(reinterpret_cast<const std::byte *>(first)),
        plan::fb::DType_U8,
        {static_cast<int64_t>(count * sizeof(Report))}};
  };
  Doing doing(job.communicator.activity(), "all_gather of checkpoint files",
              Activity::Kind::Waits);
  job.communicator.allGather(view(&own, 1),
                             view(reports.data(), reports.size()));
  return reports;
}

/// What a rank wrote into its folder is in rank 0's.
void Checkpointer::requireHere(size_t rank, uint64_t bytes) const {
  std::string path =
      ModelFolder(folder.partial(step))
          .classCenters(static_cast<int>(rank), job.communicator.worldSize());
  std::error_code error;
  require(bytes == 0 || fs::file_size(path, error) == bytes,
          "{}: rank {} has written it, and it is not here: --out has to be a "
          "folder that all machines of the job share",
          path, rank);
}

/// Rank 0's thread, second part: all ranks' files are on the disk, or aren't.
Checkpointer::Outcome Checkpointer::finish(const std::vector<Report> &reports) {
  Outcome outcome;
  try {
    for (size_t rank = 0; rank < reports.size(); ++rank) {
      require(reports[rank].error[0] == 0, "rank {}: {}", rank,
              std::string(reports[rank].error));
      requireHere(rank, reports[rank].shardBytes);
    }
    Manifest manifest = makeManifest(reports);
    std::string text = formatManifest(manifest);
    AtomicFile file(folder.partial(step) + "/manifest.json");
    file.write(text.data(), text.size());
    file.commit();
    folder.publish(step);
    outcome.bytes = manifest.totalBytes() + text.size();
    folder.removeOld(options.keep);
  } catch (const std::exception &error) {
    outcome.problem = error.what();
    folder.abandon(step);
  }
  return outcome;
}

Manifest Checkpointer::makeManifest(const std::vector<Report> &reports) const {
  Manifest manifest = run;
  manifest.step = step;
  manifest.files = rootFiles;
  if (!snapshot.hasClassCenters())
    return manifest;
  for (int rank = 0; rank < static_cast<int>(reports.size()); ++rank) {
    ManifestShard shard;
    shard.name = nameOf(
        ModelFolder("").classCenters(rank, job.communicator.worldSize()));
    shard.bytes = reports[rank].shardBytes;
    shard.sha256.assign(reports[rank].shardSha256,
                        sizeof reports[rank].shardSha256);
    ClassRange range = *classRange(job.variant, rank);
    shard.firstClass = range.first;
    shard.classes = range.count;
    manifest.shards.push_back(std::move(shard));
  }
  return manifest;
}

} // namespace pfc::rt
