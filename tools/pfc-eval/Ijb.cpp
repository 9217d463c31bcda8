//===- Ijb.cpp - pfc-eval ijb ---------------------------------------------===//

#include "runtime/eval/Ijb.h"
#include "runtime/base/Error.h"
#include "runtime/eval/NumpyFile.h"
#include "runtime/eval/Templates.h"
#include "tools/pfc-eval/Commands.h"

#include <memory>

namespace pfc::tools {

using namespace pfc::rt;

namespace {

struct IjbArguments {
  std::string images, target = "IJBC";
};

void print(const IjbSet &set, const IjbVerification &result) {
  fmt::print("{} 1:1, {} templates of {} pictures, {} pairs of one subject and "
             "{} of two\n",
             set.name, set.templates.size(), set.pictures.size(), result.same,
             result.different);
  for (size_t i = 0; i < result.tars.size(); ++i)
    fmt::print("  TAR at FAR {:.0e}  {:.4f}\n", IjbVerification::fars[i],
               result.tars[i]);
}

void print(const IjbSet &set, const IjbIdentification &result) {
  fmt::print("{} 1:N, {} probes in a gallery of {}\n", set.name, result.probes,
             result.gallery);
  for (size_t i = 0; i < result.found.size(); ++i)
    fmt::print("  rank {:<12} {:.4f}\n", IjbIdentification::ranks[i],
               result.found[i]);
  for (size_t i = 0; i < result.tpirs.size(); ++i)
    fmt::print("  TPIR at FPIR {:<4} {:.4f}\n", IjbIdentification::fpirs[i],
               result.tpirs[i]);
}

nlohmann::json toJson(const IjbVerification &result) {
  nlohmann::json tars;
  for (size_t i = 0; i < result.tars.size(); ++i)
    tars[fmt::format("{:.0e}", IjbVerification::fars[i])] = result.tars[i];
  return {{"same", result.same},
          {"different", result.different},
          {"tar_at_far", tars}};
}

nlohmann::json toJson(const IjbIdentification &result) {
  nlohmann::json found, tpirs;
  for (size_t i = 0; i < result.found.size(); ++i)
    found[std::to_string(IjbIdentification::ranks[i])] = result.found[i];
  for (size_t i = 0; i < result.tpirs.size(); ++i)
    tpirs[fmt::format("{}", IjbIdentification::fpirs[i])] = result.tpirs[i];
  return {{"gallery", result.gallery},
          {"probes", result.probes},
          {"found_at_rank", found},
          {"tpir_at_fpir", tpirs}};
}

/// Rank 0, when all pictures are embedded.
nlohmann::json compare(const IjbSet &set, std::span<const float> rows,
                       AtomicFile *scoresFile, int64_t dim, int threads) {
  std::vector<double> scores = pairScores(set, rows, dim, threads);
  IjbVerification verification = verifyTemplates(set, scores);
  print(set, verification);
  nlohmann::json results = {{"name", set.name},
                            {"templates", set.templates.size()},
                            {"pictures", set.pictures.size()},
                            {"verification", toJson(verification)}};
  if (!set.gallery.empty()) {
    IjbIdentification identification =
        identifyTemplates(set, rows, dim, threads);
    print(set, identification);
    results["identification"] = toJson(identification);
  }
  if (scoresFile)
    writeNumpy(*scoresFile, scores);
  return results;
}

nlohmann::json evaluateIjb(const EvalArguments &common,
                           const IjbArguments &arguments, Job &job) {
  IjbSet set = readIjbPictures(arguments.images, arguments.target);
  EmbeddingNetwork network(job, flipTest(common, job));
  int64_t dim = network.options().dim;
  std::optional<TemplateBuilder> builder;
  std::optional<AtomicFile> scoresFile;
  if (job.isRoot()) {
    readIjbProtocol(set);
    builder.emplace(set, dim);
    if (!common.scores.empty())
      scoresFile.emplace(common.scores);
  }
  embedOnRoot(job, network, IjbPictures(set), "pictures",
              [&](const EmbeddedRows &rows) {
                for (int64_t i = 0; i < rows.count(); ++i)
                  builder->add(rows.first() + i, rows.embedding(i));
              });
  if (!job.isRoot())
    return {};
  return compare(set, builder->rows(), scoresFile ? &*scoresFile : nullptr, dim,
                 job.threads);
}

} // namespace

void addIjbCommand(CLI::App &app, EvalArguments &common, Evaluate *evaluate) {
  CLI::App *command = app.add_subcommand(
      "ijb", "Templates of IJB-B and IJB-C: verification (1:1) and, where the "
             "set has galleries, identification (1:N)");
  addCommonOptions(*command, common);
  auto arguments = std::make_shared<IjbArguments>();
  command
      ->add_option("--images", arguments->images,
                   "folder with meta/ and loose_crop/")
      ->required();
  command
      ->add_option("--target", arguments->target,
                   "IJBC, IJBB, or what else the files in meta/ begin with")
      ->capture_default_str();
  command->add_option("--scores", common.scores,
                      "write the pairs' cosines here (.npy, float64)");
  command->callback([=, &common] {
    common.inputs = {arguments->images + "/meta",
                     arguments->images + "/loose_crop"};
    *evaluate = [=, &common](Job &job) {
      return evaluateIjb(common, *arguments, job);
    };
  });
}

} // namespace pfc::tools
