//===- State.cpp - Persistent state, logical and on ranks -----------------===//
#include "dialects/pfc/reference/State.h"
#include "dialects/pfc/reference/Initializer.h"
#include "dialects/pfc/reference/Interpreter.h"
#include "dialects/pfc/reference/Shards.h"

using namespace mlir;
using namespace pfc;
using namespace pfc::reference;

/// FNV-1a, 64 bits.
static uint64_t hashName(StringRef name) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (unsigned char c : name)
    hash = (hash ^ c) * 0x100000001B3u;
  return hash;
}

/// Fills the first `rows.count` rows with those from `rows.first` on.
static void fill(Tensor &tensor, Shard rows, const Initializer &initializer,
                 Type element) {
  for (int64_t i = 0; i < rows.count; ++i)
    for (int64_t j = 0; j < tensor.width(); ++j) {
      double x = initializer.value(rows.first + i, j, element);
      if (tensor.isInteger())
        tensor.integers[i * tensor.width() + j] = static_cast<int64_t>(x);
      else
        tensor.reals[i * tensor.width() + j] = x;
    }
}

FailureOr<State> State::initial(func::FuncOp function,
                                const StateOptions &options) {
  State state;
  int64_t ranks = ranksOf(function);
  WalkResult walk = function.walk([&](VariableOp op) {
    auto type = cast<RankedTensorType>(op.getValue().getType());
    bool isInteger = isa<IntegerType>(type.getElementType());
    Initializer initializer{op.getInit(), options.seed ^ hashName(op.getName()),
                            options.perturbConstants && !isInteger ? 0.25
                                                                   : 0.0};
    Variable variable;
    variable.split = op.getSharded() && ranks > 1;
    variable.rows = variable.split && op.getRows()
                        ? int64_t(*op.getRows())
                        : type.getDimSize(0) * (variable.split ? ranks : 1);
    for (int64_t rank = 0; rank < ranks; ++rank) {
      Shard rows = variable.split ? shardOf(variable.rows, ranks, rank)
                                  : Shard{0, variable.rows};
      if (rows.count > type.getDimSize(0)) {
        op.emitOpError("has too few rows for this rank's part of ")
            << variable.rows;
        return WalkResult::interrupt();
      }
      variable.ranks.push_back(Tensor::zeros(type));
      if (!op.getHost())
        fill(variable.ranks.back(), rows, initializer, type.getElementType());
    }
    auto [entry, isNew] =
        state.variables.try_emplace(op.getName().str(), variable);
    if (!isNew && !entry->second.ranks[0].identical(variable.ranks[0])) {
      op.emitOpError("is read twice with different types or initial values");
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  if (walk.wasInterrupted())
    return failure();
  return state;
}

const std::vector<Tensor> &State::local(const std::string &name) const {
  return variables.at(name).ranks;
}
std::vector<Tensor> &State::local(const std::string &name) {
  return variables.at(name).ranks;
}

void State::set(const std::string &name, const Tensor &logical) {
  Variable &variable = variables.at(name);
  for (size_t rank = 0; rank < variable.ranks.size(); ++rank) {
    Tensor &local = variable.ranks[rank];
    if (!variable.split) {
      local = logical;
      continue;
    }
    Shard rows = shardOf(variable.rows, variable.ranks.size(), rank);
    std::fill(local.reals.begin(), local.reals.end(), 0.0);
    std::copy_n(logical.reals.begin() + rows.first * logical.width(),
                rows.count * logical.width(), local.reals.begin());
  }
}

FailureOr<Tensor> State::logical(const std::string &name, Location loc) const {
  const Variable &variable = variables.at(name);
  if (!variable.split) {
    for (size_t rank = 1; rank < variable.ranks.size(); ++rank)
      if (!variable.ranks[rank].identical(variable.ranks[0]))
        return emitError(loc) << "replicated variable '" << name
                              << "' differs between ranks 0 and " << rank;
    return variable.ranks[0];
  }
  std::vector<Tensor> parts;
  for (size_t rank = 0; rank < variable.ranks.size(); ++rank)
    parts.push_back(
        slice(variable.ranks[rank], 0, 0,
              shardOf(variable.rows, variable.ranks.size(), rank).count));
  return concatenate(parts, 0);
}

std::vector<std::string> State::names() const {
  std::vector<std::string> names;
  for (const auto &[name, variable] : variables)
    names.push_back(name);
  return names;
}
