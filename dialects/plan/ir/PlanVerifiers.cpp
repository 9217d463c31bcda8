//===- PlanVerifiers.cpp - Constraints of the plan dialect ----------------===//
//
// Constraint numbers (C1) … are those of the op descriptions in PlanOps.td.
//
//===----------------------------------------------------------------------===//
#include "dialects/plan/ir/PlanDialect.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace pfc::plan;

//===----------------------------------------------------------------------===//
// Module
//===----------------------------------------------------------------------===//

LogicalResult VariableOp::verify() {
  if (!getRows())
    return success();
  int64_t rows = *getRows();
  int64_t ranks = worldSize(cast<ModuleOp>((*this)->getParentOp()));
  if (rows < ranks)
    return emitOpError("splits ") << rows << " rows over " << ranks << " ranks";
  int64_t capacity = llvm::divideCeil(rows, ranks);
  MemRefType type = getBufferType();
  if (type.getRank() < 1 || type.getDimSize(0) != capacity) // (C1)
    return emitOpError("of ") << rows << " rows on " << ranks << " ranks holds "
                              << capacity << ", not " << type << ", on a rank";
  return success();
}

static LogicalResult verifyWrites(InstructionOpInterface instruction) {
  for (OpOperand &operand : instruction->getOpOperands())
    if (instruction.writesOperand(operand.getOperandNumber()) &&
        viewedBuffer(operand.get()).getDefiningOp<RankConstantOp>())
      return instruction->emitOpError("writes a rank constant");
  return success();
}

LogicalResult ProgramOp::verifyRegions() {
  llvm::StringSet<> inputs, outputs;
  for (Operation &op : getBody().front()) {
    if (!isa<PlanDialect>(op.getDialect())) // (C1)
      return op.emitOpError("is no part of a program");
    if (auto input = dyn_cast<InputOp>(op);
        input && !inputs.insert(input.getName()).second) // (C2)
      return op.emitOpError("'") << input.getName() << "' is there twice";
    if (auto output = dyn_cast<OutputOp>(op);
        output && !outputs.insert(output.getName()).second)
      return op.emitOpError("'") << output.getName() << "' is there twice";
    if (auto instruction = dyn_cast<InstructionOpInterface>(op);
        instruction && failed(verifyWrites(instruction))) // (C3)
      return failure();
  }
  return success();
}

LogicalResult KernelOp::verify() {
  if (getArguments() < 1) // (C1)
    return emitOpError("takes no buffer");
  uint64_t threads = getThreads().value_or(32);
  if (threads < 32 || threads > 1024 || threads % 32 != 0) // (C2)
    return emitOpError("has blocks of ")
           << threads << " threads: a multiple of 32 up to 1024 is wanted";
  constexpr int64_t mostShared = 227 << 10;
  int64_t shared = getShared().value_or(0);
  if (shared < 0 || shared > mostShared) // (C4)
    return emitOpError("wants ")
           << shared << " bytes of shared memory: a block has up to "
           << mostShared;
  for (TensorMapAttr map : tensorMaps()) // (C5)
    if (map.getArgument() < 0 || map.getArgument() >= int64_t(getArguments()) ||
        map.getRows() < 1 || map.getRows() > 256 || map.getColumns() < 1 ||
        map.getColumns() > 256)
      return emitOpError("has ") << map << ": one of its " << getArguments()
                                 << " arguments, in boxes of 1 to 256 rows "
                                    "and columns, is wanted";
  for (Type type : numberTypes()) // (C3)
    if (!type.isInteger(32) && !type.isInteger(64) && !type.isF32())
      return emitOpError("takes a number of type ")
             << type << ": i32, i64 and f32 are known";
  return success();
}

SmallVector<TensorMapAttr> KernelOp::tensorMaps() {
  SmallVector<TensorMapAttr> maps;
  if (ArrayAttr given = getMapsAttr())
    llvm::append_range(maps, given.getAsRange<TensorMapAttr>());
  return maps;
}

SmallVector<Type> KernelOp::numberTypes() {
  SmallVector<Type> types;
  if (ArrayAttr numbers = getNumbersAttr())
    for (Type type : numbers.getAsValueRange<TypeAttr>())
      types.push_back(type);
  return types;
}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

LogicalResult StateOp::verifySymbolUses(SymbolTableCollection &tables) {
  auto variable =
      tables.lookupNearestSymbolFrom<VariableOp>(*this, getVariableAttr());
  if (!variable)
    return emitOpError("there is no variable ") << getVariableAttr();
  if (variable.getType() != getBuffer().getType()) // (C1)
    return emitOpError("is ")
           << getBuffer().getType() << " but variable " << getVariableAttr()
           << " is " << variable.getType();
  if (!variable.getHost())
    return success();
  for (Operation *user : getBuffer().getUsers()) // (C2)
    if (!isa<LaunchOp>(user) || !isTransfer(user))
      return emitOpError("is host state, which only a launch that is a "
                         "transfer may take");
  return success();
}

LogicalResult RankConstantOp::verify() {
  if (getBuffer().getType().getNumElements() != 1) // (C1)
    return emitOpError("is one integer, not ") << getBuffer().getType();
  return success();
}

LogicalResult ViewOp::verify() {
  MemRefType source = getSource().getType(), view = getBuffer().getType();
  int64_t from = getFrom(), left = source.getNumElements() - from;
  if (source.getElementTypeBitWidth() !=
          view.getElementTypeBitWidth() || // (C1)
      from < 0 ||
      view.getNumElements() > left) // (C2)
    return emitOpError("of ")
           << source << " can't be " << view << ": other elements";
  if (from * source.getElementTypeBitWidth() % (64 * 8) != 0) // (C3)
    return emitOpError("can't begin at element ")
           << from << ": buffers begin at multiples of 64 bytes";
  return success();
}

LogicalResult SpanOp::verify() {
  MemRefType span = getBuffer().getType();
  int64_t elements = 0;
  bool ofState = !getParts().empty() && getParts()[0].getDefiningOp<StateOp>();
  for (Value part : getParts()) {
    auto type = cast<MemRefType>(part.getType());
    bool fits = ofState ? part.getDefiningOp<StateOp>() != nullptr
                        : part.getDefiningOp<AllocOp>() != nullptr;
    bool once = llvm::count_if(part.getUses(), [](OpOperand &use) {
                  return isa<SpanOp>(use.getOwner());
                }) == 1;
    if (!fits || !once) // (C1)
      return emitOpError("takes allocs, or state, that are in no other span "
                         "and once in this one");
    if (type.getElementType() != span.getElementType() ||
        byteSize(type) % bufferAlignment != 0) // (C2)
      return emitOpError("of ")
             << span << " can't have " << type << " in it: multiples of "
             << bufferAlignment << " bytes of " << span.getElementType()
             << " are wanted";
    elements += type.getNumElements();
  }
  if (span.getRank() != 1 || span.getNumElements() != elements) // (C2)
    return emitOpError("has parts of ") << elements << " elements for " << span;
  return success();
}

//===----------------------------------------------------------------------===//
// Launch
//===----------------------------------------------------------------------===//

LogicalResult LaunchOp::verify() {
  int64_t count = getArguments().size();
  int64_t last = -1;
  for (int64_t index : getWrites()) { // (C2)
    if (index <= last || index >= count)
      return emitOpError("writes ") << index << ": the indices of its " << count
                                    << " arguments, ascending, are wanted";
    last = index;
  }
  if (count < 1 || static_cast<int64_t>(getExtent()) < 1) // (C3)
    return emitOpError("needs an argument and an extent of at least 1");
  if (getTransfer() && !getTransfer().use_empty() && !getTransfer().hasOneUse())
    return emitOpError("is waited for twice"); // (C4)
  return success();
}

/// Whether an argument can be copied in such boxes.
static LogicalResult verifyMatrix(LaunchOp launch, TensorMapAttr map) {
  auto type =
      cast<MemRefType>(launch.getArguments()[map.getArgument()].getType());
  int64_t width = type.getElementTypeBitWidth() / 8;
  if (type.getRank() == 2 && type.getDimSize(1) * width % 16 == 0 &&
      map.getColumns() * width == 128)
    return success();
  return launch.emitOpError("gives ")
         << type << " to " << map
         << ": a matrix with rows of multiples of 16 bytes, of which a box has "
            "128, is wanted";
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &tables) {
  Operation *kernel = tables.lookupNearestSymbolFrom(*this, getKernelAttr());
  if (!kernel) // after code generation
    kernel = tables.lookupNearestSymbolFrom<KernelOp>(
        *this, getKernelAttr().getLeafReference());
  if (auto built = dyn_cast_or_null<KernelOp>(kernel)) {
    if (built.getArguments() != getArguments().size()) // (C1)
      return emitOpError("gives ")
             << getArguments().size() << " buffers, kernel " << getKernelAttr()
             << " takes " << built.getArguments();
    SmallVector<Type> numbers;
    if (ArrayAttr given = getNumbersAttr())
      for (auto number : given.getAsRange<TypedAttr>())
        numbers.push_back(number.getType());
    if (built.numberTypes() != numbers) // (C1)
      return emitOpError("gives numbers of other types than kernel ")
             << getKernelAttr() << " takes";
    for (TensorMapAttr map : built.tensorMaps()) // (C1)
      if (failed(verifyMatrix(*this, map)))
        return failure();
    return success();
  }
  auto function = dyn_cast_or_null<func::FuncOp>(kernel);
  if (!function)
    return emitOpError("there is no kernel ") << getKernelAttr();
  SmallVector<Type> expected(getArguments().getTypes());
  expected.append(2, IndexType::get(getContext()));
  if (function.getArgumentTypes() != ArrayRef<Type>(expected) ||
      function.getNumResults() != 0)
    return emitOpError("kernel ")
           << getKernelAttr() << " is " << function.getFunctionType()
           << "; the arguments and begin, end : index are wanted";
  return success();
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

static LogicalResult verifyProduct(Operation *op, Value lhs, Value rhs,
                                   Value result) {
  auto element = [](Value value) {
    return cast<MemRefType>(value.getType()).getElementType();
  };
  bool fits = element(lhs) == element(rhs) &&
              (element(result) == element(lhs) || element(result).isF32());
  if (!fits)
    return op->emitOpError("can't multiply ")
           << element(lhs) << " by " << element(rhs) << " into "
           << element(result);
  Value base = viewedBuffer(result);
  if (base == viewedBuffer(lhs) || base == viewedBuffer(rhs))
    return op->emitOpError("can't write into its operand");
  return success();
}

LogicalResult MatmulOp::verify() {
  MemRefType lhs = getLhs().getType(), rhs = getRhs().getType(),
             out = getOut().getType();
  int64_t rank = out.getRank();
  if (lhs.getRank() != rank || rhs.getRank() != rank ||
      (rank != 2 && rank != 3))
    return emitOpError("multiplies matrices, or as many of each");
  bool tl = getTransposeLhs(), tr = getTransposeRhs();
  int64_t first = rank - 2; // of a matrix's dimensions
  if (lhs.getDimSize(first + !tl) != rhs.getDimSize(first + tr) ||
      lhs.getDimSize(first + tl) != out.getDimSize(first) ||
      rhs.getDimSize(first + !tr) != out.getDimSize(first + 1) ||
      (rank == 3 && (lhs.getDimSize(0) != out.getDimSize(0) ||
                     rhs.getDimSize(0) != out.getDimSize(0)))) // (C1)
    return emitOpError("can't multiply ")
           << lhs << (tl ? " transposed" : "") << " by " << rhs
           << (tr ? " transposed" : "") << " into " << out;
  if (getAccumulate() && !out.getElementType().isF32()) // (C2)
    return emitOpError("adds to f32 alone, not to ") << out.getElementType();
  return verifyProduct(*this, getLhs(), getRhs(), getOut()); // (C2), (C3)
}

MemRefType ConvOp::getInputType() {
  return getKind() == ConvKind::BackwardData ? getResult().getType()
                                             : getLhs().getType();
}
MemRefType ConvOp::getWeightsType() {
  return getKind() == ConvKind::BackwardWeights ? getResult().getType()
                                                : getRhs().getType();
}
MemRefType ConvOp::getOutputType() {
  return getKind() == ConvKind::Forward        ? getResult().getType()
         : getKind() == ConvKind::BackwardData ? getLhs().getType()
                                               : getRhs().getType();
}

LogicalResult ConvOp::verify() {
  ArrayRef<int64_t> input = getInputType().getShape(),
                    weights = getWeightsType().getShape(),
                    output = getOutputType().getShape();
  if (input.size() != 4 || weights.size() != 4 || output.size() != 4)
    return emitOpError("takes NHWC activations and OHWI weights");
  int64_t kernel = weights[1], stride = getStride(), padding = getPadding();
  if (padding < 0 || padding >= kernel || stride < 1) // (C4)
    return emitOpError("with a kernel of ")
           << kernel << " has stride " << stride << ", padding " << padding;
  auto extent = [&](int64_t in) {
    return (in + 2 * padding - kernel) / stride + 1;
  };
  int64_t height = extent(input[1]), width = extent(input[2]);
  int64_t seen = weights[3];
  if (seen < 1 || input[3] < seen || input[3] % seen != 0 ||
      weights[0] % (input[3] / seen) != 0) // (C1)
    return emitOpError("with weights of ")
           << seen << " channels can't have " << input[3] << " in and "
           << weights[0] << " out";
  if (weights[2] != kernel ||
      output != ArrayRef<int64_t>({input[0], height, width, weights[0]}))
    return emitOpError("of ") // (C1)
           << getInputType() << " with " << getWeightsType() << " gives "
           << input[0] << "x" << height << "x" << width << "x" << weights[0]
           << ", not " << getOutputType();
  return verifyProduct(*this, getLhs(), getRhs(), getResult()); // (C2), (C3)
}

//===----------------------------------------------------------------------===//
// Copies and collectives
//===----------------------------------------------------------------------===//

LogicalResult CopyOp::verify() {
  if (byteSize(getSource().getType()) !=
      byteSize(getTarget().getType())) // (C1)
    return emitOpError("of ")
           << getSource().getType() << " into " << getTarget().getType()
           << ": other numbers of bytes";
  return success();
}

LogicalResult CollectiveOp::verify() {
  MemRefType source = getSource().getType(), target = getTarget().getType();
  Type element = source.getElementType();
  bool gathers = getKind() == CollectiveKind::AllGather;
  if (element != target.getElementType() ||
      !(gathers || element.isF32() || element.isBF16() ||
        element.isInteger(64))) // (C1)
    return emitOpError("exchanges ")
           << source << " into " << target
           << ": one type is wanted, of f32, bf16 or i64 for sums";
  int64_t ranks = worldSize((*this)->getParentOfType<ModuleOp>());
  int64_t from = source.getNumElements(), to = target.getNumElements();
  bool reduces = getKind() == CollectiveKind::AllReduceSum;
  bool fits = reduces   ? from == to
              : gathers ? from * ranks == to
                        : from == to * ranks;
  if (!fits) // (C2)
    return emitOpError("of ")
           << source << " into " << target << " on " << ranks << " ranks";
  if (!reduces && viewedBuffer(getSource()) == viewedBuffer(getTarget()))
    return emitOpError("can't work in place"); // (C3)
  if (!getTransfer().use_empty() && !getTransfer().hasOneUse())
    return emitOpError("is waited for twice"); // (C4)
  return success();
}

//===----------------------------------------------------------------------===//
// Forms
//===----------------------------------------------------------------------===//

static LogicalResult verifyForm(EitherOp either, Region &form) {
  for (Operation &op : form.front()) {
    auto instruction = dyn_cast<InstructionOpInterface>(op);
    if (!instruction || isTransfer(&op) || isa<WaitOp, EitherOp>(op)) // (C2)
      return op.emitOpError("is no instruction that a form may have");
    for (OpOperand &operand : op.getOpOperands()) { // (C3)
      ValueRange buffers = either.getBuffers();
      int64_t at = llvm::find(buffers, operand.get()) - buffers.begin();
      if (at == static_cast<int64_t>(buffers.size()))
        return op.emitOpError("takes a buffer that the forms around it do not");
      if (instruction.writesOperand(operand.getOperandNumber()) &&
          !either.writesOperand(at))
        return op.emitOpError("writes a buffer that the forms around it only "
                              "read");
    }
  }
  return success();
}

LogicalResult EitherOp::verifyRegions() {
  if (getForms().size() < 2 || getRequirements().size() != getForms().size() ||
      !cast<StringAttr>(getRequirements()[0]).empty()) // (C1)
    return emitOpError("wants two forms or more, and what each requires, of "
                       "which the first's is empty");
  llvm::DenseSet<Value> given;
  for (Value buffer : getBuffers())
    if (!given.insert(viewedBuffer(buffer)).second) // (C3)
      return emitOpError("is given a buffer twice");
  for (Region &form : getForms())
    if (failed(verifyForm(*this, form)))
      return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// Branches
//===----------------------------------------------------------------------===//

LogicalResult BesideOp::verifyRegions() {
  llvm::SmallMapVector<Value, bool, 16> written; // by what is viewed
  for (auto [at, buffer] : llvm::enumerate(getBuffers()))
    if (!written.insert({viewedBuffer(buffer), false}).second) // (C2)
      return emitOpError("is given a buffer twice");
  for (Operation &op : getBody().front()) {
    if (!isa<LaunchOp, MatmulOp, CopyOp>(op) || isTransfer(&op)) // (C1)
      return op.emitOpError("is nothing that a branch may have");
    for (OpOperand &operand : op.getOpOperands()) { // (C2)
      auto *known = written.find(viewedBuffer(operand.get()));
      if (known == written.end())
        return op.emitOpError("takes a buffer that the branch around it does "
                              "not");
      known->second |= cast<InstructionOpInterface>(op).writesOperand(
          operand.getOperandNumber());
    }
  }
  for (auto [at, known] : llvm::enumerate(written))
    if (known.second != writesOperand(at)) // (C2)
      return emitOpError("says that its buffer ")
             << at << (known.second ? " is read alone" : " is written")
             << ", and its instructions do otherwise";
  if (!getTransfer().hasOneUse()) // (C3)
    return emitOpError("wants one plan.wait");
  return success();
}
