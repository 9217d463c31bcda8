//===- main.cpp - pfc-checkpoint: what a run can go on from -----*- C++ -*-===//
//
//   pfc-checkpoint list OUT      OUT: pfc-run's --out
//   pfc-checkpoint verify DIR    a checkpoint, or the --out of a run: all of
//   its
//
//===----------------------------------------------------------------------===//
#include "runtime/base/Error.h"
#include "runtime/plan/Shape.h"
#include "runtime/train/checkpoint/Checkpoint.h"
#include "runtime/train/checkpoint/CheckpointFolder.h"

#include <CLI/CLI.hpp>

using namespace pfc::rt;

namespace {

std::vector<std::string> checkpointsOf(const std::string &out) {
  std::vector<std::string> paths;
  for (const CheckpointFolder::Entry &entry : CheckpointFolder(out).list())
    paths.push_back(entry.path);
  require(!paths.empty(), "{}: holds no checkpoint", out);
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

int body(int argc, char **argv) {
  CLI::App app("Shows and checks the checkpoints of pfc-run.",
               "pfc-checkpoint");
  app.require_subcommand(1);
  std::string out, where;
  CLI::App *listing = app.add_subcommand("list", "a line for each checkpoint");
  listing->add_option("out", out, "what pfc-run had as --out")->required();
  app.add_subcommand("verify", "checks every file against the manifest")
      ->add_option("dir", where, "a checkpoint's folder, or the --out of a run")
      ->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error);
  }
  if (!listing->parsed())
    return verify(where);
  list(out);
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  return runTool("pfc-checkpoint", body, argc, argv);
}
