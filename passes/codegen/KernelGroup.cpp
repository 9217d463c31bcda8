#include "passes/codegen/KernelGroup.h"
#include "passes/codegen/InPlace.h"
#include "passes/codegen/KernelArguments.h"
#include "passes/codegen/RowEmitter.h"
#include "passes/codegen/cuda/ChannelRuns.h"

#include "dialects/pfc/ir/KernelBuilder.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace pfc {

/// Below so many iterations a parallel loop costs more than it saves.
static constexpr int64_t kSerialVolume = 8192;
/// Values inside a kernel up to this size live on its stack.
static constexpr int64_t kLocalBytes = 32 << 10;
/// Longer runs would make kernels slow to compile.
static constexpr size_t kLongestRun = 24;

//===----------------------------------------------------------------------===//
// Which ops make a run
//===----------------------------------------------------------------------===//

/// The rows of a generic whose iterations of dimension 0 are independent and
/// touch their own row of what it writes; 0 if they are not.
static int64_t rowsOf(linalg::GenericOp op) {
  if (op.getNumLoops() == 0 ||
      op.getIteratorTypesArray().front() != utils::IteratorType::parallel)
    return 0;
  for (OpOperand &operand : op->getOpOperands()) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    if (touchesOwnRow(map))
      continue;
    if (op.isDpsInit(&operand) || map.isFunctionOfDim(0))
      return 0;
  }
  return op.getStaticLoopRanges().front();
}

static int64_t volumeOf(linalg::GenericOp op) {
  int64_t volume = 1;
  for (int64_t range : op.getStaticLoopRanges())
    volume *= range;
  return volume;
}

SmallVector<KernelGroup::Access> KernelGroup::accessesOf(linalg::GenericOp op) {
  SmallVector<Access> result;
  cuda::RunForm form = cuda::runFormOf(op);
  auto isOwn = [&](AffineMap map) {
    return outliner.getGrouping() == Grouping::Rows ? touchesOwnRow(map)
                                                    : form.isOwn(map);
  };
  auto add = [&](Value tensor, AffineMap map, bool write) {
    Value key = buffers.find(tensor);
    key = key ? buffers.whole(key) : buffers.canonical(tensor);
    result.push_back({key, isOwn(map), write});
  };
  for (OpOperand *input : op.getDpsInputOperands())
    add(input->get(), op.getMatchingIndexingMap(input), false);
  for (OpResult value : op->getResults())
    add(value, op.getIndexingMapMatchingResult(value), true);
  return result;
}

/// Whether the rows, or channels, of this run would no longer be independent
/// with `op`.
bool KernelGroup::conflicts(linalg::GenericOp op) {
  for (const Access &next : accessesOf(op))
    for (const Access &previous : accesses)
      if (next.key == previous.key && (next.write || previous.write) &&
          !(next.own && previous.own))
        return true;
  return false;
}

static bool isCollective(Operation *op) {
  return isa_and_nonnull<shard::AllGatherOp, shard::AllReduceOp,
                         shard::ReduceScatterOp>(op);
}

/// Whether `value` is what ranks exchanged, in whatever shape.
static bool isExchanged(Value value) {
  Operation *producer = value.getDefiningOp();
  if (isCollective(producer))
    return true;
  return isa_and_nonnull<ReshapeOp, SliceOp, BucketOp, UnbucketOp,
                         tensor::BitcastOp>(producer) &&
         llvm::any_of(producer->getOperands(), isExchanged);
}

static bool readsExchanged(linalg::GenericOp op) {
  return llvm::any_of(op.getDpsInputs(), isExchanged);
}

/// Whether a run with `op` makes nothing wait for other ranks that would not
/// have to: the rest of the run, or `op`.
bool KernelGroup::waitsAlike(linalg::GenericOp op) {
  if (readsExchanged(op) || !waits)
    return readsExchanged(op) == waits;
  return readsOwn(op);
}

/// Whether `op` reads what this run makes.
bool KernelGroup::readsOwn(linalg::GenericOp op) {
  return llvm::any_of(op.getDpsInputs(), [&](Value input) {
    auto producer = input.getDefiningOp<linalg::GenericOp>();
    return producer && llvm::is_contained(ops, producer);
  });
}

void KernelGroup::start(linalg::GenericOp op) {
  int64_t rows = rowsOf(op);
  serial = outliner.getGrouping() == Grouping::Channels || rows == 0 ||
           volumeOf(op) < kSerialVolume;
  extent = serial ? 1 : rows;
  waits = readsExchanged(op);
}

bool KernelGroup::joins(linalg::GenericOp op) {
  if (ops.empty() || ops.size() >= kLongestRun)
    return false;
  if (outliner.getGrouping() == Grouping::Channels) {
    cuda::RunForm form = cuda::runFormOf(op);
    return form && form == cuda::runFormOf(ops.front()) && !conflicts(op) &&
           (form.ofImages() ? readsOwn(op) : waitsAlike(op));
  }
  if (serial)
    return (rowsOf(op) == 0 || volumeOf(op) < kSerialVolume) && waitsAlike(op);
  return rowsOf(op) == extent && !conflicts(op);
}

LogicalResult KernelGroup::add(linalg::GenericOp op) {
  if (!joins(op)) {
    if (failed(flush()))
      return failure();
    start(op);
  }
  ops.push_back(op);
  llvm::append_range(accesses, accessesOf(op));
  return success();
}

/// A result that lives inside the kernel: used by this run alone, and small.
bool KernelGroup::isLocal(Value result) {
  if (buffers.find(result))
    return false;
  // codegen-cuda computes no result that nobody reads, and a block's threads
  // hand each other what they make.
  if (outliner.getGrouping() == Grouping::Channels)
    return result.use_empty();
  for (Operation *user : result.getUsers())
    if (!llvm::is_contained(ops, user))
      return false;
  MemRefType type = bufferTypeOf(result.getType());
  int64_t rows = serial ? 1 : type.getDimSize(0);
  return plan::byteSize(type) / rows <= kLocalBytes;
}

/// Whether nobody reads `tensor` behind the run's op `last`, which touches it
/// element by element, and the ops before it no more of it than they may while
/// `last` is at another row. What is under way to other ranks is not waited for
/// sooner.
bool KernelGroup::isLastToRead(Value tensor, size_t last) {
  for (OpOperand &use : tensor.getUses()) {
    Operation *reader = use.getOwner();
    size_t at = llvm::find(ops, reader) - ops.begin();
    bool inTime = at == ops.size() ? readsBefore(reader, ops.front()) &&
                                         !isCollective(reader)
                                   : at < last;
    bool isOwn =
        at == last && ops[last].getMatchingIndexingMap(&use).isIdentity();
    if (!inTime && !isOwn)
      return false;
  }
  Value key = buffers.find(tensor);
  bool inTurn = serial && outliner.getGrouping() == Grouping::Rows;
  return inTurn || last == 0 || llvm::all_of(accesses, [&](const Access &a) {
           return a.key != key || a.own;
         });
}

/// An input of op `at` that `result` may take the place of, null if there is
/// none: a temporary that nobody reads any more.
Value KernelGroup::dyingInput(size_t at, OpResult result) {
  linalg::GenericOp op = ops[at];
  for (OpOperand *input : op.getDpsInputOperands()) {
    Value tensor = input->get(), buffer = buffers.find(tensor);
    if (tensor.getType() == result.getType() &&
        buffers.canonical(tensor) == tensor &&
        isa_and_present<plan::AllocOp>(buffer ? buffer.getDefiningOp()
                                              : nullptr) &&
        buffers.whole(buffer) == buffer && updatesElementwise(*input, result) &&
        isLastToRead(tensor, at))
      return buffer;
  }
  return Value();
}

/// A gradient takes the place of that which it was made from: nothing else is
/// as large as an activation, and a line that was read need not be fetched to
/// be written.
void KernelGroup::overwriteInputs() {
  llvm::SmallPtrSet<Value, 4> taken;
  for (auto [at, op] : llvm::enumerate(ops))
    for (OpResult result : op->getResults()) {
      bool isPart = llvm::any_of(result.getUsers(), [](Operation *user) {
        return isa<BucketOp, UnbucketOp>(user);
      });
      bool startsAnew = op.getDpsInits()[result.getResultNumber()]
                            .getDefiningOp<linalg::FillOp>() != nullptr;
      if (isPart || startsAnew || buffers.find(result) || isLocal(result))
        continue;
      if (Value buffer = dyingInput(at, result);
          buffer && taken.insert(buffer).second)
        buffers.bind(result, buffer);
    }
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

/// Floating-point operations of one iteration.
static int64_t flopsOf(linalg::GenericOp op) {
  return llvm::count_if(op.getBody()->without_terminator(),
                        [](Operation &inner) {
                          return inner.getNumResults() == 1 &&
                                 isa<FloatType>(inner.getResult(0).getType()) &&
                                 !inner.hasTrait<OpTrait::ConstantLike>();
                        });
}

/// Elements of a buffer that `op` touches through `map`.
static uint64_t touchedElements(linalg::GenericOp op, Value tensor,
                                AffineMap map) {
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  uint64_t elements = 1;
  for (auto [expr, extent] :
       llvm::zip(map.getResults(),
                 cast<RankedTensorType>(tensor.getType()).getShape())) {
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      elements *= ranges[dim.getPosition()];
    else if (!isa<AffineConstantExpr>(expr))
      elements *= extent;
  }
  return elements;
}

/// A kernel adds to nothing that was there before.
static LogicalResult requireFreshResults(linalg::GenericOp op) {
  for (Value init : op.getDpsInits())
    if (!init.getDefiningOp<linalg::FillOp>() &&
        !init.getDefiningOp<tensor::EmptyOp>())
      return op.emitOpError("accumulates onto a value: kernels start their "
                            "results anew");
  return success();
}

/// What the ops of a run were before: "batch_norm, prelu".
static std::string describe(ArrayRef<linalg::GenericOp> ops) {
  std::string description;
  for (linalg::GenericOp op : ops)
    if (auto source = op->getAttrOfType<StringAttr>(kernelSourceAttrName))
      if (!StringRef(description).ends_with(source.getValue()))
        description += (description.empty() ? "" : ", ") + source.str();
  return description;
}

/// What the run's kernel works on.
struct KernelGroup::Operands {
  KernelArguments arguments;
  /// Tensors that arguments hold, and which do.
  SmallVector<std::pair<Value, unsigned>> whole;
  llvm::SetVector<Value> locals; ///< tensors inside the kernel
};

KernelGroup::Operands KernelGroup::collectOperands() {
  Operands operands;
  auto &[arguments, whole, locals] = operands;
  for (linalg::GenericOp op : ops) {
    for (OpOperand *input : op.getDpsInputOperands()) {
      Value tensor = input->get();
      if (locals.contains(tensor))
        continue;
      whole.emplace_back(
          tensor,
          arguments.add(
              buffers.get(tensor), /*write=*/false,
              touchedElements(op, tensor, op.getMatchingIndexingMap(input))));
    }
    for (OpResult result : op->getResults()) {
      if (isLocal(result))
        locals.insert(result);
      else
        whole.emplace_back(result,
                           arguments.add(buffers.get(result), /*write=*/true));
    }
  }
  return operands;
}

SymbolRefAttr KernelGroup::buildKernel(const Operands &operands) {
  Location loc = ops.back().getLoc();
  OpBuilder::InsertionGuard guard(builder);
  Outliner::Kernel kernel =
      outliner.begin(builder, loc, operands.arguments.types());
  RowEmitter emitter(builder, serial, kernel.row);
  for (auto [tensor, position] : operands.whole)
    emitter.bindWhole(tensor, kernel.function.getArgument(position));
  OpBuilder entry = OpBuilder::atBlockBegin(&kernel.function.getBody().front());
  for (Value tensor : operands.locals) {
    MemRefType type = bufferTypeOf(tensor.getType());
    if (!serial)
      type =
          MemRefType::get(type.getShape().drop_front(), type.getElementType());
    emitter.bindRow(tensor, memref::AllocaOp::create(entry, loc, type));
  }
  for (linalg::GenericOp op : ops)
    emitter.emit(op);
  return outliner.finish(kernel, describe(ops));
}

LogicalResult KernelGroup::flush() {
  if (ops.empty())
    return success();
  uint64_t flops = 0;
  for (linalg::GenericOp op : ops) {
    if (failed(requireFreshResults(op)))
      return failure();
    flops += volumeOf(op) * flopsOf(op);
  }
  overwriteInputs();
  Operands operands = collectOperands();
  SymbolRefAttr symbol = buildKernel(operands);
  operands.arguments.launch(builder, ops.back().getLoc(), symbol, extent,
                            operands.arguments.costOf(flops));
  ops.clear();
  accesses.clear();
  return success();
}

} // namespace pfc
