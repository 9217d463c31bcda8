#include "runtime/train/checkpoint/Resume.h"

#include "runtime/base/Error.h"
#include "runtime/train/ModelFolder.h"
#include "runtime/train/checkpoint/CheckpointFolder.h"
#include "runtime/train/checkpoint/SpecDifference.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>

namespace pfc::rt {
namespace {

/// A run that starts anew must not mix its checkpoints with another's.
void checkFresh(const std::string &outDir) {
  auto entries = CheckpointFolder(outDir).list();
  require(entries.empty(),
          "{}: an earlier run left checkpoints here, the last of step {}: go "
          "on from it with --resume, remove {}/checkpoints, or choose another "
          "--out",
          outDir, entries.empty() ? 0 : entries.back().step, outDir);
}

/// Going on from an earlier one would leave two histories in one folder.
void checkNoLater(const std::string &outDir, const std::string &chosen) {
  int64_t step = Checkpoint(chosen).manifest().step;
  auto entries = CheckpointFolder(outDir).list();
  require(entries.empty() || entries.back().step <= step,
          "{}: a later checkpoint than the one to resume from, of step {}: "
          "remove it, or choose another --out",
          entries.empty() ? outDir : entries.back().path, step);
}

/// Rank 0 looks; the others may be about to read the same folder.
std::string choosePath(const std::string &outDir,
                       const std::optional<std::string> &resume) {
  if (!resume) {
    checkFresh(outDir);
    return {};
  }
  std::string path = findCheckpoint(resume->empty() ? outDir : *resume);
  require(!path.empty() || resume->empty(),
          "{}: holds no checkpoint: --resume=DIR takes a checkpoint's folder, "
          "or the --out of the run that wrote it",
          *resume);
  if (path.empty())
    return path;
  if (isOf(path, outDir))
    checkNoLater(outDir, path);
  else // another run's may only be gone on from where there are none
    checkFresh(outDir);
  return path;
}

} // namespace

bool isOf(const std::string &path, const std::string &outDir) {
  std::error_code error;
  auto entries = CheckpointFolder(outDir).list();
  return std::ranges::any_of(entries, [&](const auto &entry) {
    return std::filesystem::equivalent(entry.path, path, error);
  });
}

std::optional<Checkpoint>
chooseCheckpoint(Communicator &communicator, const std::string &outDir,
                 const std::optional<std::string> &resume) {
  std::array<char, 4096> path{};
  if (communicator.rank() == 0) {
    std::string chosen = choosePath(outDir, resume);
    require(chosen.size() < path.size(), "{}: the path is too long", chosen);
    chosen.copy(path.data(), chosen.size());
  }
  Doing doing(communicator.activity(), "broadcast of the checkpoint's name",
              Activity::Kind::Waits);
  communicator.broadcast(path.data(), path.size(), 0);
  if (path[0] == 0)
    return std::nullopt;
  return Checkpoint(path.data());
}

void checkSameData(const Checkpoint &checkpoint, bool synthetic) {
  const bool before = checkpoint.manifest().synthetic;
  require(before == synthetic,
          "{}: was trained on {} data, and --data is {}: a run doesn't go on "
          "with other data; choose another --out",
          checkpoint.path(), before ? "synthetic" : "real",
          synthetic ? "synthetic" : "not");
}

Manifest describeRun(const Job &job, int64_t totalSteps, int64_t images) {
  Manifest run;
  run.totalSteps = totalSteps;
  run.plan = job.plan.name()->str();
  run.specHash = job.plan.spec_hash()->str();
  run.precision = job.variant.precision()->str();
  run.worldSize = job.communicator.worldSize();
  run.batchPerRank = job.settings.batch_per_rank();
  run.seed = job.settings.seed();
  run.images = images;
  return run;
}

namespace {

/// More are a matter for diff.
constexpr size_t mostSpecNotes = 8;

/// The spec of the checkpoint's plan. Nothing else is taken from that plan, so
/// one that another version of pfc wrote, or that is damaged, ends no run.
std::optional<std::string> specOf(const Checkpoint &checkpoint) {
  try {
    std::string path = ModelFolder(checkpoint.path()).plan();
    return PlanFile::open(path).plan().spec_text()->str();
  } catch (const Error &) {
    return std::nullopt;
  }
}

/// A line for each key, but for those of which `resumeNotes` says more.
std::vector<std::string> specNotes(const Checkpoint &checkpoint,
                                   const plan::fb::Plan &plan) {
  std::optional<std::string> before = specOf(checkpoint);
  if (!before)
    return {"the plan was compiled from another spec, and the checkpoint's "
            "can't be read"};
  std::vector<std::string> notes;
  for (const std::string &key :
       specDifferences(*before, plan.spec_text()->string_view()))
    if (!key.starts_with("cluster.world_size ") &&
        !key.starts_with("train.seed "))
      notes.push_back("the spec: " + key);
  if (notes.size() > mostSpecNotes) {
    size_t more = notes.size() - mostSpecNotes + 1;
    notes.resize(mostSpecNotes - 1);
    notes.push_back(fmt::format(
        "the spec: {} more keys differ; 'pfcc show PLAN --spec' prints the "
        "spec of a plan, as of {}/train.plan",
        more, checkpoint.path()));
  }
  return notes;
}

} // namespace

std::vector<std::string> resumeNotes(const Checkpoint &checkpoint,
                                     const Manifest &run,
                                     const plan::fb::Plan &plan) {
  const Manifest &from = checkpoint.manifest();
  std::vector<std::string> notes;
  auto compare = [&](const char *what, const auto &before, const auto &now,
                     const char *effect) {
    if (before != now)
      notes.push_back(
          fmt::format("{} was {}, now {}: {}", what, before, now, effect));
  };
  compare("the number of ranks", from.worldSize, run.worldSize,
          "sums are formed in another order");
  compare("the batch of all ranks", from.globalBatch(), run.globalBatch(),
          "step and epoch differ in images");
  compare("the number of steps", from.totalSteps, run.totalSteps,
          "the learning rate follows the new one");
  compare("the precision", from.precision, run.precision,
          run.precision == lossScalePrecision
              ? "losses differ a little, and the loss scale starts anew"
              : "losses differ a little");
  compare("the seed", from.seed, run.seed,
          "the order of images and the samples differ");
  compare("the data set's size", from.images, run.images,
          "the order of images differs");
  if (from.specHash != run.specHash)
    std::ranges::move(specNotes(checkpoint, plan), std::back_inserter(notes));
  return notes;
}

} // namespace pfc::rt
