#include "runtime/train/Verifier.h"

#include "runtime/base/Error.h"

#include <filesystem>

namespace pfc::rt {

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
  if (!sets.empty())
    network.emplace(job, flipTest);
}

std::vector<VerificationResult> Verifier::verify() {
  std::vector<VerificationResult> results;
  if (empty())
    return results;
  Doing doing(job.communicator.activity(), "verification",
              Activity::Kind::Slow);
  network->shareStatistics();
  for (const VerificationSet &set : sets)
    results.push_back(evaluatePairs(set, network->options(),
                                    network->embedder(), network->gatherer()));
  return results;
}

} // namespace pfc::rt
