#include "dialects/plan/ir/PlanDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace pfc::plan;

#include "dialects/plan/ir/PlanDialect.cpp.inc"
#include "dialects/plan/ir/PlanEnums.cpp.inc"
#include "dialects/plan/ir/PlanInterfaces.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/plan/ir/PlanAttrs.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/plan/ir/PlanTypes.cpp.inc"

#define GET_OP_CLASSES
#include "dialects/plan/ir/PlanOps.cpp.inc"

void PlanDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/plan/ir/PlanAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/plan/ir/PlanTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/plan/ir/PlanOps.cpp.inc"
      >();
}

LogicalResult PlanDialect::verifyOperationAttribute(Operation *op,
                                                    NamedAttribute attribute) {
  StringRef name = attribute.getName();
  if (name == arenaBytesAttrName || name == hostBytesAttrName) {
    auto bytes = dyn_cast<IntegerAttr>(attribute.getValue());
    if (!isa<ModuleOp>(op) || !bytes || !bytes.getType().isInteger(64) ||
        bytes.getInt() < 0)
      return op->emitError() << "'" << name << "' is a module's i64 >= 0";
  } else if (name == kernelIrAttrName || name == kernelCudaAttrName) {
    if (!isa<ModuleOp>(op) || !isa<StringAttr>(attribute.getValue()))
      return op->emitError() << "'" << name << "' is a module's string";
  } else if (name == descriptionAttrName) {
    if (!isa<StringAttr>(attribute.getValue()))
      return op->emitError() << "'" << name << "' is a string";
  } else {
    return op->emitError() << "unknown attribute '" << name << "'";
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Helpers
//===----------------------------------------------------------------------===//

int64_t pfc::plan::worldSize(ModuleOp module) {
  for (auto grid : module.getOps<shard::GridOp>())
    return ShapedType::getNumElements(grid.getShape());
  return 1;
}

int64_t pfc::plan::byteSize(MemRefType type) {
  return type.getNumElements() * (type.getElementTypeBitWidth() / 8);
}

Value pfc::plan::viewedBuffer(Value buffer) {
  while (auto view = buffer.getDefiningOp<ViewOp>())
    buffer = view.getSource();
  return buffer;
}

bool pfc::plan::isState(Value buffer) {
  if (auto span = buffer.getDefiningOp<SpanOp>())
    return isState(span.getParts()[0]);
  return buffer.getDefiningOp<StateOp>() != nullptr;
}

std::string pfc::plan::locationName(Location loc) {
  if (auto name = dyn_cast<NameLoc>(loc))
    return name.getName().str();
  llvm::SetVector<StringRef> names; // of ops that were fused
  if (isa<FusedLoc>(loc))
    loc->walk([&](Location part) {
      auto name = dyn_cast<NameLoc>(part);
      if (name)
        names.insert(name.getName());
      return name ? WalkResult::skip() : WalkResult::advance();
    });
  return llvm::join(names, ", ");
}

//===----------------------------------------------------------------------===//
// Building and printing
//===----------------------------------------------------------------------===//

void ProgramOp::build(OpBuilder &builder, OperationState &state, StringRef name,
                      int64_t batch) {
  state.addAttribute(SymbolTable::getSymbolAttrName(),
                     builder.getStringAttr(name));
  state.addAttribute(getBatchAttrName(state.name),
                     builder.getI64IntegerAttr(batch));
  state.addRegion()->emplaceBlock();
}

void InputOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getBuffer(), getName());
}

void StateOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getBuffer(), getVariable());
}

//===----------------------------------------------------------------------===//
// What instructions write
//===----------------------------------------------------------------------===//

bool LaunchOp::writesOperand(unsigned operand) {
  return llvm::is_contained(getWrites(), operand);
}
bool MatmulOp::writesOperand(unsigned operand) { return operand == 2; }
bool ConvOp::writesOperand(unsigned operand) { return operand == 2; }
bool CopyOp::writesOperand(unsigned operand) { return operand == 1; }
bool CollectiveOp::writesOperand(unsigned operand) { return operand == 1; }
bool WaitOp::writesOperand(unsigned) { return false; }
bool EitherOp::writesOperand(unsigned operand) {
  return llvm::is_contained(getWrites(), operand);
}

bool BesideOp::writesOperand(unsigned operand) {
  return llvm::is_contained(getWrites(), operand);
}

/// Of all instructions of `region`, none of which sends.
static CostAttr costOf(Region &region) {
  int64_t flops = 0, read = 0, written = 0;
  for (auto op : region.getOps<InstructionOpInterface>())
    if (CostAttr cost = op.getPredictedCost()) {
      flops += cost.getFlops();
      read += cost.getRead();
      written += cost.getWritten();
    }
  return CostAttr::get(region.getContext(), flops, read, written, /*sent=*/0);
}

CostAttr EitherOp::getCostAttr() { return costOf(getForms().front()); }
CostAttr BesideOp::getCostAttr() { return costOf(getBody()); }

//===----------------------------------------------------------------------===//
// Transfers and their waits
//===----------------------------------------------------------------------===//

static Value transferOf(Operation *op) {
  if (auto collective = dyn_cast<CollectiveOp>(op))
    return collective.getTransfer();
  if (auto branch = dyn_cast<BesideOp>(op))
    return branch.getTransfer();
  auto launch = dyn_cast<LaunchOp>(op);
  return launch ? launch.getTransfer() : Value();
}

bool pfc::plan::isTransfer(Operation *op) { return transferOf(op) != nullptr; }

WaitOp pfc::plan::waitOf(Operation *op) {
  Value transfer = transferOf(op);
  if (!transfer || transfer.use_empty())
    return {};
  return cast<WaitOp>(*transfer.user_begin());
}

pfc::plan::InstructionOpInterface WaitOp::getStarted() {
  return cast<InstructionOpInterface>(getTransfer().getDefiningOp());
}
