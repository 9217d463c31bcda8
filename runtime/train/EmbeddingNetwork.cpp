#include "runtime/train/EmbeddingNetwork.h"

#include "runtime/base/Error.h"

#include <algorithm>

namespace pfc::rt {
namespace {

/// A float array as the communicator takes it; it only reads a source.
BufferView viewOf(std::span<const float> values) {
  return {const_cast<std::byte *>(
              reinterpret_cast<const std::byte *>(values.data())),
          plan::fb::DType_F32,
          {static_cast<int64_t>(values.size())}};
}

} // namespace

EmbeddingNetwork::EmbeddingNetwork(Job &job, bool flipTest) : job(job) {
  require(job.executor.hasProgram("embed"),
          "the plan has no program 'embed' to verify with");
  std::vector<int64_t> images = job.executor.shapeOf("embed", "images");
  std::vector<int64_t> output = job.executor.shapeOf("embed", "embeddings");
  require(images.size() == 4 && output.size() == 2 && output[0] == images[0],
          "the plan's program 'embed' does not map images to embeddings");
  settings = {.input = {static_cast<int>(images[1]),
                        static_cast<int>(images[2]),
                        static_cast<int>(images[3])},
              .batch = images[0],
              .dim = output[1],
              .flipTest = flipTest,
              .rank = job.communicator.rank(),
              .worldSize = job.communicator.worldSize(),
              .decodeThreads = job.threads};
}

void EmbeddingNetwork::shareStatistics() {
  if (job.communicator.worldSize() == 1)
    return;
  for (const plan::fb::Variable *variable : *job.variant.variables()) {
    if (variable->role() != plan::fb::Role_Buffer || variable->shard())
      continue;
    std::string name = variable->name()->str();
    std::vector<std::byte> bytes = job.executor.readVariable(name);
    Doing doing(job.communicator.activity(), "broadcast of statistics",
                Activity::Kind::Waits);
    job.communicator.broadcast(bytes.data(), bytes.size(), 0);
    job.executor.writeVariable(name, bytes.data(), bytes.size());
  }
}

EmbedBatch EmbeddingNetwork::embedder() {
  return [this](auto images, int64_t rows, auto embeddings) {
    embed(images, rows, embeddings);
  };
}

AllGatherFloats EmbeddingNetwork::gatherer() {
  return [this](auto local, auto all) { gather(local, all); };
}

void EmbeddingNetwork::embed(std::span<const uint8_t> images, int64_t rows,
                             std::span<float> embeddings) {
  job.executor.setInput("embed", "images", images.data(), images.size());
  job.executor.run("embed");
  std::vector<float> output = job.executor.output("embed", "embeddings");
  std::copy_n(output.begin(), rows * settings.dim, embeddings.begin());
}

void EmbeddingNetwork::gather(std::span<const float> local,
                              std::span<float> all) {
  Doing doing(job.communicator.activity(), "all_gather of embeddings",
              Activity::Kind::Waits);
  job.communicator.allGather(viewOf(local), viewOf(all));
}

} // namespace pfc::rt
