//===- Verify.cpp - pfc-eval verify ---------------------------------------===//

#include "runtime/base/Error.h"
#include "runtime/train/Verifier.h"
#include "tools/pfc-eval/Commands.h"

#include <memory>

namespace pfc::tools {

using namespace pfc::rt;

namespace {

void print(const VerificationResult &result) {
  fmt::print("{}: accuracy {:.4f} ± {:.4f}, TAR {:.4f} at FAR 1e-3, {:.4f} at "
             "FAR 1e-4, {} pairs, xnorm {:.2f}\n",
             result.name, result.accuracy, result.accuracyStd,
             result.tarAtFar1e3, result.tarAtFar1e4, result.pairs,
             result.xnorm);
}

nlohmann::json toJson(const VerificationResult &result) {
  return {
      {"name", result.name},
      {"pairs", result.pairs},
      {"accuracy", result.accuracy},
      {"accuracy_std", result.accuracyStd},
      {"threshold", result.threshold},
      {"tar_at_far",
       {{"1e-03", result.tarAtFar1e3}, {"1e-04", result.tarAtFar1e4}}},
      {"roc_tar_at_far",
       {{"1e-03", result.rocTarAtFar1e3}, {"1e-04", result.rocTarAtFar1e4}}},
      {"xnorm", result.xnorm}};
}

nlohmann::json verify(const EvalArguments &arguments,
                      const std::vector<std::string> &pairs, Job &job) {
  Verifier verifier(job, pairs, flipTest(arguments, job));
  nlohmann::json results = nlohmann::json::array();
  for (const VerificationResult &result : verifier.verify()) {
    if (job.isRoot())
      print(result);
    results.push_back(toJson(result));
  }
  return {{"verification", results}};
}

} // namespace

void addVerifyCommand(CLI::App &app, EvalArguments &arguments,
                      Evaluate *evaluate) {
  CLI::App *command =
      app.add_subcommand("verify", "Ten-fold verification on pairs (LFW, "
                                   "CFP-FP, AgeDB-30, ...)");
  addCommonOptions(*command, arguments);
  auto pairs = std::make_shared<std::vector<std::string>>();
  command->add_option("--pairs", *pairs, "verification sets (.bin)")
      ->required();
  command->callback([=, &arguments] {
    arguments.inputs = *pairs;
    *evaluate = [=, &arguments](Job &job) {
      return verify(arguments, *pairs, job);
    };
  });
}

} // namespace pfc::tools
