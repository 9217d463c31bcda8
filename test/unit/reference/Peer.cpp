//===- Peer.cpp - Five steps of InsightFace's PartialFC_V2 ----------------===//
#include "test/unit/reference/Peer.h"
#include "test/unit/reference/ReferenceTest.h"
#include <cmath>
#include <ostream>

namespace pfc::reference {

static constexpr int64_t classes = 1000, size = 64, batch = 16;

const PeerRecording peerRecordings[3] = {
    {"ArcFace",
     0.5,
     0.0,
     0.0,
     {55.485713958740234, 56.898704528808594, 55.49221420288086,
      57.671287536621094, 55.08363342285156},
     {208.3502197265625, 213.5231475830078, 193.83111572265625,
      182.0717010498047, 186.4549102783203},
     {4.158163547515869, 4.27195930480957, 4.3243889808654785,
      4.169338703155518, 4.195796966552734},
     -6.961167816218804,
     16979.453600257744},
    {"CosFace",
     0.0,
     0.4,
     0.0,
     {50.42521286010742, 52.27786636352539, 50.30769729614258,
      53.02141189575195, 49.99931335449219},
     {208.3502197265625, 213.52316284179688, 193.8311004638672,
      182.07171630859375, 186.45489501953125},
     {4.158164024353027, 4.27195930480957, 4.32438850402832, 4.169339179992676,
      4.195796966552734},
     -6.961109988963827,
     16979.453405458786},
    {"ArcFaceFiltered",
     0.5,
     0.0,
     0.4,
     {54.088932037353516, 55.4358024597168, 53.142425537109375,
      56.238426208496094, 52.9473762512207},
     {199.885009765625, 202.02743530273438, 194.50103759765625,
      182.9261474609375, 155.41104125976562},
     {3.9429404735565186, 4.021211624145508, 4.288443565368652,
      4.0821027755737305, 4.001444339752197},
     45.25835895167822,
     15759.240875769498},
};

void PrintTo(const PeerRecording &recording, std::ostream *os) {
  *os << recording.name;
}

HeadGraph peerHead(const PeerRecording &recording, int64_t ranks) {
  HeadGraph graph;
  graph.ranks = ranks;
  graph.classes = classes;
  graph.batch = batch;
  graph.size = size;
  graph.m2 = recording.m2;
  graph.m3 = recording.m3;
  graph.filter = recording.filter;
  graph.scale = 64.0;
  graph.gradient = "straight_through";
  graph.rowUpdate = "all";
  return graph;
}

static double splitmix(uint64_t seed, uint64_t i) {
  uint64_t z = (i + 1) * 0x9E3779B97F4A7C15u + seed * 0xD1B54A32D192ED03u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  z ^= z >> 31;
  return static_cast<double>(z >> 11) * 0x1p-53;
}

static Tensor uniform(int64_t rows, uint64_t seed, double limit) {
  std::vector<double> values(rows * size);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>((2.0 * splitmix(seed, i) - 1.0) * limit);
  return Tensor::ofReals({rows, size}, std::move(values));
}

Tensor peerCenters() { return uniform(classes, 1, 0.02); }

TensorMap peerInputs(int64_t step) {
  std::vector<int64_t> labels(batch);
  for (int64_t i = 0; i < batch; ++i)
    labels[i] = static_cast<int64_t>(splitmix(200 + step, i) * classes);
  return {{"embeddings", uniform(batch, 100 + step, 1.0)},
          {"labels", Tensor::ofIntegers({batch}, std::move(labels))},
          {"lr", scalar(0.1)},
          {"step", scalar(step)}};
}

/// The mean over rows of log Z − t, each at most −log 1e-30.
static double peersLoss(const Tensor &stats) {
  double sum = 0.0;
  for (int64_t i = 0; i < stats.rows(); ++i)
    sum += std::min(std::log(stats.reals[2 * i]) - stats.reals[2 * i + 1],
                    -std::log(1e-30));
  return sum / stats.rows();
}

static void expectNear(double mine, double peers, const char *what,
                       int64_t step, double tolerance) {
  EXPECT_NEAR(mine, peers, tolerance * peers) << what << " at step " << step;
}

void expectPeerStep(const PeerRecording &recording, const TensorMap &outputs,
                    int64_t step, double tolerance) {
  expectNear(peersLoss(outputs.at("stats")), recording.loss[step], "loss", step,
             tolerance);
  if (outputs.count("centers_grad_squares"))
    expectNear(std::sqrt(outputs.at("centers_grad_squares").reals[0]),
               recording.centersGrad[step], "centers' gradient", step,
               tolerance);
  expectNear(norm(outputs.at("embeddings_grad")),
             recording.embeddingsGrad[step], "embeddings' gradient", step,
             tolerance);
}

void expectPeerCenters(const PeerRecording &recording, const Tensor &centers,
                       double tolerance) {
  double sum = 0.0;
  for (double x : centers.reals)
    sum += x;
  expectNear(norm(centers) * norm(centers), recording.squares, "squares of W",
             peerSteps, tolerance);
  // The sum nearly cancels: measured against the sum of magnitudes.
  EXPECT_NEAR(sum, recording.sum,
              tolerance * norm(centers) * std::sqrt(centers.size()));
}

} // namespace pfc::reference
