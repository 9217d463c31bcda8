//===- ConvertPfcToPlan.cpp - Values to buffers and instructions ----------===//
//
// Walks each function once, in order. A product, convolution or collective
// becomes an instruction; runs of generated code become kernels
// (passes/codegen/Outliner.h); every tensor gets a buffer the first time an
// instruction needs one. A new value of a variable is written where the old
// one is when nobody reads the old one any more.
//
//===----------------------------------------------------------------------===//
#include "passes/Passes.h"
#include "passes/codegen/InPlace.h"
#include "passes/codegen/KernelGroup.h"
#include "passes/codegen/cuda/ChannelRuns.h"
#include "passes/codegen/cuda/Products.h"

#include "dialects/plan/ir/PlanDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/EmitC/IR/EmitC.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

namespace pfc {
#define GEN_PASS_DEF_CONVERTPFCTOPLANPASS
#include "passes/Passes.h.inc"
} // namespace pfc

using namespace mlir;

namespace pfc {
namespace {

/// Turns one function into one program.
class ProgramConverter {
public:
  ProgramConverter(func::FuncOp function, plan::ProgramOp program,
                   Outliner &outliner)
      : function(function), program(program), outliner(outliner),
        builder(OpBuilder::atBlockEnd(&program.getBody().front())),
        buffers(builder, program) {}

  LogicalResult convert();

private:
  LogicalResult convertArguments();
  LogicalResult convertOp(Operation *op);
  bool convertName(Operation *op);
  LogicalResult convertInstruction(Operation *op);
  LogicalResult convertRowKernel(RowKernelOpInterface op);
  plan::MatmulOp convertMatmul(MatmulOp op);
  void convertConv(Operation *op, plan::ConvKind kind, Value lhs, Value rhs,
                   Value result, int64_t stride, int64_t padding);
  bool convertPointwiseConv(Operation *op, plan::ConvKind kind, Value lhs,
                            Value rhs, Value result);
  Value rowsOf(Value tensor);
  void convertCollective(Operation *op, plan::CollectiveKind kind, Value source,
                         Value target);
  void finishAssignments();

  /// Ends the run of generated code before an instruction.
  LogicalResult flush() { return group ? group->flush() : success(); }

  func::FuncOp function;
  plan::ProgramOp program;
  Outliner &outliner;
  OpBuilder builder;
  BufferTable buffers;
  std::optional<KernelGroup> group;
  /// The last product, if what reads it can be one kernel with it.
  MarginExpOp reader;
  plan::MatmulOp read;
};

plan::CostAttr costOf(Operation *op, int64_t sent = 0) {
  OpCost cost;
  if (auto costed = dyn_cast<CostOpInterface>(op))
    cost = costed.getCost();
  return plan::CostAttr::get(op->getContext(), cost.flops, cost.bytesRead,
                             cost.bytesWritten, sent);
}

LogicalResult ProgramConverter::convertArguments() {
  for (BlockArgument argument : function.getArguments()) {
    auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                      "pfc.input");
    if (!name)
      return function.emitOpError("argument ")
             << argument.getArgNumber() << " has no pfc.input name";
    if (argument.use_empty())
      continue;
    auto input = plan::InputOp::create(builder, argument.getLoc(),
                                       bufferTypeOf(argument.getType()), name,
                                       IntegerAttr());
    buffers.bind(argument, input.getBuffer());
  }
  return success();
}

void ProgramConverter::finishAssignments() {
  function.walk([&](AssignOp assign) {
    Value state = buffers.state(assign.getName(), assign.getLoc(),
                                assign.getValue().getType());
    Value value = buffers.get(assign.getValue());
    if (value != state)
      plan::CopyOp::create(builder, assign.getLoc(), value, state,
                           costOf(assign));
  });
}

plan::MatmulOp ProgramConverter::convertMatmul(MatmulOp op) {
  if (Value addend = op.getAddend()) {
    // A sum that nobody else reads grows where it is.
    Value sum = buffers.get(addend);
    if (addend.hasOneUse() && buffers.isTemporary(sum))
      buffers.bind(op.getResult(), sum);
    else
      plan::CopyOp::create(builder, op.getLoc(), sum,
                           buffers.get(op.getResult()), plan::CostAttr());
  }
  return plan::MatmulOp::create(
      builder, op.getLoc(), buffers.get(op.getLhs()), buffers.get(op.getRhs()),
      buffers.get(op.getResult()), op.getTransposeLhs(), op.getTransposeRhs(),
      /*accumulate=*/op.getAddend() != nullptr, costOf(op));
}

/// The buffer of `tensor` as a matrix with its last dimension's extent.
Value ProgramConverter::rowsOf(Value tensor) {
  Value buffer = buffers.get(tensor);
  auto type = cast<MemRefType>(buffer.getType());
  int64_t channels = type.getShape().back();
  return plan::ViewOp::create(
      builder, tensor.getLoc(),
      MemRefType::get({type.getNumElements() / channels, channels},
                      type.getElementType()),
      buffer);
}

/// With filters of one pixel every pixel is a row for itself: the three are
/// products, which libraries do faster. False where a filter sees some of the
/// channels.
bool ProgramConverter::convertPointwiseConv(Operation *op, plan::ConvKind kind,
                                            Value lhs, Value rhs,
                                            Value result) {
  using Kind = plan::ConvKind;
  auto channelsOf = [](Value tensor) {
    return cast<RankedTensorType>(tensor.getType()).getShape().back();
  };
  // Channels in: of what the filter is beside, or of the gradient made.
  Value filter = kind == Kind::BackwardWeights ? result : rhs;
  Value input = kind == Kind::BackwardData ? result : lhs;
  if (channelsOf(filter) != channelsOf(input))
    return false;
  bool ofFilter = kind == Kind::BackwardWeights; // dyᵀ·x
  Value left = rowsOf(ofFilter ? rhs : lhs);
  Value right = rowsOf(ofFilter ? lhs : rhs);
  plan::MatmulOp::create(builder, op->getLoc(), left, right, rowsOf(result),
                         /*transpose_lhs=*/ofFilter,
                         /*transpose_rhs=*/kind == Kind::Forward,
                         /*accumulate=*/false, costOf(op));
  return true;
}

void ProgramConverter::convertConv(Operation *op, plan::ConvKind kind,
                                   Value lhs, Value rhs, Value result,
                                   int64_t stride, int64_t padding) {
  Value filter = kind == plan::ConvKind::BackwardWeights ? result : rhs;
  auto shape = cast<RankedTensorType>(filter.getType()).getShape();
  if (shape[1] == 1 && shape[2] == 1 && stride == 1 && padding == 0 &&
      convertPointwiseConv(op, kind, lhs, rhs, result))
    return;
  plan::ConvOp::create(builder, op->getLoc(), kind, buffers.get(lhs),
                       buffers.get(rhs), buffers.get(result), stride, padding,
                       costOf(op));
}

/// What a rank of a ring sends to the next one.
static int64_t sentBytes(plan::CollectiveKind kind, int64_t source,
                         int64_t ranks) {
  switch (kind) {
  case plan::CollectiveKind::AllReduceSum:
    return 2 * (ranks - 1) * source / ranks;
  case plan::CollectiveKind::AllGather:
    return (ranks - 1) * source;
  case plan::CollectiveKind::ReduceScatterSum:
    return (ranks - 1) * source / ranks;
  }
  llvm_unreachable("all kinds are handled");
}

static int64_t ranksOf(Operation *op) {
  auto grids = op->getParentOfType<ModuleOp>().getOps<shard::GridOp>();
  return grids.empty() ? 1 : (*grids.begin()).getShape().front();
}

void ProgramConverter::convertCollective(Operation *op,
                                         plan::CollectiveKind kind,
                                         Value source, Value target) {
  Value from = buffers.get(source);
  // A sum of a value nobody else reads needs no second buffer.
  if (kind == plan::CollectiveKind::AllReduceSum && source.hasOneUse() &&
      source.getType() == target.getType() && buffers.isTemporary(from))
    buffers.bind(target, from);
  Value to = buffers.get(target);
  int64_t bytes = plan::byteSize(cast<MemRefType>(from.getType()));
  plan::CollectiveOp::create(
      builder, op->getLoc(), kind, from, to,
      plan::CostAttr::get(op->getContext(), 0, 0, 0,
                          sentBytes(kind, bytes, ranksOf(op))));
}

LogicalResult ProgramConverter::convertRowKernel(RowKernelOpInterface op) {
  if (failed(flush()))
    return failure();
  if (reader && op == reader)
    return outliner.outlineProduct(reader, read, buffers, builder);
  return outliner.outlineRows(op, buffers, builder);
}

/// Ops that end no run of generated code: they are part of a kernel, or done at
/// the end, or name what a value is in. False for others.
bool ProgramConverter::convertName(Operation *op) {
  return TypeSwitch<Operation *, bool>(op)
      .Case<linalg::FillOp, tensor::EmptyOp, arith::ConstantOp, AssignOp,
            func::ReturnOp>([](auto) { return true; })
      .Case([&](tensor::BitcastOp bitcast) {
        buffers.alias(bitcast.getResult(), bitcast.getSource());
        return true;
      })
      .Case([&](BarrierOp barrier) {
        // Instructions keep their order.
        buffers.alias(barrier.getOutput(), barrier.getInput());
        return true;
      })
      .Case([&](VariableOp variable) {
        buffers.bind(variable.getValue(),
                     buffers.state(variable.getName(), op->getLoc(),
                                   variable.getValue().getType()));
        return true;
      })
      .Case([&](RankConstantOp constant) {
        auto buffer = plan::RankConstantOp::create(
            builder, op->getLoc(), bufferTypeOf(constant.getValue().getType()),
            constant.getBase(), constant.getPerRank(), constant.getThreshold(),
            constant.getBelow(), constant.getPerCappedRank(), IntegerAttr());
        buffers.bind(constant.getValue(), buffer.getBuffer());
        return true;
      })
      .Default(false);
}

LogicalResult ProgramConverter::convertOp(Operation *op) {
  if (convertName(op))
    return success();
  if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
    if (!group)
      group.emplace(outliner, buffers, builder);
    return group->add(generic);
  }
  if (auto rows = dyn_cast<RowKernelOpInterface>(op))
    return convertRowKernel(rows);
  if (failed(flush()))
    return failure();
  return convertInstruction(op);
}

/// One instruction, or another view of a buffer.
LogicalResult ProgramConverter::convertInstruction(Operation *op) {
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](MatmulOp matmul) {
        read = convertMatmul(matmul);
        if (outliner.getGrouping() == Grouping::Channels)
          reader = cuda::fusableReader(matmul);
        return success();
      })
      .Case([&](Conv2dOp conv) {
        convertConv(op, plan::ConvKind::Forward, conv.getInput(),
                    conv.getFilter(), conv.getOutput(), conv.getStride(),
                    conv.getPadding());
        return success();
      })
      .Case([&](Conv2dInputGradOp conv) {
        convertConv(op, plan::ConvKind::BackwardData, conv.getOutputGrad(),
                    conv.getFilter(), conv.getInputGrad(), conv.getStride(),
                    conv.getPadding());
        return success();
      })
      .Case([&](Conv2dFilterGradOp conv) {
        convertConv(op, plan::ConvKind::BackwardWeights, conv.getInput(),
                    conv.getOutputGrad(), conv.getFilterGrad(),
                    conv.getStride(), conv.getPadding());
        return success();
      })
      .Case([&](shard::AllReduceOp collective) {
        convertCollective(op, plan::CollectiveKind::AllReduceSum,
                          collective.getInput(), collective.getResult());
        return success();
      })
      .Case([&](shard::AllGatherOp collective) {
        convertCollective(op, plan::CollectiveKind::AllGather,
                          collective.getInput(), collective.getResult());
        return success();
      })
      .Case([&](shard::ReduceScatterOp collective) {
        convertCollective(op, plan::CollectiveKind::ReduceScatterSum,
                          collective.getInput(), collective.getResult());
        return success();
      })
      .Case([&](BucketOp bucket) {
        buffers.bindBucket(bucket);
        return success();
      })
      .Case([&](UnbucketOp unbucket) { return buffers.bindTensors(unbucket); })
      .Case([&](ReshapeOp reshape) {
        auto view = plan::ViewOp::create(
            builder, op->getLoc(), bufferTypeOf(reshape.getOutput().getType()),
            buffers.get(reshape.getInput()));
        buffers.bind(reshape.getOutput(), view.getBuffer());
        return success();
      })
      .Case([&](SliceOp slice) {
        MemRefType type = bufferTypeOf(slice.getOutput().getType());
        int64_t rowElements = type.getNumElements() / type.getDimSize(0);
        auto view = plan::ViewOp::create(builder, op->getLoc(), type,
                                         buffers.get(slice.getInput()),
                                         slice.getFrom() * rowElements);
        buffers.bind(slice.getOutput(), view.getBuffer());
        return success();
      })
      .Case([&](OutputOp output) {
        plan::OutputOp::create(builder, op->getLoc(), output.getNameAttr(),
                               buffers.get(output.getValue()));
        return success();
      })
      .Default([](Operation *other) {
        return other->emitOpError("has no instruction and no kernel body: a "
                                  "pass that should have removed it did not");
      });
}

LogicalResult ProgramConverter::convert() {
  if (failed(convertArguments()))
    return failure();
  updateVariablesInPlace(function, buffers);
  for (Operation &op : function.getBody().front())
    if (failed(convertOp(&op)))
      return failure();
  if (failed(flush()))
    return failure();
  finishAssignments();
  return success();
}

/// Images in one execution: rows of the argument "images", 1 without it.
int64_t batchOf(func::FuncOp function) {
  for (BlockArgument argument : function.getArguments()) {
    auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                      "pfc.input");
    if (name && name.getValue() == "images")
      return cast<RankedTensorType>(argument.getType()).getDimSize(0);
  }
  return 1;
}

/// plan.variable for every variable of the module, once a name.
LogicalResult declareVariables(ModuleOp module, OpBuilder &builder) {
  llvm::StringMap<VariableOp> declared;
  auto result = module.walk([&](VariableOp op) {
    auto [it, fresh] = declared.try_emplace(op.getName(), op);
    if (!fresh) {
      if (it->second.getValue().getType() == op.getValue().getType())
        return WalkResult::advance();
      op.emitOpError("reads \"")
          << op.getName() << "\" as " << op.getValue().getType()
          << ", elsewhere it is " << it->second.getValue().getType();
      return WalkResult::interrupt();
    }
    plan::VariableOp::create(
        builder, op.getLoc(), op.getNameAttr(),
        TypeAttr::get(bufferTypeOf(op.getValue().getType())), op.getRoleAttr(),
        op.getInitAttr(), op.getStateDictAttr(),
        op.getRole() == Role::OptimizerState ? UnitAttr()
                                             : builder.getUnitAttr(),
        op.getHostAttr(), op.getSharded() ? op.getRowsAttr() : IntegerAttr(),
        IntegerAttr());
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

struct ConvertPfcToPlanPass
    : impl::ConvertPfcToPlanPassBase<ConvertPfcToPlanPass> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    if (failed(declareVariables(module, builder)))
      return signalPassFailure();
    auto kernels = ModuleOp::create(builder, module.getLoc(),
                                    StringRef(plan::kernelsModuleName));
    const bool isCuda = target == KernelTarget::Cuda;
    Outliner outliner(kernels, isCuda ? Grouping::Channels : Grouping::Rows);
    SmallVector<func::FuncOp> functions(module.getOps<func::FuncOp>());
    for (func::FuncOp function : functions) {
      int64_t batch = batchOf(function);
      if (isCuda)
        cuda::gatherChannelOps(function);
      builder.setInsertionPointToEnd(module.getBody());
      StringAttr name = function.getSymNameAttr();
      function.setSymName((name.getValue() + ".pfc").str());
      auto program = plan::ProgramOp::create(builder, function.getLoc(),
                                             name.getValue(), batch);
      if (failed(ProgramConverter(function, program, outliner).convert()))
        return signalPassFailure();
      function.erase();
    }
    numKernels += outliner.kernelCount();
  }
};

} // namespace
} // namespace pfc
