#include "passes/codegen/cuda/DeviceCode.h"

#include "mlir/Dialect/EmitC/IR/EmitC.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"

using namespace mlir;

namespace pfc::cuda {

Value DeviceCode::thread() {
  return gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x);
}
Value DeviceCode::block() {
  return gpu::BlockIdOp::create(builder, loc, gpu::Dimension::x);
}
Value DeviceCode::blocks() {
  return gpu::GridDimOp::create(builder, loc, gpu::Dimension::x);
}
void DeviceCode::barrier() { gpu::BarrierOp::create(builder, loc); }

static Value reduceBlock(OpBuilder &builder, Location loc, Value value,
                         gpu::AllReduceOperation operation) {
  return gpu::AllReduceOp::create(
      builder, loc, value,
      gpu::AllReduceOperationAttr::get(builder.getContext(), operation),
      /*uniform=*/true);
}

Value DeviceCode::blockSum(Value value) {
  return reduceBlock(builder, loc, value, gpu::AllReduceOperation::ADD);
}

Value DeviceCode::blockMaximum(Value value) {
  return reduceBlock(builder, loc, value, gpu::AllReduceOperation::MAXIMUMF);
}

Value DeviceCode::warpSum(Value value, int64_t size, int64_t stride) {
  if (size == 1)
    return value;
  return gpu::SubgroupReduceOp::create(
      builder, loc, value, gpu::AllReduceOperation::ADD, /*uniform=*/true,
      static_cast<uint32_t>(size), static_cast<uint32_t>(stride));
}

void DeviceCode::loop(Value from, Value to, Value step, LoopBody body) {
  auto loop = scf::ForOp::create(builder, loc, from, to, step);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(loop.getBody()->getTerminator());
  body(loop.getInductionVar());
}

void DeviceCode::unrolled(int64_t count, LoopBody body) {
  if (count == 1)
    return body(index(0));
  emitc::VerbatimOp::create(builder, loc, "#pragma unroll");
  loop(index(0), index(count), index(1), body);
}

void DeviceCode::hintUnroll(int64_t times) {
  emitc::VerbatimOp::create(builder, loc,
                            "#pragma unroll " + std::to_string(times));
}

void DeviceCode::when(Value condition, llvm::function_ref<void()> body) {
  auto branch = scf::IfOp::create(builder, loc, condition);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(branch.thenYield());
  body();
}

Value DeviceCode::registers(int64_t count, Type element) {
  return memref::AllocaOp::create(builder, loc,
                                  MemRefType::get({count}, element));
}

Value DeviceCode::accumulators(int64_t count, float start) {
  Value sums = registers(count, builder.getF32Type());
  unrolled(count, [&](Value j) { store(real(start), sums, j); });
  return sums;
}

Value DeviceCode::shared(int64_t count, Type element, int64_t alignment) {
  auto space = gpu::AddressSpaceAttr::get(builder.getContext(),
                                          gpu::AddressSpace::Workgroup);
  return memref::AllocaOp::create(
      builder, loc,
      MemRefType::get({count}, element, MemRefLayoutAttrInterface(), space),
      alignment == 0 ? IntegerAttr() : builder.getI64IntegerAttr(alignment));
}

Value DeviceCode::dynamicShared(int64_t count, Type element) {
  Value array = shared(count, element, /*alignment=*/1024);
  array.getDefiningOp()->setAttr(dynamicAttrName, builder.getUnitAttr());
  return array;
}

Value DeviceCode::tensorMap(Value matrix, int64_t rows, int64_t columns) {
  Type type = emitc::OpaqueType::get(builder.getContext(),
                                     "const __grid_constant__ pfc::TensorMap");
  auto map = UnrealizedConversionCastOp::create(builder, loc, type, matrix);
  map->setAttr(boxAttrName, builder.getDenseI64ArrayAttr({rows, columns}));
  return map.getResult(0);
}

Value DeviceCode::opaque(Value index) {
  Type integer = builder.getI32Type();
  Value given = arith::IndexCastOp::create(builder, loc, integer, index);
  auto call = emitc::CallOpaqueOp::create(builder, loc, TypeRange(integer),
                                          "pfc::opaque", ValueRange(given));
  return arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                    call.getResult(0));
}

/// The declaration of a function of the prelude's texts, one for each type.
static func::FuncOp declare(OpBuilder &builder, Location loc, ModuleOp module,
                            StringRef callee, FunctionType type) {
  unsigned number = 0;
  for (auto each : module.getOps<func::FuncOp>()) {
    auto name = each->getAttrOfType<StringAttr>(calleeAttrName);
    if (!name)
      continue;
    if (name.getValue() == callee && each.getFunctionType() == type)
      return each;
    ++number;
  }
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(module.getBody());
  auto function = func::FuncOp::create(builder, loc,
                                       "callee" + std::to_string(number), type);
  function.setPrivate();
  function->setAttr(calleeAttrName, builder.getStringAttr(callee));
  return function;
}

void DeviceCode::call(StringRef callee, ValueRange operands) {
  auto module =
      builder.getInsertionBlock()->getParentOp()->getParentOfType<ModuleOp>();
  func::FuncOp function =
      declare(builder, loc, module, callee,
              builder.getFunctionType(operands.getTypes(), {}));
  func::CallOp::create(builder, loc, function, operands);
}

Value DeviceCode::flat(Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  if (type.getRank() == 1)
    return buffer;
  ReassociationIndices all(llvm::to_vector(llvm::seq<int64_t>(type.getRank())));
  return memref::CollapseShapeOp::create(builder, loc, buffer,
                                         ArrayRef<ReassociationIndices>{all});
}

Value DeviceCode::pack(Value flatBuffer, Value at, int64_t count) {
  return memref::SubViewOp::create(
      builder, loc, flatBuffer, SmallVector<OpFoldResult>{at},
      SmallVector<OpFoldResult>{builder.getIndexAttr(count)},
      SmallVector<OpFoldResult>{builder.getIndexAttr(1)});
}

void DeviceCode::loadPack(Value flatBuffer, Value at, Value registers) {
  int64_t count = cast<MemRefType>(registers.getType()).getDimSize(0);
  memref::CopyOp::create(builder, loc, pack(flatBuffer, at, count), registers);
}

void DeviceCode::storePack(Value registers, Value flatBuffer, Value at) {
  int64_t count = cast<MemRefType>(registers.getType()).getDimSize(0);
  memref::CopyOp::create(builder, loc, registers, pack(flatBuffer, at, count));
}

} // namespace pfc::cuda
