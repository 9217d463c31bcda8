//===- Commands.h - pfc-eval's sub-commands -----------------------*- C++ -*-=//
#ifndef PFC_TOOLS_PFCEVAL_COMMANDS_H
#define PFC_TOOLS_PFCEVAL_COMMANDS_H

#include "runtime/train/EmbeddingNetwork.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace pfc::tools {

/// What every sub-command takes.
struct EvalArguments {
  std::string model;        ///< a run's --out, a checkpoint, or a plan
  std::string weights;      ///< of the plan's network; empty: the model's own
  std::optional<bool> flip; ///< default: the spec's data.flip_test
  rt::JobOptions job;
  std::string json; ///< results as JSON; empty: none
  /// What the sub-command reads, besides the model: files, and folders of
  /// nothing else.
  std::vector<std::string> inputs = {};
  std::string scores = {}; ///< the sub-command's other output; empty: none
};

/// What a sub-command does on each rank, the network's weights being loaded;
/// rank 0's results, for --json.
using Evaluate = std::function<nlohmann::json(rt::Job &)>;

/// Each adds its sub-command with its options, and sets `*evaluate` when it is
/// chosen. `arguments` outlive the call.
void addVerifyCommand(CLI::App &app, EvalArguments &arguments,
                      Evaluate *evaluate);
void addIjbCommand(CLI::App &app, EvalArguments &arguments, Evaluate *evaluate);
void addMegaFaceCommand(CLI::App &app, EvalArguments &arguments,
                        Evaluate *evaluate);

/// The options all sub-commands share.
void addCommonOptions(CLI::App &command, EvalArguments &arguments);

/// Whether mirrored pictures are embedded as well.
bool flipTest(const EvalArguments &arguments, const rt::Job &job);

/// Embeds `pictures` on all ranks, says on a terminal how far it is, and hands
/// the rows to `take`, on rank 0 alone. `what` names the pictures.
void embedOnRoot(rt::Job &job, rt::EmbeddingNetwork &network,
                 const rt::Pictures &pictures, const char *what,
                 const rt::TakeRows &take);

} // namespace pfc::tools

#endif // PFC_TOOLS_PFCEVAL_COMMANDS_H
