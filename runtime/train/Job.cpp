#include "runtime/train/Job.h"

#include "runtime/base/Error.h"
#include "runtime/comm/watch/Verdict.h"
#include "runtime/train/ProcessorShare.h"

#include <cstring>

namespace pfc::rt {
namespace {

/// The option's, or else the plan's. Checked before a driver is looked for.
std::string deviceName(const PlanFile &file, const JobOptions &options) {
  const std::string made = file.plan().device()->str();
  if (options.device.empty())
    return made;
  const bool fits = (options.device == "cpu") == (made == "cpu");
  require(fits,
          "{}: is for {}, and --device={} executes no such plan: compile "
          "its spec with cluster.device = \"{}\", or leave --device out",
          file.path(), made, options.device,
          options.device == "cpu" ? "cpu" : "cuda");
  return options.device;
}

/// Ranks on unlike machines must still run one variant: their products and
/// messages have to agree.
const plan::fb::Variant &sameVariant(const plan::fb::Variant &variant,
                                     Communicator &communicator) {
  char precision[16] = {};
  std::string own = variant.precision()->str();
  std::strncpy(precision, own.c_str(), sizeof precision - 1);
  communicator.broadcast(precision, sizeof precision, 0);
  require(own.compare(0, sizeof precision - 1, precision) == 0,
          "rank 0 runs the plan's {} variant, this machine {}: give "
          "--precision so that all ranks run the same",
          precision, own);
  return variant;
}

} // namespace

Job::Job(const PlanFile &file, Communicator &communicator,
         const JobOptions &options)
    : plan(file.plan()), settings(*plan.settings()), communicator(communicator),
      processors(processorShare(communicator)),
      threads(options.threads > 0 ? options.threads : processors),
      device(openDevice(deviceName(file, options),
                        {threads, communicator.localRank(), options.folder})),
      variant(sameVariant(chooseVariant(plan, *device, options.precision),
                          communicator)),
      executor(plan, variant, *device, communicator, options.only) {}

int runOnRank(const WatchOptions &watching, Communicator &communicator,
              const std::function<std::unique_ptr<Job>()> &open,
              const RankWork &work) {
  Watch watch(communicator, watching);
  std::unique_ptr<Job> job;
  std::shared_ptr<void> kept;
  std::string why;
  bool again = true; // may go better another time
  try {
    job = open();
    work(*job, kept);
    {
      Doing doing(communicator.activity(), "giving memory back",
                  Activity::Kind::Slow);
      kept.reset();
      job.reset();
    }
    watch.leave();
    return 0;
  } catch (const std::bad_alloc &) {
    why = "out of memory";
  } catch (const LastingError &error) {
    why = error.what();
    again = false;
  } catch (const std::exception &error) {
    why = error.what();
  }
  again &= communicator.activity().now().step > 0;
  int status = again ? statusWorthRestart : 1;
  if (communicator.worldSize() > 1)
    watch.fail(why, status);
  fmt::print(stderr, "{}: error: {}\n", watching.tool, why);
  return status;
}

} // namespace pfc::rt
