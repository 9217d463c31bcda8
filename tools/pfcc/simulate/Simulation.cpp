#include "Simulation.h"

#include "runtime/plan/Shape.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"

using namespace pfc;
using namespace pfc::simulate;
using namespace pfc::explain;
namespace fb = pfc::plan::fb;

static SimulatedRun runOfPlan(const Explanation &plan) {
  SimulatedRun run;
  run.name = "this plan";
  run.memory = static_cast<double>(plan.memory.arena);
  for (size_t i = 0; i < partCount; ++i) {
    const Part part = static_cast<Part>(i);
    if (part != Part::BackboneCollectives && part != Part::HeadCollectives)
      (isHead(part) ? run.head : run.backbone) +=
          plan.step.parts[i].seconds - plan.step.parts[i].copying;
  }
  run.waiting = plan.step.waiting;
  run.seconds = plan.step.seconds;
  run.imagesPerSecond = plan.imagesPerSecond();
  run.bound = plan.step.bound();
  run.fits = plan.fits();
  return run;
}

static SimulatedRun runOfPeer(const std::string &name, const PeerRun &peer,
                              double memory, const PeerJob &job,
                              const Machine &machine) {
  SimulatedRun run;
  run.name = name;
  run.memory = memory;
  run.backbone = peer.backbone;
  run.head = peer.head;
  run.seconds = peer.seconds();
  run.waiting = std::max(0.0, run.seconds - run.backbone - run.head);
  run.imagesPerSecond = static_cast<double>(job.wholeBatch) / run.seconds;
  run.bound = peer.bound();
  run.fits = memory <= static_cast<double>(machine.memory);
  return run;
}

llvm::Expected<Simulation>
pfc::simulate::simulateJob(const fb::Plan &plan, const EagerNetwork &network,
                           const Machine &machine, const Constants &constants) {
  Simulation result;
  llvm::Expected<Explanation> explanation = explainPlan(plan, machine);
  if (!explanation)
    return explanation.takeError();
  result.plan = std::move(*explanation);
  result.runs.push_back(runOfPlan(result.plan));

  PeerJob job;
  job.half = result.plan.precision != "fp32";
  job.ranks = result.plan.ranks;
  job.wholeBatch = job.ranks * result.plan.batchPerRank;
  job.classes = result.plan.classes;
  job.dimensions = plan.settings()->embedding_size();
  job.sampleRate = result.plan.sampleRate;
  for (const std::string &framework : constants.frameworks())
    for (Method method : methods) {
      if (method == Method::Sampled && job.sampleRate == 1)
        continue; // that is model parallel
      job.method = method;
      if (std::optional<PeerRun> run =
              simulatePeer(constants, framework, network, job, machine))
        result.runs.push_back(runOfPeer(
            framework + ", " + methodName(method), *run,
            peerMemory(constants, framework, network, job), job, machine));
    }
  return result;
}

void pfc::simulate::printText(const Simulation &simulation,
                              llvm::raw_ostream &os) {
  const Explanation &plan = simulation.plan;
  os << plan.plan << " on " << plan.ranks << " x " << plan.machine.name << ", "
     << plan.precision << ": batch " << plan.batchPerRank << " a rank, "
     << plan.ranks * plan.batchPerRank << " in all; " << plan.classes
     << " classes, sample rate " << llvm::format("%g", plan.sampleRate) << "\n";
  os << "rates: " << plan.machine.source << "\n\n";
  os << llvm::format("%-30s %12s %10s %10s %10s %10s %10s  %s\n", "", "memory",
                     "backbone", "head", "waiting", "ms a step", "images/s",
                     "bound by");
  for (const SimulatedRun &run : simulation.runs)
    os << llvm::format("%-30s %12s %10.2f %10.2f %10.2f %10.2f %10.0f  ",
                       run.name.c_str(),
                       rt::bytesText(static_cast<uint64_t>(run.memory)).c_str(),
                       run.backbone * 1e3, run.head * 1e3, run.waiting * 1e3,
                       run.seconds * 1e3, run.imagesPerSecond)
       << run.bound << (run.fits ? "" : "; does not fit") << '\n';
  printAdvice(plan, os);
}

void pfc::simulate::printJson(const Simulation &simulation,
                              llvm::raw_ostream &os) {
  llvm::json::Array runs;
  for (const SimulatedRun &run : simulation.runs)
    runs.push_back(
        llvm::json::Object{{"name", run.name},
                           {"memory_bytes", static_cast<int64_t>(run.memory)},
                           {"fits", run.fits},
                           {"backbone_seconds", run.backbone},
                           {"head_seconds", run.head},
                           {"waiting_seconds", run.waiting},
                           {"step_seconds", run.seconds},
                           {"images_per_second", run.imagesPerSecond},
                           {"bound_by", run.bound}});
  const Explanation &plan = simulation.plan;
  llvm::json::Object root{{"plan", plan.plan},
                          {"machine", plan.machine.name},
                          {"ranks", plan.ranks},
                          {"precision", plan.precision},
                          {"batch_per_rank", plan.batchPerRank},
                          {"classes", plan.classes},
                          {"sample_rate", plan.sampleRate},
                          {"runs", std::move(runs)}};
  os << llvm::formatv("{0:2}\n", llvm::json::Value(std::move(root)));
}
