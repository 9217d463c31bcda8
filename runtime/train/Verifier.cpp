#include "runtime/train/Verifier.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <filesystem>

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

std::string verificationPath(const std::string &dataDir,
                             const std::string &name) {
  std::filesystem::path path = std::filesystem::path(dataDir) / name;
  if (path.extension() != ".bin")
    path += ".bin";
  require(std::filesystem::exists(path),
          "{}: no such verification set (data.verification names '{}')",
          path.string(), name);
  return path.string();
}

Verifier::Verifier(Job &job, const std::vector<std::string> &paths,
                   bool flipTest)
    : job(job) {
  for (const std::string &path : paths)
    sets.push_back(readVerificationSet(path));
  if (sets.empty())
    return;
  require(job.executor.hasProgram("embed"),
          "the plan has no program 'embed' to verify with");
  std::vector<int64_t> images = job.executor.shapeOf("embed", "images");
  std::vector<int64_t> output = job.executor.shapeOf("embed", "embeddings");
  require(images.size() == 4 && output.size() == 2 && output[0] == images[0],
          "the plan's program 'embed' does not map images to embeddings");
  options.input = {static_cast<int>(images[1]), static_cast<int>(images[2]),
                   static_cast<int>(images[3])};
  options.batch = images[0];
  options.dim = output[1];
  options.flipTest = flipTest;
  options.rank = job.communicator.rank();
  options.worldSize = job.communicator.worldSize();
  options.decodeThreads = job.threads;
}

std::vector<VerificationResult> Verifier::verify() {
  std::vector<VerificationResult> results;
  if (empty())
    return results;
  Doing doing(job.communicator.activity(), "verification",
              Activity::Kind::Slow);
  shareStatistics();
  for (const VerificationSet &set : sets)
    results.push_back(evaluatePairs(
        set, options,
        [this](auto images, int64_t rows, auto embeddings) {
          embed(images, rows, embeddings);
        },
        [this](auto local, auto all) { gather(local, all); }));
  return results;
}

void Verifier::embed(std::span<const uint8_t> images, int64_t rows,
                     std::span<float> embeddings) {
  job.executor.setInput("embed", "images", images.data(), images.size());
  job.executor.run("embed");
  std::vector<float> output = job.executor.output("embed", "embeddings");
  std::copy_n(output.begin(), rows * options.dim, embeddings.begin());
}

void Verifier::gather(std::span<const float> local, std::span<float> all) {
  Doing doing(job.communicator.activity(), "all_gather of embeddings",
              Activity::Kind::Waits);
  job.communicator.allGather(viewOf(local), viewOf(all));
}

/// Without sync_batch_norm each rank has running statistics of its own; the
/// network that is verified and saved has rank 0's, as in DDP.
void Verifier::shareStatistics() {
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

} // namespace pfc::rt
