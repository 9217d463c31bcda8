#include "Peer.h"

#include "tools/pfcc/explain/PeerHead.h"
#include "tools/pfcc/explain/StepCost.h"
#include "llvm/Support/ErrorHandling.h"

#include <algorithm>
#include <cmath>

using namespace pfc;
using namespace pfc::simulate;
using namespace pfc::explain;
namespace fb = pfc::plan::fb;

const char *pfc::simulate::methodName(Method method) {
  switch (method) {
  case Method::Data:
    return "data parallel";
  case Method::Model:
    return "model parallel";
  case Method::Sampled:
    return "Partial FC";
  }
  llvm_unreachable("all methods are named");
}

/// Rows of a rank, as the frameworks cut them.
static HeadShape headShape(const PeerJob &job) {
  const bool split = job.method != Method::Data;
  HeadShape shape;
  shape.ranks = split ? job.ranks : 1;
  shape.wholeBatch = split ? job.wholeBatch : job.wholeBatch / job.ranks;
  shape.classes = (job.classes + shape.ranks - 1) / shape.ranks;
  shape.dimensions = job.dimensions;
  shape.sampled = shape.classes;
  if (job.method == Method::Sampled)
    shape.sampled = static_cast<int64_t>(
        std::floor(job.sampleRate * static_cast<double>(shape.classes)));
  return shape;
}

namespace {

/// A framework's constants, and what is simulated.
class Simulation {
public:
  Simulation(const Constants &constants, const std::string &framework,
             const EagerNetwork &network, const PeerJob &job,
             const Machine &machine)
      : constants(constants), framework(framework), network(network), job(job),
        machine(machine), shape(headShape(job)) {}

  std::optional<PeerRun> run() const {
    std::optional<double> share = convShare();
    if (!share)
      return std::nullopt;
    PeerRun run;
    run.memory = memory();
    run.backbone = backbone(*share);
    run.gradients =
        sum(network.parameters * (job.half ? of("gradient_bytes") : 4));
    run.head = headSeconds(shape, chain(), machine);
    if (job.method == Method::Data)
      run.centerGradients = sum(rowBytes() * count(shape.classes));
    return run;
  }

private:
  static double count(int64_t n) { return static_cast<double>(n); }
  double of(const char *key) const { return constants[framework + "." + key]; }
  double rowBytes() const { return 4 * count(job.dimensions); }
  double images() const { return count(job.wholeBatch / job.ranks); }
  double activationBytes() const { return job.half ? 2 : 4; }

  std::optional<double> convShare() const {
    auto find = [&](const std::string &name) {
      return constants.find(framework + ".conv." + name +
                            (job.half ? ".half" : ".single"));
    };
    std::optional<double> own = find(machine.name);
    return own ? own : find(constants.homeOf(framework));
  }

  double memory() const {
    double rows = count(shape.sampled) * rowBytes();
    double logits = 4 * count(shape.wholeBatch) * count(shape.sampled);
    double copies = job.method == Method::Sampled ? 2 * rows : 0;
    return of("base_mib") * (1 << 20) +
           images() * network.kept * activationBytes() +
           2 * count(shape.classes) * rowBytes() + copies +
           of("row_buffers") * rows + of("logit_buffers") * logits;
  }

  double backbone(double share) const {
    double rate = share * (job.half ? machine.half : machine.single);
    double passes = network.passed * activationBytes() / machine.bandwidth;
    return images() * (network.flops / rate + passes) +
           network.kernels * of("kernel_us") * 1e-6;
  }

  double sum(double bytes) const {
    return collectiveCost(fb::CollectiveKind_AllReduceSum, bytes, job.ranks,
                          machine)
        .seconds;
  }

  HeadChain chain() const {
    const bool sampled = job.method == Method::Sampled;
    HeadChain chain;
    chain.logitBytes = of("logit_bytes");
    chain.ownedBytes = of("owned_bytes");
    chain.sampledPasses =
        of("row_passes") + (sampled ? of("gather_passes") : 0);
    chain.ownedPasses = sampled ? of("sampling_passes") : 0;
    chain.reduces = of("reduces");
    chain.share = of("head_share");
    return chain;
  }

  const Constants &constants;
  const std::string &framework;
  const EagerNetwork &network;
  const PeerJob &job;
  const Machine &machine;
  HeadShape shape;
};

} // namespace

const char *PeerRun::bound() const {
  const double most = std::max(backbone, gradients);
  if (head > most + centerGradients)
    return "head";
  return gradients > backbone || centerGradients > backbone ? "network"
                                                            : "backbone";
}

std::optional<PeerRun> pfc::simulate::simulatePeer(const Constants &constants,
                                                   const std::string &framework,
                                                   const EagerNetwork &network,
                                                   const PeerJob &job,
                                                   const Machine &machine) {
  return Simulation(constants, framework, network, job, machine).run();
}
