//===- VerifyMemory.cpp - Proves that no two live buffers overlap ---------===//
//
// Shares no code with plan-assign-memory or its lifetimes. Replays each program
// on a map of the arena that says whose bytes each byte is:
//
//   - variables and rank constants hold their bytes throughout;
//   - an input takes its bytes before the first instruction;
//   - the first instruction to write a buffer takes its bytes, from whomever;
//   - every later use, and every output at the end, must find the buffer in
//     possession of all its bytes; a `plan.wait` uses what its transfer uses;
//   - between a transfer, or a branch, and its wait nothing touches the bytes
//   that it writes
//     or writes those that it reads.
//
// A use of a span is a use of each of its parts, which lie one behind the
// other.
//
// A buffer that lost bytes between two uses overlapped a live one; a buffer
// used before anyone wrote it is an error as well.
//
//===----------------------------------------------------------------------===//
#include "passes/Passes.h"

#include "dialects/plan/ir/PlanDialect.h"
#include "mlir/IR/AsmState.h"
#include "llvm/ADT/TypeSwitch.h"

#include <map>

namespace pfc {
#define GEN_PASS_DEF_VERIFYMEMORYPASS
#include "passes/Passes.h.inc"
} // namespace pfc

using namespace mlir;
using namespace pfc;

namespace {

/// Bytes [begin, end) of the arena and the op they belong to: variable, input,
/// rank_constant or alloc.
struct Region {
  int64_t begin = 0, end = 0;
  Operation *owner = nullptr;
};

/// "buffer %3 'layer1.0.conv1' (bytes 64..128)", for messages.
std::string describe(const Region &region) {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (auto variable = dyn_cast<plan::VariableOp>(region.owner)) {
    os << "variable " << variable.getSymNameAttr();
  } else {
    AsmState state(region.owner->getParentOfType<ModuleOp>());
    os << "buffer ";
    region.owner->getResult(0).printAsOperand(os, state);
    std::string name = plan::locationName(region.owner->getLoc());
    if (!name.empty())
      os << " '" << name << "'";
  }
  os << " (bytes " << region.begin << ".." << region.end << ")";
  return text;
}

/// The region of an op that owns bytes; an error where it has none it may have.
FailureOr<Region> regionOf(Operation *owner, MemRefType type,
                           std::optional<int64_t> offset, int64_t arenaBytes) {
  if (!offset)
    return owner->emitOpError("has no offset: plan-assign-memory is missing");
  int64_t bytes = plan::byteSize(type);
  if (*offset < 0 || *offset % plan::bufferAlignment != 0)
    return owner->emitOpError("starts at byte ")
           << *offset << ", not a multiple of " << plan::bufferAlignment;
  if (bytes > arenaBytes || *offset > arenaBytes - bytes)
    return owner->emitOpError("of ")
           << bytes << " bytes at byte " << *offset
           << " ends beyond the arena of " << arenaBytes << " bytes";
  return Region{*offset, *offset + bytes, owner};
}

FailureOr<Region> regionOf(Operation *owner, int64_t arenaBytes) {
  return llvm::TypeSwitch<Operation *, FailureOr<Region>>(owner)
      .Case([&](plan::VariableOp op) {
        return regionOf(op, op.getBufferType(), op.getOffset(), arenaBytes);
      })
      .Case<plan::InputOp, plan::RankConstantOp, plan::AllocOp>([&](auto op) {
        return regionOf(op, op.getBuffer().getType(), op.getOffset(),
                        arenaBytes);
      });
}

/// Who holds the bytes of the arena: disjoint regions by their begin.
class Possession {
public:
  /// Some region that overlaps `region`, or null.
  const Region *find(const Region &region) const {
    auto after = held.lower_bound(region.end);
    if (after == held.begin())
      return nullptr;
    const Region &last = std::prev(after)->second;
    return last.end > region.begin ? &last : nullptr;
  }
  bool holds(const Region &region) const {
    auto it = held.find(region.begin);
    return it != held.end() && it->second.owner == region.owner;
  }
  void add(const Region &region) { held[region.begin] = region; }
  void remove(const Region &region) { held.erase(region.begin); }

private:
  std::map<int64_t, Region> held;
};

/// Regions of the state, by name.
using Variables = llvm::StringMap<Region>;

/// Replays one program.
class Replay {
public:
  Replay(plan::ProgramOp program, const Variables &variables,
         const Possession &state, int64_t arenaBytes)
      : program(program), variables(variables), possession(state),
        arenaBytes(arenaBytes) {
    for (const auto &variable : variables)
      regions[variable.second.owner] = variable.second;
  }

  LogicalResult run();

private:
  /// What took a buffer's bytes while it had them.
  struct Loss {
    Region by;
    Operation *at;
  };
  /// A region that an operand of an instruction covers.
  struct Access {
    Region region;
    bool write;
  };

  plan::ProgramOp program;
  const Variables &variables;
  Possession possession;
  int64_t arenaBytes;
  llvm::DenseMap<Operation *, Region> regions;
  llvm::DenseSet<Operation *> permanent; ///< rank constants
  llvm::DenseSet<Operation *> written;
  llvm::DenseMap<Operation *, Loss> losses;
  SmallVector<plan::InstructionOpInterface> goingOn; ///< not waited for yet

  LogicalResult begin();
  LogicalResult take(const Region &region, Operation *at);
  LogicalResult requireHeld(const Region &region, Operation *user);
  LogicalResult execute(plan::InstructionOpInterface instruction);
  LogicalResult execute(plan::BesideOp branch);
  LogicalResult verifyOperands(plan::InstructionOpInterface op,
                               ArrayRef<Access> accesses);
  LogicalResult verifyTransfers(plan::InstructionOpInterface op,
                                ArrayRef<Access> accesses);
  LogicalResult verifySpan(plan::SpanOp span);
  LogicalResult wait(plan::WaitOp op);
  SmallVector<Operation *, 1> ownersOf(Value buffer);
  SmallVector<Access> accessesOf(plan::InstructionOpInterface op);
};

} // namespace

/// `region` gets its bytes at `at`, unless they are someone's for good.
LogicalResult Replay::take(const Region &region, Operation *at) {
  while (const Region *held = possession.find(region)) {
    Region loser = *held;
    if (isa<plan::VariableOp>(loser.owner) || permanent.contains(loser.owner)) {
      InFlightDiagnostic error = region.owner->emitError()
                                 << describe(region) << " overlaps "
                                 << describe(loser);
      error.attachNote(loser.owner->getLoc()) << "which is live throughout";
      return error;
    }
    losses.try_emplace(loser.owner, Loss{region, at});
    possession.remove(loser);
  }
  possession.add(region);
  return success();
}

/// `region` still has its bytes when `user` wants them.
LogicalResult Replay::requireHeld(const Region &region, Operation *user) {
  if (possession.holds(region))
    return success();
  const Loss &loss = losses.at(region.owner);
  InFlightDiagnostic error = user->emitError()
                             << describe(region) << " is live here, but "
                             << describe(loss.by) << " overlaps it";
  error.attachNote(loss.at->getLoc())
      << "and was written here, while the first was live";
  return error;
}

/// The ops in whose regions a buffer lies: one, or those of a span's parts; for
/// state, the variable.
SmallVector<Operation *, 1> Replay::ownersOf(Value buffer) {
  Operation *owner = plan::viewedBuffer(buffer).getDefiningOp();
  if (auto state = dyn_cast<plan::StateOp>(owner))
    return {variables.lookup(state.getVariable()).owner};
  auto span = dyn_cast<plan::SpanOp>(owner);
  if (!span)
    return {owner};
  SmallVector<Operation *, 1> owners;
  for (Value part : span.getParts())
    llvm::append_range(owners, ownersOf(part));
  return owners;
}

SmallVector<Replay::Access>
Replay::accessesOf(plan::InstructionOpInterface op) {
  SmallVector<Access> accesses;
  for (OpOperand &operand : op->getOpOperands())
    for (Operation *owner : ownersOf(operand.get()))
      accesses.push_back(
          {regions[owner], op.writesOperand(operand.getOperandNumber())});
  // Onto what is there.
  if (auto product = dyn_cast<plan::MatmulOp>(op.getOperation());
      product && product.getAccumulate())
    for (Operation *owner : ownersOf(product.getOut()))
      accesses.insert(accesses.begin(), {regions[owner], /*write=*/false});
  return accesses;
}

/// Each part begins where the one before ends.
LogicalResult Replay::verifySpan(plan::SpanOp span) {
  SmallVector<Operation *, 1> owners = ownersOf(span.getBuffer());
  for (size_t i = 1; i < owners.size(); ++i) {
    const Region &before = regions[owners[i - 1]], &next = regions[owners[i]];
    if (next.begin != before.end)
      return span.emitError() << "a span has " << describe(next) << " behind "
                              << describe(before);
  }
  return success();
}

/// Rank constants and inputs are there before the first instruction.
LogicalResult Replay::begin() {
  for (Operation &op : program.getBody().front()) {
    if (!isa<plan::InputOp, plan::RankConstantOp, plan::AllocOp>(op))
      continue;
    FailureOr<Region> region = regionOf(&op, arenaBytes);
    if (failed(region))
      return failure();
    regions[&op] = *region;
  }
  for (auto constant : program.getOps<plan::RankConstantOp>()) {
    if (failed(take(regions[constant], constant)))
      return failure();
    permanent.insert(constant);
    written.insert(constant);
  }
  for (auto input : program.getOps<plan::InputOp>()) {
    if (failed(take(regions[input], input)))
      return failure();
    written.insert(input);
  }
  for (auto span : program.getOps<plan::SpanOp>())
    if (failed(verifySpan(span)))
      return failure();
  return success();
}

/// An instruction's operands have no common byte, or are the same buffer; a
/// kernel may assume that nothing else is where it writes.
LogicalResult Replay::verifyOperands(plan::InstructionOpInterface op,
                                     ArrayRef<Access> accesses) {
  for (auto [i, a] : llvm::enumerate(accesses))
    for (const Access &b : accesses.drop_front(i + 1)) {
      bool same = a.region.owner == b.region.owner;
      if (!same && a.region.begin < b.region.end &&
          b.region.begin < a.region.end)
        return op->emitError()
               << describe(a.region) << " and " << describe(b.region)
               << " overlap, and both are live here";
      if (same && (a.write || b.write) && isa<plan::LaunchOp>(op))
        return op->emitError() << "a kernel gets " << describe(a.region)
                               << " twice, and writes it";
    }
  return success();
}

/// Nothing gets in the way of the transfers that go on.
LogicalResult Replay::verifyTransfers(plan::InstructionOpInterface op,
                                      ArrayRef<Access> accesses) {
  for (plan::InstructionOpInterface transfer : goingOn)
    for (const Access &busy : accessesOf(transfer))
      for (const Access &access : accesses) {
        const Region &bytes = access.region;
        if ((!access.write && !busy.write) || bytes.begin >= busy.region.end ||
            busy.region.begin >= bytes.end)
          continue;
        InFlightDiagnostic error =
            op->emitError()
            << (access.write ? "writes " : "reads ") << describe(bytes)
            << ", which a transfer that is not waited for "
            << (busy.write ? "writes" : "reads");
        error.attachNote(transfer->getLoc()) << "it started here";
        return error;
      }
  return success();
}

LogicalResult Replay::wait(plan::WaitOp op) {
  plan::InstructionOpInterface transfer = op.getStarted();
  llvm::erase(goingOn, transfer);
  for (const Access &access : accessesOf(transfer))
    if (!isa<plan::VariableOp>(access.region.owner) &&
        failed(requireHeld(access.region, op)))
      return failure();
  return success();
}

/// As the instructions do where they stand; from then on they go on.
LogicalResult Replay::execute(plan::BesideOp branch) {
  for (plan::InstructionOpInterface other : goingOn)
    if (isa<plan::BesideOp>(other.getOperation())) {
      InFlightDiagnostic error =
          branch.emitError("begins while another branch goes on");
      error.attachNote(other->getLoc()) << "it started here";
      return error;
    }
  for (auto instruction :
       branch.getBody().getOps<plan::InstructionOpInterface>())
    if (failed(execute(instruction)))
      return failure();
  goingOn.push_back(branch);
  return success();
}

LogicalResult Replay::execute(plan::InstructionOpInterface instruction) {
  if (auto op = dyn_cast<plan::WaitOp>(instruction.getOperation()))
    return wait(op);
  if (auto op = dyn_cast<plan::BesideOp>(instruction.getOperation()))
    return execute(op);
  SmallVector<Access> accesses = accessesOf(instruction);
  SmallVector<Region> firstWrites;
  for (const Access &access : accesses) {
    const Region &region = access.region;
    if (isa<plan::VariableOp>(region.owner))
      continue; // nothing takes its bytes
    if (written.contains(region.owner)) {
      if (failed(requireHeld(region, instruction)))
        return failure();
    } else if (access.write) {
      firstWrites.push_back(region);
    } else {
      return instruction->emitError()
             << describe(region) << " is read before anything wrote it";
    }
  }
  if (failed(verifyOperands(instruction, accesses)) ||
      failed(verifyTransfers(instruction, accesses)))
    return failure();
  for (const Region &region : firstWrites) {
    if (failed(take(region, instruction)))
      return failure();
    written.insert(region.owner);
  }
  if (plan::waitOf(instruction))
    goingOn.push_back(instruction);
  return success();
}

LogicalResult Replay::run() {
  if (failed(begin()))
    return failure();
  for (auto instruction : program.getOps<plan::InstructionOpInterface>())
    if (failed(execute(instruction)))
      return failure();
  for (auto output : program.getOps<plan::OutputOp>())
    for (Operation *owner : ownersOf(output.getBuffer())) {
      if (isa<plan::VariableOp>(owner))
        continue;
      const Region &region = regions[owner];
      if (!written.contains(owner))
        return output.emitError()
               << describe(region) << " is read before anything wrote it";
      if (failed(requireHeld(region, output)))
        return failure();
    }
  return success();
}

namespace {

struct VerifyMemoryPass : pfc::impl::VerifyMemoryPassBase<VerifyMemoryPass> {
  using Base::Base;

  void runOnOperation() override {
    if (failed(verify(getOperation())))
      signalPassFailure();
    else
      markAllAnalysesPreserved();
  }

  LogicalResult verify(ModuleOp module) {
    auto bytes = module->getAttrOfType<IntegerAttr>(plan::arenaBytesAttrName);
    if (!bytes)
      return module.emitError() << "no " << plan::arenaBytesAttrName
                                << ": plan-assign-memory is missing";
    auto host = module->getAttrOfType<IntegerAttr>(plan::hostBytesAttrName);
    int64_t deviceBytes = bytes.getInt() - (host ? host.getInt() : 0);
    if (deviceBytes < 0 || (host && deviceBytes % plan::hostAlignment != 0))
      return module.emitError() << "host memory can't begin at byte "
                                << deviceBytes << " of the arena";
    Possession state;
    Variables variables;
    for (auto variable : module.getOps<plan::VariableOp>()) {
      FailureOr<Region> region =
          regionOf(variable, variable.getHost() ? bytes.getInt() : deviceBytes);
      if (failed(region))
        return failure();
      if (variable.getHost() && region->begin < deviceBytes)
        return variable.emitError()
               << describe(*region) << " is host state, and no host memory";
      if (const Region *other = state.find(*region))
        return variable.emitError()
               << describe(*region) << " overlaps " << describe(*other);
      state.add(*region);
      variables[variable.getSymName()] = *region;
    }
    for (auto program : module.getOps<plan::ProgramOp>())
      if (failed(Replay(program, variables, state, deviceBytes).run()))
        return failure();
    return success();
  }
};

} // namespace
