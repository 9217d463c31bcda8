#include "runtime/train/TrainLoop.h"

#include "runtime/base/AtomicFile.h"
#include "runtime/base/Error.h"
#include "runtime/plan/Shape.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>

namespace pfc::rt {
namespace {

constexpr const char *program = trainProgram;

/// Below it no scale helps; as fairseq's min_loss_scale.
constexpr double smallestLossScale = 1e-4;

int decodeThreads(const Job &job) {
  if (job.settings.data_threads() > 0)
    return static_cast<int>(job.settings.data_threads());
  return job.processors;
}

/// What the train program must look like for this loop to drive it.
void checkProgram(const Job &job) {
  require(job.executor.hasProgram(program), "the plan has no program '{}'",
          program);
  const plan::fb::Settings &s = job.settings;
  std::vector<int64_t> images{s.batch_per_rank(), s.input_height(),
                              s.input_width(), s.input_channels()};
  require(job.executor.shapeOf(program, "images") == images,
          "the plan's input 'images' is not [{}], as its settings say",
          fmt::join(images, ", "));
}

} // namespace

TrainLoop::TrainLoop(Job &job, const TrainOptions &options)
    : job(job), folder(options.outDir), lock(options.outDir),
      source(job, options.dataDir), resumed(choose(options)),
      loader(makeLoader(firstStep(), badRecordsBefore())),
      total(totalSteps(job.settings, loader->stepsPerEpoch(), options.steps)),
      profile(options.profile), results(options.results),
      schedule(makeSchedule(job.settings, loader->stepsPerEpoch(), total)),
      verifier(job, source.verification(), job.settings.flip_test()),
      checkpointing(options.checkpoint), init(options.init),
      skipping(options.skipNotFinite) {
  checkProgram(job);
  std::string checked =
      preflight(job, options.planHash, *source.images(), checkpointBytes());
  initialize();
  if (!options.trace.empty() && !(resumed && firstStep() == total))
    tracer.emplace(job, options.trace, firstStep(), total);
  if (job.isRoot()) {
    folder.create();
    lockFolder(); // where it wasn't there before
    folder.keepPlan(options.planPath, options.planHash);
    const bool inEpochs = options.steps < 0 && job.settings.steps() == 0;
    reporter = std::make_unique<Reporter>(
        job, folder,
        RunSummary{total, inEpochs ? loader->stepsPerEpoch() : 0,
                   source.describe(loader->stepsPerEpoch()), source.synthetic(),
                   options.tensorboard},
        resumed ? &*resumed : nullptr);
    reporter->message(checked);
    for (const std::string &note : source.notes())
      reporter->message(note);
    if (std::string left = unreached(schedule); !left.empty())
      reporter->message("note: " + left);
  }
  prepareCheckpoints(options.resume.has_value());
  meetInFolder();
}

std::optional<Checkpoint> TrainLoop::choose(const TrainOptions &options) {
  if (job.isRoot())
    lockFolder(); // a run that is at work may write another one
  require(!job.isRoot() || !source.synthetic() || !holdsNetwork(folder),
          "{}: holds a network, which one of synthetic data would replace: "
          "choose another --out",
          folder.folder());
  auto chosen =
      chooseCheckpoint(job.communicator, options.outDir, options.resume);
  const bool goesOn = chosen && isOf(chosen->path(), options.outDir);
  require(!job.isRoot() || goesOn || !holdsNetwork(folder),
          "{}: an earlier run left its network here, which this one would "
          "replace: choose another --out, or remove {}",
          folder.folder(), folder.backbone());
  if (chosen)
    checkSameData(*chosen, source.synthetic());
  return chosen;
}

void TrainLoop::lockFolder() {
  Doing doing(job.communicator.activity(), "locking the output folder",
              Activity::Kind::Slow);
  lock.take();
}

/// Each rank writes its part of a checkpoint into the folder that rank 0 made.
void TrainLoop::meetInFolder() {
  const std::string path = folder.folder() + "/.meeting";
  uint64_t word = 0;
  if (job.isRoot()) {
    word = uint64_t{std::random_device{}()} << 32 | std::random_device{}();
    std::string text = std::to_string(word);
    AtomicFile file(path);
    file.write(text.data(), text.size());
    file.commit();
  }
  {
    Doing doing(job.communicator.activity(), "broadcast of where ranks meet",
                Activity::Kind::Waits);
    job.communicator.broadcast(&word, sizeof word, 0);
  }
  uint64_t found = word + 1;
  std::ifstream(path) >> found;
  require(found == word,
          "{}: is not the folder that rank 0 has under this name: --out has to "
          "be one that all machines of the job share",
          folder.folder());
  barrier("the barrier before training");
  std::error_code ignored;
  if (job.isRoot())
    std::filesystem::remove(path, ignored);
}

/// Of this rank's copy of the state.
uint64_t TrainLoop::checkpointBytes() const {
  if (checkpointing.every == 0)
    return 0;
  return Snapshot(job.variant, StateScope::All, job.communicator.rank())
      .bytes();
}

void TrainLoop::barrier(const char *name) {
  Doing doing(job.communicator.activity(), name, Activity::Kind::Waits);
  job.communicator.barrier();
}

void TrainLoop::prepareCheckpoints(bool resume) {
  Manifest run = describeRun(job, total, source.images()->size());
  run.synthetic = source.synthetic();
  if (reporter && resumed)
    for (const std::string &note : resumeNotes(*resumed, run, job.plan))
      reporter->message("note: " + note);
  else if (reporter && resume)
    reporter->message(fmt::format("{} has no checkpoint: starting from scratch",
                                  folder.folder()));
  if (reporter && resumed && firstStep() == total)
    reporter->message(fmt::format("note: all {} steps are done, so none is "
                                  "trained or traced",
                                  total));
  if (reporter && !taken.empty())
    reporter->message(taken);
  checkpointer = std::make_unique<Checkpointer>(
      job, folder, checkpointing, std::move(run), resumed ? firstStep() : -1,
      [this](const std::string &text) { reporter->message(text); });
}

std::unique_ptr<data::BatchLoader>
TrainLoop::makeLoader(int64_t step, std::vector<int64_t> knownBad) {
  data::LoaderOptions options;
  options.shape = batchShape(job.settings);
  options.rank = job.communicator.rank();
  options.worldSize = job.communicator.worldSize();
  options.seed = job.settings.seed();
  options.shuffle = job.settings.shuffle();
  options.flip = job.settings.flip();
  options.threads = decodeThreads(job);
  options.maxBadRecords = job.settings.max_bad_records();
  options.classes = job.settings.classes();
  options.firstStep = step;
  options.knownBad = std::move(knownBad);
  options.onBadRecord = [this](const std::string &message) {
    if (reporter)
      reporter->message("warning: " + message);
    else
      fmt::print(stderr, "warning: rank {}: {}\n", job.communicator.rank(),
                 message);
  };
  return std::make_unique<data::BatchLoader>(source.images(),
                                             std::move(options));
}

void TrainLoop::run() {
  if (profile)
    job.executor.startProfiling();
  int64_t done = trainSteps();
  if (checkpointer->stopped())
    return stop(done);
  finish();
}

void TrainLoop::initialize() {
  if (!resumed) {
    job.executor.initializeState(job.settings.seed());
    taken = loadInitialWeights(init, job.variant, job.communicator.rank(),
                               job.settings.seed(), job.executor);
    return;
  }
  require(firstStep() <= total,
          "{} is of step {}, but this run has {} steps: give --steps with more",
          resumed->path(), firstStep(), total);
  Doing doing(job.communicator.activity(), "reading the checkpoint",
              Activity::Kind::Slow);
  resumed->onProgress([this] { job.communicator.activity().getOn(); });
  resumed->load(job.variant, job.communicator.rank(), job.executor);
}

int64_t TrainLoop::trainSteps() {
  int64_t done = firstStep();
  for (;;) {
    try {
      return trainFrom(done);
    } catch (const NotFiniteError &error) {
      done = recover(error);
    }
  }
}

int64_t TrainLoop::trainFrom(int64_t done) {
  int64_t every = job.settings.verify_every();
  finishedAt = std::chrono::steady_clock::now();
  while (done < total && !checkpointer->stopped()) {
    startStep(done);
    ++done;
    if (every > 0 && done % every == 0 && done < total)
      verify(done);
    checkpointer->poll(done);
    if (checkpointer->due() && done < total)
      startCheckpoint(done);
  }
  finishStep();
  if (done == total && done > firstStep())
    requireFiniteState(done);
  return done;
}

void TrainLoop::startCheckpoint(int64_t stepsDone) {
  finishStep(); // its loss must be finite, and in the metrics
  std::vector<int64_t> bad = allBadRecords();
  if (static_cast<int64_t>(bad.size()) > job.settings.max_bad_records())
    throw LastingError(
        fmt::format("the ranks have met {} bad records, and "
                    "data.max_bad_records is {}. Run "
                    "`pfc-data check` to list all bad records, or raise "
                    "data.max_bad_records",
                    bad.size(), job.settings.max_bad_records()));
  checkpointer->setBadRecords(std::move(bad));
  checkpointer->start(stepsDone);
  finishedAt = std::chrono::steady_clock::now();
}

/// What the checkpoint knows of this data set.
std::vector<int64_t> TrainLoop::badRecordsBefore() const {
  if (!resumed || resumed->manifest().images != source.images()->size())
    return {};
  return resumed->manifest().badRecords;
}

/// What any rank has met. Collective.
std::vector<int64_t> TrainLoop::allBadRecords() {
  Doing doing(job.communicator.activity(), "all_gather of bad records",
              Activity::Kind::Waits);
  std::vector<int64_t> own = loader->badSamples();
  auto gather = [&](std::vector<int64_t> &mine) {
    std::vector<int64_t> all(mine.size() *
                             static_cast<size_t>(job.communicator.worldSize()));
    auto view = [](std::vector<int64_t> &values) {
      return BufferView{reinterpret_cast<std::byte *>(values.data()),
                        plan::fb::DType_I64,
                        {static_cast<int64_t>(values.size())}};
    };
    job.communicator.allGather(view(mine), view(all));
    return all;
  };
  std::vector<int64_t> count = {static_cast<int64_t>(own.size())};
  std::vector<int64_t> counts = gather(count);
  own.resize(static_cast<size_t>(*std::ranges::max_element(counts)), -1);
  std::set<int64_t> records;
  if (!own.empty()) {
    std::vector<int64_t> all = gather(own);
    records.insert(all.begin(), all.end());
    records.erase(-1);
  }
  return {records.begin(), records.end()};
}

/// A signal came: what was trained is kept for another day.
void TrainLoop::stop(int64_t stepsDone) {
  checkpointer->setBadRecords(allBadRecords());
  require(checkpointer->write(stepsDone),
          "stopped by a signal after step {} of {}, and the checkpoint could "
          "not be written; see the warning above",
          stepsDone, total);
  if (reporter)
    reporter->stop(fmt::format(
        "stopped by a signal after step {} of {}; --resume goes on from {}",
        stepsDone, total, checkpointer->path(stepsDone)));
}

void TrainLoop::finish() {
  if (checkpointing.every > 0) {
    checkpointer->setBadRecords(allBadRecords());
    checkpointer->write(total);
  }
  verify(total);
  Doing doing(job.communicator.activity(), "writing the results",
              Activity::Kind::Slow);
  folder.save(job.variant, job.executor, job.communicator, total, results);
  barrier("the barrier after the results"); // the other ranks' files are there
  if (!reporter)
    return;
  folder.removeOlder(job.communicator.worldSize(), results);
  if (profile)
    reporter->message(job.executor.profile(program));
  if (std::string verdict = source.verdict(folder.folder()); !verdict.empty())
    reporter->message(verdict);
  reporter->finish(total);
}

/// Gives the program its inputs for step t; the learning rate.
double TrainLoop::feed(int64_t t) {
  Activity &activity = job.communicator.activity();
  activity.setStep(t + 1);
  {
    Doing doing(activity, "waiting for images", Activity::Kind::Work);
    uploadBatch(loader->next());
  }
  double rate = schedule.at(t);
  float lr = static_cast<float>(rate);
  job.executor.setInput(program, "lr", &lr, sizeof lr);
  job.executor.setInput(program, "step", &t, sizeof t);
  return rate;
}

/// Enqueues step t, then waits for the one before: the device is never without
/// work while the host prepares some.
void TrainLoop::startStep(int64_t t) {
  double rate = feed(t);
  runProgram(t);
  StartedStep started{t,
                      rate,
                      job.executor.startOutput(program, "loss"),
                      startOptionalOutput("grad_norm"),
                      startOptionalOutput("loss_scale"),
                      startOptionalOutput("skipped")};
  finishStep();
  running = std::move(started);
  if (!job.device->stream()) // it is done already
    finishStep();
}

void TrainLoop::runProgram(int64_t t) {
  if (!tracer || !tracer->wants(t))
    return job.executor.start(program);
  tracer->run(program);
  if (reporter)
    reporter->message(
        fmt::format("step {}: its trace is in {}", t + 1, tracer->file()));
}

std::optional<PendingOutput> TrainLoop::startOptionalOutput(const char *name) {
  if (!job.executor.hasOutput(program, name))
    return std::nullopt;
  return job.executor.startOutput(program, name);
}

/// Waits for the step that was started last, and reports it.
void TrainLoop::finishStep() {
  if (!running)
    return;
  StartedStep step = std::move(*running);
  running.reset();
  double loss = step.loss.wait().at(0);
  auto now = std::chrono::steady_clock::now();
  std::chrono::duration<double> seconds = now - finishedAt;
  finishedAt = now;
  StepMetrics metrics{step.t + 1, loss, step.rate,
                      job.settings.batch_per_rank() *
                          job.communicator.worldSize(),
                      seconds.count()};
  if (step.lossScale) {
    metrics.lossScale = step.lossScale->wait().at(0);
    metrics.skipped = step.skipped && step.skipped->wait().at(0) > 0;
    checkLossScale(*metrics.lossScale, step.t);
  }
  checkFinite("loss", metrics.loss, metrics);
  // A gradient that overflowed was not used, and the next one is smaller.
  if (step.gradNorm && !metrics.skipped) {
    metrics.gradNorm = step.gradNorm->wait().at(0);
    checkFinite("gradient's norm", *metrics.gradNorm, metrics);
  }
  if (reporter)
    reporter->step(metrics);
}

void TrainLoop::uploadBatch(const data::Batch &batch) {
  for (size_t row = 0; row < batch.labels.size(); ++row)
    require(batch.labels[row] >= 0 &&
                batch.labels[row] < job.settings.classes(),
            "{}: label {} is outside [0, {})",
            source.images()->where(batch.samples[row]), batch.labels[row],
            job.settings.classes());
  job.executor.setInput(program, "images", batch.images.data(),
                        batch.images.size());
  job.executor.setInput(program, "labels", batch.labels.data(),
                        batch.labels.size() * sizeof(int64_t));
}

void TrainLoop::checkLossScale(double scale, int64_t t) const {
  if (scale < smallestLossScale)
    throw LastingError(fmt::format(
        "the loss scale fell to {:.3g} at step {} of {}: gradients overflow "
        "fp16 whatever it is; try a lower train.optimizer.lr or "
        "train.precision = \"fp32\"",
        scale, t + 1, total));
}

void TrainLoop::checkFinite(const char *what, double value,
                            const StepMetrics &step) const {
  if (std::isfinite(value))
    return;
  std::string scale;
  if (step.lossScale)
    scale = fmt::format(", loss scale {:.6g}", *step.lossScale);
  throw NotFiniteError(fmt::format("the {} is {} at step {} of {} (learning "
                                   "rate {:.6g}{})",
                                   what, value, step.step, total,
                                   step.learningRate, scale),
                       step.step - 1);
}

void TrainLoop::verify(int64_t stepsDone) {
  finishStep();
  std::vector<VerificationResult> results;
  try {
    results = verifier.verify();
  } catch (const NotFiniteEmbedding &error) { // on all ranks
    if (stepsDone > firstStep())
      requireFiniteState(stepsDone);
    throw LastingError(error.what());
  }
  if (reporter)
    reporter->verification(stepsDone, results);
  finishedAt = std::chrono::steady_clock::now();
}

} // namespace pfc::rt
