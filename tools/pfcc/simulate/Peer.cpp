#include "Peer.h"

#include "TorchStep.h"
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
  if (job.method != Method::Sampled)
    return shape;
  // The positives are always among them.
  const auto drawn = static_cast<int64_t>(
      std::floor(job.sampleRate * static_cast<double>(shape.classes)));
  const int64_t positives = (job.wholeBatch + job.ranks - 1) / job.ranks;
  shape.sampled = std::min(shape.classes, std::max(drawn, positives));
  return shape;
}

static double count(int64_t n) { return static_cast<double>(n); }

static int64_t imagesOfRank(const PeerJob &job) {
  return job.wholeBatch / job.ranks;
}

/// Images whose class the rank owns; `said` is of the job.
static int64_t ownedImages(const PeerJob &job, std::optional<int64_t> said) {
  return job.method == Method::Data ? imagesOfRank(job)
                                    : said.value_or(imagesOfRank(job));
}

/// Of a class center in fp32.
static double rowBytes(const PeerJob &job) { return 4 * count(job.dimensions); }

static double activationBytes(const PeerJob &job) { return job.half ? 2 : 4; }

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
    run.backbone = backbone(*share);
    run.gradients =
        sum(network.parameters * (job.half ? of("gradient_bytes") : 4));
    run.head = headSeconds(shape, chain(), machine);
    if (job.method == Method::Data)
      run.centerGradients = sum(rowBytes(job) * count(shape.classes));
    return run;
  }

private:
  double of(const char *key) const { return constants[framework + "." + key]; }
  double images() const { return count(imagesOfRank(job)); }

  std::optional<double> convShare() const {
    auto find = [&](const std::string &name) {
      return constants.find(framework + ".conv." + name +
                            (job.half ? ".half" : ".single"));
    };
    std::optional<double> own = find(machine.name);
    return own ? own : find(constants.homeOf(framework));
  }

  double backbone(double share) const {
    double rate = share * (job.half ? machine.half : machine.single);
    double passes = network.passed * activationBytes(job) / machine.bandwidth;
    return images() * (network.flops / rate + passes) +
           network.kernels * of("kernel_us") * 1e-6;
  }

  double sum(double bytes) const {
    return collectiveCost(fb::CollectiveKind_AllReduceSum, bytes, job.ranks,
                          machine)
        .seconds;
  }

  HeadChain chain() const {
    HeadChain chain;
    const bool sampled = job.method == Method::Sampled;
    if (constants.isTraced(framework)) {
      chain = torchHeadChain(sampled);
      // PeerHead.h takes a W-th of the batch for owned.
      chain.ownedBytes *= count(ownedImages(job, job.mostOwned)) *
                          count(shape.ranks) / count(shape.wholeBatch);
    } else {
      chain.logitBytes = of("logit_bytes");
      chain.ownedBytes = of("owned_bytes");
      chain.sampledPasses =
          of("row_passes") + (sampled ? of("gather_passes") : 0);
    }
    chain.ownedPasses = sampled ? of("sampling_passes") : 0;
    chain.reduces = of("reduces");
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
  const double network = gradients + centerGradients;
  if (head > std::max(backbone, network))
    return "head";
  return network > backbone ? "network" : "backbone";
}

std::optional<PeerRun> pfc::simulate::simulatePeer(const Constants &constants,
                                                   const std::string &framework,
                                                   const EagerNetwork &network,
                                                   const PeerJob &job,
                                                   const Machine &machine) {
  return Simulation(constants, framework, network, job, machine).run();
}

double pfc::simulate::peerMemory(const Constants &constants,
                                 const std::string &framework,
                                 const EagerNetwork &network,
                                 const PeerJob &job) {
  auto of = [&](const char *key) { return constants[framework + "." + key]; };
  const HeadShape shape = headShape(job);
  const bool sampled = job.method == Method::Sampled;
  const int64_t images = imagesOfRank(job);
  const double base = of("base_mib") * (1 << 20);
  const double classes = 2 * count(shape.classes) * rowBytes(job);
  if (constants.isTraced(framework)) {
    if (job.method == Method::Data)
      return base + count(torchBackboneMemory(network, images, job.half)) +
             classes +
             of("data_buffers") * count(shape.classes) * rowBytes(job);
    return base + count(torchMemory(network, {shape, sampled, job.half, images,
                                              ownedImages(job, job.owned)}));
  }
  const double rows = count(shape.sampled) * rowBytes(job);
  const double logits = 4 * count(shape.wholeBatch) * count(shape.sampled);
  return base + count(images) * network.kept * activationBytes(job) + classes +
         (sampled ? 2 * rows : 0) + of("row_buffers") * rows +
         of("logit_buffers") * logits;
}
