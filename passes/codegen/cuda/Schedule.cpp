//===- Schedule.cpp - The schedule of a kernel ----------------------------===//
#include "passes/codegen/cuda/ChannelRuns.h"
#include "passes/codegen/cuda/DeviceCode.h"
#include "passes/codegen/cuda/Schedules.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace pfc::cuda {
namespace {

using utils::IteratorType;

/// parallel … reduction … with or without one parallel loop behind.
enum class Form { Flat, ChannelSums, RowSums, Other };

Form formOf(linalg::GenericOp op) {
  SmallVector<IteratorType> iterators = op.getIteratorTypesArray();
  if (llvm::all_equal(iterators) && iterators.front() == IteratorType::parallel)
    return Form::Flat;
  bool channels = iterators.back() == IteratorType::parallel;
  if (channels)
    iterators.pop_back();
  auto firstReduction = llvm::find(iterators, IteratorType::reduction);
  bool ordered = std::all_of(firstReduction, iterators.end(), [](auto kind) {
    return kind == IteratorType::reduction;
  });
  if (!ordered)
    return Form::Other;
  return channels ? Form::ChannelSums : Form::RowSums;
}

/// Results are indexed by the parallel loops, in order, or beside channel sums
/// by all loops: what a schedule writes is then contiguous.
bool writesInOrder(linalg::GenericOp op) {
  SmallVector<AffineExpr> parallel;
  for (auto [d, kind] : llvm::enumerate(op.getIteratorTypesArray()))
    if (kind == IteratorType::parallel)
      parallel.push_back(getAffineDimExpr(d, op.getContext()));
  return llvm::all_of(op.getDpsInitsMutable(), [&](OpOperand &output) {
    AffineMap map = op.getMatchingIndexingMap(&output);
    return map.getResults() == ArrayRef<AffineExpr>(parallel) ||
           (map.isIdentity() && formOf(op) == Form::ChannelSums);
  });
}

FailureOr<LaunchShape> scheduleGeneric(linalg::GenericOp op) {
  if (writesInOrder(op))
    switch (formOf(op)) {
    case Form::Flat:
      return scheduleFlat(op);
    case Form::ChannelSums:
      return scheduleChannelSums(op);
    case Form::RowSums:
      return scheduleRowSums(op);
    case Form::Other:
      break;
    }
  return op.emitOpError(
      "has no CUDA schedule: known are element-wise ops, sums "
      "over the last loops and sums over loops in the middle");
}

/// `op` without the results that nothing reads, to which convert-pfc-to-plan
/// gave no buffer; where the body reads one it is still zero.
linalg::GenericOp withoutUnreadResults(linalg::GenericOp op) {
  auto isRead = [](Value output) {
    return !output.getDefiningOp<memref::AllocaOp>();
  };
  if (llvm::all_of(op.getDpsInits(), isRead))
    return op;
  OpBuilder builder(op);
  SmallVector<Value> outputs;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  maps.truncate(op.getNumDpsInputs());
  for (OpOperand &output : op.getDpsInitsMutable())
    if (isRead(output.get())) {
      outputs.push_back(output.get());
      maps.push_back(op.getMatchingIndexingMap(&output));
    }
  auto narrowed = linalg::GenericOp::create(
      builder, op.getLoc(), op.getDpsInputs(), outputs, maps,
      op.getIteratorTypesArray(),
      [&](OpBuilder &nested, Location loc, ValueRange arguments) {
        IRMapping mapping;
        SmallVector<Value> yielded;
        unsigned next = 0;
        for (auto [from, operand] :
             llvm::zip(op.getBody()->getArguments(), op->getOpOperands())) {
          bool gone = op.isDpsInit(&operand) && !isRead(operand.get());
          mapping.map(
              from, gone ? arith::ConstantOp::create(
                               nested, loc, nested.getZeroAttr(from.getType()))
                               .getResult()
                         : arguments[next++]);
        }
        for (Operation &inner : op.getBody()->without_terminator())
          nested.clone(inner, mapping);
        for (auto [value, output] :
             llvm::zip(op.getBody()->getTerminator()->getOperands(),
                       op.getDpsInits()))
          if (isRead(output))
            yielded.push_back(mapping.lookupOrDefault(value));
        linalg::YieldOp::create(nested, loc, yielded);
      });
  op.erase();
  return narrowed;
}

/// What all of a run have; nothing if that is no run on channels.
RunForm formOfRun(ArrayRef<linalg::GenericOp> ops) {
  RunForm form = runFormOf(ops.front());
  bool same = llvm::all_of(
      ops, [&](linalg::GenericOp op) { return runFormOf(op) == form; });
  return same ? form : RunForm();
}

FailureOr<LaunchShape> scheduleRun(ArrayRef<linalg::GenericOp> ops) {
  if (ops.size() == 1)
    return scheduleGeneric(ops.front());
  RunForm form = formOfRun(ops);
  return form.ofImages() ? scheduleChannelSums(ops)
                         : scheduleChannelRun(ops, form.channels);
}

} // namespace

LaunchShape scheduleBlock(scf::ForOp loop, int64_t threads, int64_t units) {
  for (Operation &op :
       llvm::make_early_inc_range(loop.getBody()->without_terminator()))
    op.moveBefore(loop);
  loop.erase();
  return {threads, units};
}

FailureOr<LaunchShape> scheduleKernel(func::FuncOp kernel, int64_t extent) {
  auto loops = kernel.getOps<scf::ForOp>();
  if (loops.empty() || ++loops.begin() != loops.end())
    return kernel.emitOpError("is no loop over rows, as convert-pfc-to-plan "
                              "makes kernels");
  scf::ForOp loop = *loops.begin();
  FailureOr<LaunchShape> shape;
  SmallVector<linalg::GenericOp> generics(
      loop.getBody()->getOps<linalg::GenericOp>());
  if (auto threads = kernel->getAttrOfType<IntegerAttr>(blockThreadsAttrName)) {
    shape = scheduleBlock(loop, threads.getInt(), extent);
  } else if (generics.empty()) {
    shape = scheduleRows(loop, extent);
  } else if (!loop.getInductionVar().use_empty() ||
             (generics.size() > 1 && !formOfRun(generics))) {
    return kernel.emitOpError("is a run of ops for the CPU: use "
                              "convert-pfc-to-plan=target=cuda");
  } else {
    SmallVector<Operation *> kept;
    for (Operation &op : loop.getBody()->without_terminator())
      if (op.hasTrait<OpTrait::ConstantLike>() || isa<linalg::GenericOp>(op))
        kept.push_back(&op);
    for (Operation *op : kept)
      op->moveBefore(loop);
    loop.erase(); // with the fills: sums start at zero anyway
    for (linalg::GenericOp &op : generics)
      op = withoutUnreadResults(op);
    shape = scheduleRun(generics);
  }
  if (failed(shape))
    return failure();
  // Begin and end of the rows: a launch does them all.
  unsigned buffers = kernel.getNumArguments() - 2;
  llvm::BitVector unused(kernel.getNumArguments());
  unused.set(buffers, buffers + 2);
  if (failed(kernel.eraseArguments(unused)))
    return failure();
  return shape;
}

} // namespace pfc::cuda
