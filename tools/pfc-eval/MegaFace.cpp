//===- MegaFace.cpp - pfc-eval megaface -----------------------------------===//

#include "runtime/eval/MegaFace.h"
#include "runtime/base/Error.h"
#include "runtime/eval/FeatureFiles.h"
#include "tools/pfc-eval/Commands.h"

#include <filesystem>
#include <memory>

namespace pfc::tools {

using namespace pfc::rt;

namespace {

struct MegaFaceArguments {
  std::string images, features, algorithm = "pfc";
};

void print(const MegaFaceResult &result) {
  fmt::print("MegaFace, {} probes of {} persons ({} noise) among {} "
             "distractors ({} noise)\n",
             result.probes, result.persons, result.probeNoises,
             result.distractors, result.distractorNoises);
  for (size_t i = 0; i < result.found.size(); ++i)
    fmt::print("  rank {:<10} {:.4f}\n", MegaFaceResult::ranks[i],
               result.found[i]);
  for (size_t i = 0; i < result.tars.size(); ++i)
    fmt::print("  TAR at FAR {:.0e} {:.4f}\n", MegaFaceResult::fars[i],
               result.tars[i]);
}

nlohmann::json toJson(const MegaFaceResult &result) {
  nlohmann::json found, tars;
  for (size_t i = 0; i < result.found.size(); ++i)
    found[std::to_string(MegaFaceResult::ranks[i])] = result.found[i];
  for (size_t i = 0; i < result.tars.size(); ++i)
    tars[fmt::format("{:.0e}", MegaFaceResult::fars[i])] = result.tars[i];
  return {{"name", "MegaFace"},
          {"probes", result.probes},
          {"persons", result.persons},
          {"pairs", result.pairs},
          {"probe_noises", result.probeNoises},
          {"distractors", result.distractors},
          {"distractor_noises", result.distractorNoises},
          {"found_at_rank", found},
          {"tar_at_far", tars}};
}

/// What rank 0 does with the embeddings.
class Evaluation {
public:
  Evaluation(const MegaFaceSet &set, const MegaFaceArguments &arguments,
             int64_t dim, int threads)
      : set(set), dim(dim), threads(threads) {
    if (!arguments.features.empty())
      files.emplace(arguments.features, arguments.algorithm);
    embeddings.reserve(set.probes.size() * dim);
  }

  void addProbes(const EmbeddedRows &rows) {
    for (int64_t i = 0; i < rows.count(); ++i) {
      std::span<const float> row = rows.embedding(i);
      embeddings.insert(embeddings.end(), row.begin(), row.end());
    }
  }

  void endProbes() {
    std::vector<float> probes = probeRows(set, embeddings, dim);
    if (files)
      for (size_t i = 0; i < set.probes.size(); ++i)
        files->writeProbe(set.probes[i],
                          std::span(probes).subspan(i * dim, dim));
    scores.emplace(set, std::move(probes), dim, threads);
  }

  void addDistractors(const EmbeddedRows &rows) {
    embeddings.clear();
    for (int64_t i = 0; i < rows.count(); ++i) {
      std::span<const float> row = rows.embedding(i);
      embeddings.insert(embeddings.end(), row.begin(), row.end());
      std::span<float> scaled = std::span(embeddings).last(dim);
      const MegaFaceSet::Picture &picture = set.distractors[rows.first() + i];
      scaleToOne(scaled, picture);
      if (files)
        files->writeDistractor(picture, scaled);
    }
    scores->add(rows.first(), embeddings);
  }

  MegaFaceResult result() { return scores->result(); }

private:
  const MegaFaceSet &set;
  int64_t dim;
  int threads;
  std::optional<FeatureFiles> files;
  std::optional<MegaFaceScores> scores;
  std::vector<float> embeddings; ///< [pictures, dim]
};

nlohmann::json evaluateMegaFace(const EvalArguments &common,
                                const MegaFaceArguments &arguments, Job &job) {
  MegaFaceSet set = readMegaFaceSet(arguments.images);
  EmbeddingNetwork network(job, flipTest(common, job));
  Evaluation evaluation(set, arguments, network.options().dim, job.threads);
  embedOnRoot(job, network,
              MegaFacePictures(set.probes, set.folder + "/facescrub_images"),
              "probes",
              [&](const EmbeddedRows &rows) { evaluation.addProbes(rows); });
  if (job.isRoot())
    evaluation.endProbes();
  embedOnRoot(
      job, network,
      MegaFacePictures(set.distractors, set.folder + "/megaface_images"),
      "distractors",
      [&](const EmbeddedRows &rows) { evaluation.addDistractors(rows); });
  if (!job.isRoot())
    return {};
  MegaFaceResult result = evaluation.result();
  print(result);
  return toJson(result);
}

/// Before the pictures are embedded, which its files are made of.
void checkFolder(const std::string &features) {
  std::error_code ignored;
  require(!std::filesystem::exists(features, ignored) ||
              std::filesystem::is_directory(features, ignored),
          "--features {}: is no folder; give the name of one", features);
}

} // namespace

void addMegaFaceCommand(CLI::App &app, EvalArguments &common,
                        Evaluate *evaluate) {
  CLI::App *command = app.add_subcommand(
      "megaface", "FaceScrub's pictures among MegaFace's distractors: rank 1, "
                  "and TAR at FAR 1e-6");
  addCommonOptions(*command, common);
  auto arguments = std::make_shared<MegaFaceArguments>();
  command
      ->add_option("--images", arguments->images,
                   "folder with facescrub_lst, megaface_lst, facescrub_images/ "
                   "and megaface_images/")
      ->required();
  command->add_option("--features", arguments->features,
                      "write the embeddings here, for MegaFace's devkit");
  command
      ->add_option("--algorithm", arguments->algorithm,
                   "what the names of these files end in")
      ->capture_default_str();
  command->callback([=, &common] {
    for (const char *name : {"/facescrub_lst", "/megaface_lst",
                             "/facescrub_images", "/megaface_images"})
      common.inputs.push_back(arguments->images + name);
    checkFolder(arguments->features);
    *evaluate = [=, &common](Job &job) {
      return evaluateMegaFace(common, *arguments, job);
    };
  });
}

} // namespace pfc::tools
