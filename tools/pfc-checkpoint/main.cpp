//===- main.cpp - pfc-checkpoint: what a run can go on from -----*- C++ -*-===//
//
//   pfc-checkpoint list OUT          OUT: pfc-run's --out
//   pfc-checkpoint verify DIR        a checkpoint, or the --out of a run: all
//                                    of its
//   pfc-checkpoint merge DIR FILE    its class centers as one weights file
//   pfc-checkpoint convert DIR NEW   a checkpoint with other classes, or in
//                                    other files
//   pfc-checkpoint import FILE OUT   other programs' weights as .safetensors
//   pfc-checkpoint import DIR NEW    arcface_torch's checkpoint, for --init
//   pfc-checkpoint export DIR FILE   the network as the field's state dict
//
//===----------------------------------------------------------------------===//
#include "runtime/base/Error.h"
#include "runtime/base/Paths.h"
#include "runtime/plan/Shape.h"
#include "runtime/train/Interchange.h"
#include "runtime/train/ModelFolder.h"
#include "runtime/train/checkpoint/Checkpoint.h"
#include "runtime/train/checkpoint/CheckpointFolder.h"
#include "runtime/train/checkpoint/Rewrite.h"
#include "tools/cli/Usage.h"

#include <CLI/CLI.hpp>

#include <filesystem>

using namespace pfc::rt;

namespace {

std::vector<std::string> checkpointsOf(const std::string &out) {
  std::error_code error;
  require(std::filesystem::exists(out, error) || error,
          "{}: there is no such folder", out);
  std::vector<std::string> paths;
  for (const CheckpointFolder::Entry &entry : CheckpointFolder(out).list())
    paths.push_back(entry.path);
  require(!paths.empty(),
          "{}: holds no checkpoint; give the --out of a run that wrote some",
          out);
  return paths;
}

void list(const std::string &out) {
  for (const std::string &path : checkpointsOf(out)) {
    Manifest manifest = Checkpoint(path).manifest();
    fmt::print("{}  step {} of {}, plan {}, {}, {} rank{}, {}\n", path,
               manifest.step, manifest.totalSteps, manifest.plan,
               manifest.precision, manifest.worldSize,
               manifest.worldSize == 1 ? "" : "s",
               bytesText(manifest.totalBytes()));
  }
}

/// Every file of each; says all that is wrong before it fails.
int verify(const std::string &where) {
  std::vector<std::string> paths = {where};
  if (findCheckpoint(where) != where)
    paths = checkpointsOf(where);
  int status = 0;
  for (const std::string &path : paths) {
    try {
      Checkpoint checkpoint(path);
      checkpoint.verify();
      fmt::print("{}: whole, {}\n", path,
                 bytesText(checkpoint.manifest().totalBytes()));
    } catch (const Error &error) {
      fmt::print(stderr, "pfc-checkpoint: error: {}\n", error.what());
      status = 1;
    }
  }
  return status;
}

/// What has weights in a checkpoint's folder, or the --out of a run: of a
/// checkpoint every file, as its manifest has them all.
std::vector<std::string> weightsOf(const std::string &where) {
  const std::string folder = folderOfWeights(where);
  if (isCheckpoint(folder))
    return {folder};
  ModelFolder model(folder);
  std::vector<std::string> files = {model.plan(), model.backbone()};
  for (const auto &entry : std::filesystem::directory_iterator(folder))
    if (ModelFolder::isClassCenters(entry.path().filename().string()))
      files.push_back(entry.path().string());
  return files;
}

/// A new checkpoint is made under another name, where there may be remains of
/// one, but not the one to convert.
void checkNewFolder(const std::string &source, const std::string &target) {
  namespace fs = std::filesystem;
  fs::path path = fs::path(target).lexically_normal();
  if (!path.has_filename())
    path = path.parent_path();
  path += ".partial";
  std::error_code ignored;
  require(!fs::equivalent(source, path, ignored),
          "{}: would be replaced on the way to {}; give the new checkpoint "
          "another name",
          source, target);
}

struct Arguments {
  std::string where, target;
  ConvertOptions convert;
  int status = 0;
};

CLI::App *declare(CLI::App &app, const char *name, const char *what,
                  Arguments &arguments, const char *where) {
  CLI::App *command = app.add_subcommand(name, what);
  command->add_option("dir", arguments.where, where)->required();
  return command;
}

void declareReading(CLI::App &app, Arguments &arguments) {
  declare(app, "list", "a line for each checkpoint", arguments,
          "what pfc-run had as --out")
      ->callback([&] { list(arguments.where); });
  declare(app, "verify", "checks every file against the manifest", arguments,
          "a checkpoint's folder, or the --out of a run")
      ->callback([&] { arguments.status = verify(arguments.where); });
}

void declareWriting(CLI::App &app, Arguments &arguments) {
  CLI::App *merge =
      declare(app, "merge", "writes its class centers as one weights file",
              arguments, "a checkpoint's folder, or the --out of a run");
  merge->add_option("file", arguments.target, "the file to write")->required();
  merge->callback([&] {
    protectInputs("merge", arguments.target, weightsOf(arguments.where));
    mergeClassCenters(arguments.where, arguments.target);
  });

  CLI::App *convert =
      declare(app, "convert",
              "makes a checkpoint of it with other classes, or in other files",
              arguments, "a checkpoint's folder");
  convert->add_option("new", arguments.target, "the folder to write")
      ->required();
  convert->add_option("--class-map", arguments.convert.classMap,
                      "which class is which: lines 'NEW OLD' or 'NEW new' "
                      "(docs/running.md); default: they stay");
  convert
      ->add_option("--shards", arguments.convert.shards,
                   "files of class centers (default: 1)")
      ->check(CLI::Range(1, 99999));
  convert->callback([&] {
    checkNewFolder(arguments.where, arguments.target);
    convertCheckpoint(arguments.where, arguments.target, arguments.convert);
  });
}

void declareInterchange(CLI::App &app, Arguments &arguments) {
  CLI::App *import = app.add_subcommand(
      "import", "writes another program's weights as .safetensors");
  import
      ->add_option(
          "file", arguments.where,
          "PyTorch's .pt or .pth, MXNet's .params, or .safetensors; or "
          "a folder with arcface_torch's checkpoint_gpu_*.pt, for the "
          "class centers, too")
      ->required();
  import
      ->add_option("out", arguments.target,
                   "the file to write; of a folder, the folder, for pfc-run "
                   "--init")
      ->required();
  import->callback([&] {
    if (std::filesystem::is_directory(arguments.where))
      return importCheckpoint(arguments.where, arguments.target);
    protectInputs("import", arguments.target, {arguments.where});
    importWeights(arguments.where, arguments.target);
  });

  CLI::App *exported = declare(
      app, "export", "writes the network alone, as arcface_torch's state dict",
      arguments, "a checkpoint's folder, or the --out of a run");
  exported->add_option("file", arguments.target, "the .safetensors to write")
      ->required();
  exported->callback([&] {
    protectInputs("export", arguments.target, weightsOf(arguments.where));
    exportNetwork(arguments.where, arguments.target);
  });
}

int body(int argc, char **argv) {
  CLI::App app("Shows, checks and rewrites checkpoints and weights.",
               "pfc-checkpoint");
  app.require_subcommand(1);
  Arguments arguments;
  declareReading(app, arguments);
  declareWriting(app, arguments);
  declareInterchange(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return pfc::endUsage(app, error);
  }
  return arguments.status;
}

} // namespace

int main(int argc, char **argv) {
  return runTool("pfc-checkpoint", body, argc, argv);
}
