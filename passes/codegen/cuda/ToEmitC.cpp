//===- ToEmitC.cpp - A thread's code as C++ -------------------------------===//
//
// Buffers become pointers, indices integers of 32 bits (64 where a buffer is
// too large), 16-bit floats CUDA's types; sums and barriers calls. Loops,
// branches and the rest of arith go through upstream's conversion.
//
//===----------------------------------------------------------------------===//
#include "passes/codegen/cuda/ToEmitC.h"
#include "passes/codegen/cuda/DeviceCode.h"
#include "passes/codegen/cuda/Prelude.h"
#include "passes/codegen/cuda/ScalarsToEmitC.h"
#include "passes/codegen/cuda/TensorCore.h"

#include "dialects/plan/ir/PlanDialect.h"
#include "mlir/Conversion/ArithToEmitC/ArithToEmitC.h"
#include "mlir/Conversion/SCFToEmitC/SCFToEmitC.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/EmitC/IR/EmitC.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Target/Cpp/CppEmitter.h"
#include "mlir/Transforms/DialectConversion.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace pfc::cuda {
namespace {

/// With fewer elements in every buffer, 32 bits index them all, and a grid's
/// stride beyond.
constexpr int64_t kShortElements = int64_t(1) << 30;

/// Whether ptxas would rather have several blocks of so many threads than
/// registers enough for one, and spill some; it is told that one will do.
bool isOddBlock(int64_t threads) {
  return threads <= 64 || threads >= 512 || !llvm::isPowerOf2_64(threads);
}

/// The memref an access goes to, through views.
Value baseOf(Value memref) {
  if (auto collapse = memref.getDefiningOp<memref::CollapseShapeOp>())
    return baseOf(collapse.getSrc());
  if (auto view = memref.getDefiningOp<memref::SubViewOp>())
    return baseOf(view.getSource());
  return memref;
}

class KernelLowering {
public:
  KernelLowering(func::FuncOp kernel, int64_t threads)
      : kernel(kernel), threads(threads), builder(kernel.getContext()) {}

  LogicalResult run();

private:
  void chooseIndexType();
  void findWrites();
  void lowerTensorMaps();
  Type cppType(Type type) const;
  Type parameterType(BlockArgument argument) const;
  void changeTypes();
  LogicalResult convertRest(emitc::FuncOp function);
  emitc::FuncOp makeFunction();

  // Memory.
  Value linear(ValueRange indices, ArrayRef<int64_t> shape, Location loc);
  Value element(Value memref, ValueRange indices, Location loc);
  void lowerLoad(memref::LoadOp op);
  void lowerStore(memref::StoreOp op);
  Value packBegin(Value pack);
  void lowerCopy(memref::CopyOp op);
  void lowerAtomic(memref::AtomicRMWOp op);
  void lowerAlloca(memref::AllocaOp op);
  void lowerMemory();

  // The device.
  void lowerDeviceOp(Operation *op);
  void lowerCalls();
  void literal(Operation *op, StringRef text);
  void call(Operation *op, StringRef callee, ArrayRef<int64_t> arguments = {});

  Value cast(Value value, Type type) {
    return emitc::CastOp::create(builder, value.getLoc(), type, value);
  }
  void replace(Operation *op, Value value) {
    op->getResult(0).replaceAllUsesWith(value);
    op->erase();
  }

  func::FuncOp kernel;
  int64_t threads;
  OpBuilder builder;
  IntegerType indexType;
  llvm::DenseSet<Value> written;
  unsigned sharedArrays = 0;
};

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

void KernelLowering::chooseIndexType() {
  int64_t largest = 0;
  for (BlockArgument argument : kernel.getArguments())
    largest = std::max(
        largest, mlir::cast<MemRefType>(argument.getType()).getNumElements());
  indexType = builder.getIntegerType(largest < kShortElements ? 32 : 64);
}

void KernelLowering::findWrites() {
  kernel.walk([&](Operation *op) {
    if (auto store = dyn_cast<memref::StoreOp>(op))
      written.insert(baseOf(store.getMemRef()));
    if (auto copy = dyn_cast<memref::CopyOp>(op))
      written.insert(baseOf(copy.getTarget()));
    if (auto call = dyn_cast<func::CallOp>(op)) // DeviceCode::call
      written.insert(baseOf(call.getOperand(0)));
  });
}

/// Each becomes a parameter behind the buffers.
void KernelLowering::lowerTensorMaps() {
  SmallVector<UnrealizedConversionCastOp> casts;
  kernel.walk([&](UnrealizedConversionCastOp op) {
    if (op->hasAttr(boxAttrName))
      casts.push_back(op);
  });
  SmallVector<Attribute> maps;
  for (UnrealizedConversionCastOp op : casts) {
    auto box = op->getAttrOfType<DenseI64ArrayAttr>(boxAttrName);
    auto matrix = mlir::cast<BlockArgument>(op.getOperand(0));
    maps.push_back(plan::TensorMapAttr::get(
        op.getContext(), matrix.getArgNumber(), box[0], box[1]));
    Block &body = kernel.getBody().front();
    op.getResult(0).replaceAllUsesWith(
        body.addArgument(op.getResult(0).getType(), op.getLoc()));
    op.erase();
  }
  if (!maps.empty())
    kernel->setAttr(tensorMapsAttrName, builder.getArrayAttr(maps));
}

Type KernelLowering::cppType(Type type) const {
  MLIRContext *context = type.getContext();
  if (type.isBF16())
    return emitc::OpaqueType::get(context, "__nv_bfloat16");
  if (type.isF16())
    return emitc::OpaqueType::get(context, "__half");
  if (type.isInteger(8))
    return IntegerType::get(context, 8, IntegerType::Unsigned);
  return type.isIndex() ? Type(indexType) : type;
}

std::string cppName(Type type) {
  if (auto opaque = dyn_cast<emitc::OpaqueType>(type))
    return opaque.getValue().str();
  if (type.isF32())
    return "float";
  auto integer = mlir::cast<IntegerType>(type);
  return (integer.isUnsigned() ? "uint" : "int") +
         std::to_string(integer.getWidth()) + "_t";
}

Type KernelLowering::parameterType(BlockArgument argument) const {
  auto type = dyn_cast<MemRefType>(argument.getType());
  if (!type)
    return argument.getType(); // a tensor map
  Type element = type.getElementType();
  std::string name = cppName(cppType(element)) + " *__restrict__";
  if (!written.contains(argument))
    name = "const " + name;
  return emitc::OpaqueType::get(argument.getContext(), name);
}

/// What is left of memrefs, indices and 16-bit floats: arguments of the kernel
/// and of loops, results of loops and branches.
void KernelLowering::changeTypes() {
  for (BlockArgument argument : kernel.getBody().getArguments())
    argument.setType(parameterType(argument));
  auto change = [&](Value value) { value.setType(cppType(value.getType())); };
  kernel.getBody().walk([&](Operation *op) {
    if (isa<arith::ArithDialect, scf::SCFDialect>(op->getDialect()))
      llvm::for_each(op->getResults(), change);
    for (Region &region : op->getRegions())
      for (Block &block : region)
        llvm::for_each(block.getArguments(), change);
  });
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value KernelLowering::linear(ValueRange indices, ArrayRef<int64_t> shape,
                             Location loc) {
  Value sum = indices.front();
  for (auto [index, extent] : llvm::drop_begin(llvm::zip(indices, shape))) {
    Value size = arith::ConstantIndexOp::create(builder, loc, extent);
    sum = builder.createOrFold<arith::MulIOp>(loc, sum, size);
    sum = builder.createOrFold<arith::AddIOp>(loc, sum, index);
  }
  return sum;
}

Value KernelLowering::element(Value memref, ValueRange indices, Location loc) {
  auto type = mlir::cast<MemRefType>(memref.getType());
  return emitc::SubscriptOp::create(
      builder, loc, emitc::LValueType::get(cppType(type.getElementType())),
      baseOf(memref), linear(indices, type.getShape(), loc));
}

void KernelLowering::lowerLoad(memref::LoadOp op) {
  Type type = op.getType();
  Value value = emitc::LoadOp::create(
      builder, op.getLoc(), cppType(type),
      element(op.getMemRef(), op.getIndices(), op.getLoc()));
  if (type.isInteger(8))
    value = cast(value, type);
  replace(op, value);
}

void KernelLowering::lowerStore(memref::StoreOp op) {
  Value value = op.getValue();
  if (value.getType().isInteger(8))
    value = cast(value, cppType(value.getType()));
  emitc::AssignOp::create(builder, op.getLoc(),
                          element(op.getMemRef(), op.getIndices(), op.getLoc()),
                          value);
  op.erase();
}

/// Whether `memref` is a thread's own array.
static bool isRegisters(Value memref) {
  auto array = memref.getDefiningOp<memref::AllocaOp>();
  return array && !array.getType().getMemorySpace();
}

/// Where `pack` begins in its buffer. A pack that is all of it is no view any
/// more.
Value KernelLowering::packBegin(Value pack) {
  auto view = pack.getDefiningOp<memref::SubViewOp>();
  OpFoldResult begin =
      view ? view.getMixedOffsets().front() : builder.getIndexAttr(0);
  return getValueOrCreateConstantIndexOp(builder, pack.getLoc(), begin);
}

/// pfc::load(registers, buffer, at) or pfc::store(buffer, at, registers).
void KernelLowering::lowerCopy(memref::CopyOp op) {
  auto call = [&](StringRef callee, ValueRange operands) {
    emitc::CallOpaqueOp::create(builder, op.getLoc(), TypeRange(), callee,
                                operands);
  };
  Value from = op.getSource(), to = op.getTarget();
  if (isRegisters(to))
    call("pfc::load", {to, baseOf(from), packBegin(from)});
  else
    call("pfc::store", {baseOf(to), packBegin(to), from});
  op.erase();
}

/// atomicAdd(buffer + at, value) of 32 bits, pfc::orBits(…) of 64
void KernelLowering::lowerAtomic(memref::AtomicRMWOp op) {
  Value base = baseOf(op.getMemref());
  Type element = op.getMemRefType().getElementType();
  Value at = emitc::AddOp::create(
      builder, op.getLoc(), emitc::PointerType::get(element), base,
      linear(op.getIndices(), op.getMemRefType().getShape(), op.getLoc()));
  StringRef callee =
      op.getKind() == arith::AtomicRMWKind::ori ? "pfc::orBits" : "atomicAdd";
  replace(op, emitc::CallOpaqueOp::create(builder, op.getLoc(), element, callee,
                                          ValueRange{at, op.getValue()})
                  .getResult(0));
}

void KernelLowering::lowerAlloca(memref::AllocaOp op) {
  MemRefType type = op.getType();
  Type element = cppType(type.getElementType());
  Location loc = op.getLoc();
  if (!type.getMemorySpace()) {
    auto array = emitc::ArrayType::get(type.getShape(), element);
    replace(op, emitc::VariableOp::create(
                    builder, loc, array,
                    emitc::OpaqueAttr::get(builder.getContext(), "")));
    return;
  }
  std::string name = "shared" + std::to_string(sharedArrays++);
  std::string aligned;
  if (auto alignment = op.getAlignment())
    aligned = "__align__(" + std::to_string(*alignment) + ") ";
  bool dynamic = op->hasAttr(dynamicAttrName);
  std::string extent = dynamic ? "" : std::to_string(type.getNumElements());
  emitc::VerbatimOp::create(builder, loc,
                            (dynamic ? "extern __shared__ " : "__shared__ ") +
                                aligned + cppName(element) + " " + name + "[" +
                                extent + "];");
  replace(op, emitc::LiteralOp::create(builder, loc,
                                       emitc::PointerType::get(element), name));
}

/// Accesses first: they read the types of what is replaced after them.
void KernelLowering::lowerMemory() {
  SmallVector<Operation *> accesses, views, arrays;
  kernel.walk([&](Operation *op) {
    if (isa<memref::LoadOp, memref::StoreOp, memref::CopyOp,
            memref::AtomicRMWOp>(op))
      accesses.push_back(op);
    else if (isa<memref::CollapseShapeOp, memref::SubViewOp>(op))
      views.push_back(op);
    else if (isa<memref::AllocaOp>(op))
      arrays.push_back(op);
  });
  for (Operation *op : accesses) {
    builder.setInsertionPoint(op);
    llvm::TypeSwitch<Operation *>(op)
        .Case([&](memref::LoadOp load) { lowerLoad(load); })
        .Case([&](memref::StoreOp store) { lowerStore(store); })
        .Case([&](memref::CopyOp copy) { lowerCopy(copy); })
        .Case([&](memref::AtomicRMWOp atomic) { lowerAtomic(atomic); });
  }
  for (Operation *op : llvm::reverse(views))
    op->erase();
  for (Operation *op : arrays) {
    builder.setInsertionPoint(op);
    lowerAlloca(mlir::cast<memref::AllocaOp>(op));
  }
}

//===----------------------------------------------------------------------===//
// The device
//===----------------------------------------------------------------------===//

void KernelLowering::literal(Operation *op, StringRef text) {
  replace(op, emitc::LiteralOp::create(builder, op->getLoc(), indexType, text));
}

void KernelLowering::call(Operation *op, StringRef callee,
                          ArrayRef<int64_t> arguments) {
  ArrayAttr parameters;
  if (!arguments.empty())
    parameters = builder.getI64ArrayAttr(arguments);
  auto call = emitc::CallOpaqueOp::create(
      builder, op->getLoc(), op->getResultTypes(), callee, op->getOperands(),
      ArrayAttr(), parameters);
  op->replaceAllUsesWith(call);
  op->erase();
}

void KernelLowering::lowerDeviceOp(Operation *op) {
  builder.setInsertionPoint(op);
  llvm::TypeSwitch<Operation *>(op)
      .Case([&](gpu::ThreadIdOp) { literal(op, "threadIdx.x"); })
      .Case([&](gpu::BlockIdOp) { literal(op, "blockIdx.x"); })
      .Case([&](gpu::GridDimOp) { literal(op, "gridDim.x"); })
      .Case([&](gpu::BarrierOp) { call(op, "__syncthreads"); })
      .Case([&](gpu::AllReduceOp reduce) {
        bool sums = reduce.getOp() == gpu::AllReduceOperation::ADD;
        call(op, sums ? "pfc::blockSum" : "pfc::blockMaximum", {threads});
      })
      .Case([&](gpu::SubgroupReduceOp sum) {
        call(op, "pfc::warpSum",
             {sum.getClusterSize().value_or(32), sum.getClusterStride()});
      });
}

void KernelLowering::lowerCalls() {
  kernel.walk([&](func::CallOp op) {
    builder.setInsertionPoint(op);
    auto callee = SymbolTable::lookupNearestSymbolFrom(op, op.getCalleeAttr())
                      ->getAttrOfType<StringAttr>(calleeAttrName);
    emitc::CallOpaqueOp::create(builder, op.getLoc(), TypeRange(),
                                callee.getValue(), op.getOperands());
    op.erase();
  });
}

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

emitc::FuncOp KernelLowering::makeFunction() {
  builder.setInsertionPoint(kernel);
  auto description =
      kernel->getAttrOfType<StringAttr>(plan::descriptionAttrName);
  emitc::VerbatimOp::create(builder, kernel.getLoc(),
                            "\n// " + description.getValue().str());
  auto function = emitc::FuncOp::create(
      builder, kernel.getLoc(), kernel.getSymName(),
      builder.getFunctionType(kernel.getBody().getArgumentTypes(), {}));
  std::string bounds = "__launch_bounds__(" + std::to_string(threads);
  if (auto blocks = kernel->getAttrOfType<IntegerAttr>(residentBlocksAttrName))
    bounds += ", " + std::to_string(blocks.getInt()) + ")";
  else
    bounds += isOddBlock(threads) ? ", 1)" : ")";
  function.setSpecifiersAttr(
      builder.getStrArrayAttr({"extern \"C\"", "__global__", bounds}));
  if (Attribute maps = kernel->getAttr(tensorMapsAttrName))
    function->setAttr(tensorMapsAttrName, maps);
  function.getBody().takeBody(kernel.getBody());
  Operation *end = function.getBody().back().getTerminator();
  builder.setInsertionPoint(end);
  emitc::ReturnOp::create(builder, end->getLoc(), Value());
  end->erase();
  kernel.erase();
  return function;
}

/// Loops, branches and arithmetic by upstream's patterns.
LogicalResult KernelLowering::convertRest(emitc::FuncOp function) {
  MLIRContext *context = function.getContext();
  TypeConverter types;
  types.addConversion([](Type type) { return type; });
  RewritePatternSet patterns(context);
  populateArithToEmitCPatterns(types, patterns);
  populateSCFToEmitCConversionPatterns(patterns, types);
  ConversionTarget target(*context);
  target.addLegalDialect<emitc::EmitCDialect>();
  target.addIllegalDialect<arith::ArithDialect, scf::SCFDialect>();
  return applyPartialConversion(function, target, std::move(patterns));
}

/// "#pragma unroll" stands right before its loop.
void placeLoopHints(emitc::FuncOp function) {
  SmallVector<emitc::VerbatimOp> hints;
  function.walk([&](emitc::VerbatimOp op) {
    if (op.getValue().starts_with("#pragma unroll"))
      hints.push_back(op);
  });
  for (emitc::VerbatimOp hint : hints) {
    Operation *next = hint->getNextNode();
    while (next && !isa<emitc::ForOp>(next))
      next = next->getNextNode();
    if (next)
      hint->moveBefore(next);
    else
      hint->erase();
  }
}

LogicalResult KernelLowering::run() {
  chooseIndexType();
  findWrites();
  lowerTensorMaps();
  lowerMemory();

  SmallVector<std::pair<Operation *, bool>> scalars;
  SmallVector<Operation *> deviceOps;
  kernel.walk([&](Operation *op) {
    auto isIndex = [](Type type) { return type.isIndex(); };
    if (isa<gpu::GPUDialect>(op->getDialect()))
      deviceOps.push_back(op);
    else if (!isa<scf::SCFDialect, emitc::EmitCDialect>(op->getDialect()) &&
             !isa<func::CallOp>(op))
      scalars.emplace_back(op, llvm::any_of(op->getOperandTypes(), isIndex) ||
                                   llvm::any_of(op->getResultTypes(), isIndex));
  });
  for (Operation *op : deviceOps)
    lowerDeviceOp(op);
  ScalarLowering lowering(builder, indexType);
  for (auto [op, onIndices] : scalars)
    lowering.lower(op, onIndices);
  changeTypes();
  lowerCalls();
  emitc::FuncOp function = makeFunction();
  if (failed(convertRest(function)))
    return failure();
  placeLoopHints(function);
  return success();
}

} // namespace

/// SCFToEmitC (LLVM 22) takes such a loop for one that carries nothing on.
static LogicalResult refuseEmptyLoops(func::FuncOp kernel) {
  auto result = kernel.walk([](scf::WhileOp loop) {
    if (!loop.getAfterBody()->without_terminator().empty())
      return WalkResult::advance();
    loop.emitError("must have its work behind its condition: upstream's "
                   "conversion to EmitC loses the values of one that has none");
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

LogicalResult convertToEmitC(func::FuncOp kernel, int64_t threads) {
  if (failed(refuseEmptyLoops(kernel)))
    return failure();
  return KernelLowering(kernel, threads).run();
}

FailureOr<std::string> printCuda(ModuleOp kernels) {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (failed(emitc::translateToCpp(kernels, os)))
    return failure();
  std::string prelude;
  if (text.find("__nv_bfloat16") != std::string::npos)
    prelude += "#include <cuda_bf16.h>\n";
  if (text.find("__half") != std::string::npos)
    prelude += "#include <cuda_fp16.h>\n";
  prelude += kPreludeText;
  if (text.find("pfc::multiply") != std::string::npos)
    prelude += kTensorCoreText;
  return prelude + text;
}

} // namespace pfc::cuda
