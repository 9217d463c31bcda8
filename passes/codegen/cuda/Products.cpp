#include "passes/codegen/cuda/Products.h"

#include "dialects/pfc/ir/RowCode.h"
#include "passes/codegen/cuda/DeviceCode.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace pfc::cuda {
namespace {

/// Slots of a thread.
constexpr int64_t kSlots = 64;

/// Three stages of both operands, and their barriers.
constexpr int64_t kGroupShared = (96 << 10) + 3 * 8;

constexpr TileForm kForms[] = {
    {"sm_80", "matmul, margin_exp by warps", "Tile", 8, 8, 48 << 10, 0},
    {"sm_90a", "matmul, margin_exp by warpgroups", "GroupTile", 2, 32,
     kGroupShared, 64},
};

RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

int64_t extentOf(Value buffer, unsigned dim) {
  return cast<MemRefType>(buffer.getType()).getDimSize(dim);
}

/// The next op that does something at run time.
Operation *nextInstruction(Operation *op) {
  do
    op = op->getNextNode();
  while (op && (op->hasTrait<OpTrait::ConstantLike>() ||
                isa<tensor::EmptyOp, RankConstantOp>(op)));
  return op;
}

class ProductCode {
public:
  ProductCode(MarginExpOp op, const TileForm &form, OpBuilder &builder,
              const ProductBuffers &buffers)
      : op(op), form(form), code(builder, op.getLoc()), buffers(buffers),
        rows(extentOf(buffers.lhs, 0)), columns(extentOf(buffers.rhs, 0)),
        depth(extentOf(buffers.lhs, 1)) {}

  void emit();

private:
  /// What of an operand its product takes.
  Value operandOf(Value buffer) {
    return form.boxColumns
               ? code.tensorMap(buffer, kProductTile, form.boxColumns)
               : buffer;
  }
  void emitTile(Value unit, Value lhs, Value rhs, Value shared);
  void emitRow(Value r, Value row0, Value column0, Value products, Value exps,
               Value sums);
  bool byWarps() const { return form.rows == 8; }
  Value slotAt(Value r, Value c);
  Value rowOf(Value r);
  Value columnOf(Value c);
  static Type elementOf(Value buffer) {
    return cast<MemRefType>(buffer.getType()).getElementType();
  }
  std::string function(StringRef verb, StringRef what) const {
    return ("pfc::" + verb + what).str();
  }

  MarginExpOp op;
  const TileForm &form;
  DeviceCode code;
  const ProductBuffers &buffers;
  int64_t rows, columns, depth;
};

// WarpSlots and WarpgroupSlots of tensor_core.cuh.

Value ProductCode::slotAt(Value r, Value c) {
  if (byWarps())
    return code.add(code.mul(r, 8), c);
  Value ofColumn = code.add(code.mul(code.div(c, 2), 4), code.rem(c, 2));
  return code.add(ofColumn, code.mul(r, 2));
}

Value ProductCode::rowOf(Value r) {
  Value thread = code.thread();
  Value ofWarp = byWarps() ? code.mul(code.div(thread, 128), 64)
                           : code.mul(code.div(thread, 32), 16);
  Value ofLane = code.div(code.rem(thread, 32), 4);
  return code.add(code.add(ofWarp, ofLane), code.mul(r, 8));
}

Value ProductCode::columnOf(Value c) {
  Value thread = code.thread();
  Value at = code.mul(code.rem(thread, 4), 2);
  if (byWarps())
    at = code.add(code.mul(code.rem(code.div(thread, 32), 4), 32), at);
  Value ofSlot = code.add(code.mul(code.div(c, 2), 8), code.rem(c, 2));
  return code.add(at, ofSlot);
}

/// A thread's elements of E in row slot `r`, and their sum.
void ProductCode::emitRow(Value r, Value row0, Value column0, Value products,
                          Value exps, Value sums) {
  OpBuilder &builder = code.builder;
  Location loc = code.loc;
  Scalars scalars(builder, loc);
  // What lies beyond the last row is made like that, and not stored.
  Value row = builder.createOrFold<arith::MinUIOp>(
      loc, code.add(row0, rowOf(r)), code.index(rows - 1));
  auto [used, own] = op.buildColumns(
      builder, {buffers.lhs, buffers.columns, buffers.count, buffers.first},
      row);
  code.unrolled(form.columns, [&](Value c) {
    Value column = code.add(column0, columnOf(c));
    Value at = slotAt(r, c);
    auto [exp, summand] = op.buildTerm(builder, code.load(products, at));
    Value inUse = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ult,
                                        column, used);
    Value isOther = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::ne, column, own);
    Value counts = arith::AndIOp::create(builder, loc, inUse, isOther);
    Value zero = scalars.constant(0.0);
    code.store(
        scalars.fromF32(scalars.select(counts, exp, zero), elementOf(exps)),
        exps, at);
    if (sums)
      code.store(scalars.add(code.load(sums, r),
                             scalars.select(counts, summand, zero)),
                 sums, r);
  });
}

/// Tiles of the same columns follow each other: what they read of Ŵ is then in
/// the L2 cache.
void ProductCode::emitTile(Value unit, Value lhs, Value rhs, Value shared) {
  int64_t rowTiles = llvm::divideCeil(rows, kProductTile);
  Value columnTile = code.div(unit, rowTiles);
  // Where there is but one, what it says of rows is kept in registers from tile
  // to tile, at the cost of others.
  Value row0 = code.opaque(code.mul(code.rem(unit, rowTiles), kProductTile));
  Value column0 = code.mul(columnTile, kProductTile);
  Value products = code.accumulators(kSlots);
  SmallVector<Value> operands = {products, lhs, rhs};
  if (!form.boxColumns) // a tensor map has them
    operands.append({code.index(rows), code.index(columns)});
  operands.append({code.index(depth), row0, column0, shared});
  code.call(function("multiply", form.prefix), operands);
  Value exps = code.registers(kSlots, elementOf(buffers.exps));
  Value sums = buffers.parts ? code.accumulators(form.rows) : Value();
  code.unrolled(form.rows, [&](Value r) {
    emitRow(r, row0, column0, products, exps, sums);
  });
  code.call(function("store", form.prefix),
            {buffers.exps, exps, code.index(rows), code.index(columns), row0,
             column0, shared});
  if (sums)
    code.call(
        function("sumRowsOf", form.prefix),
        {buffers.parts, sums, code.index(rows), columnTile, row0, shared});
}

void ProductCode::emit() {
  constexpr int64_t elementBytes = 2;
  int64_t elements = form.sharedBytes / elementBytes;
  Type element = elementOf(buffers.lhs);
  Value shared = form.boxColumns
                     ? code.dynamicShared(elements, element)
                     : code.shared(elements, element, /*alignment=*/16);
  Value lhs = operandOf(buffers.lhs), rhs = operandOf(buffers.rhs);
  code.loopOverUnits(productTiles(rows, columns),
                     [&](Value unit) { emitTile(unit, lhs, rhs, shared); });
}

} // namespace

MarginExpOp fusableReader(MatmulOp product) {
  Value cosines = product.getResult();
  auto op = cosines.hasOneUse() ? dyn_cast<MarginExpOp>(*cosines.user_begin())
                                : MarginExpOp();
  if (!op || nextInstruction(product) != op)
    return {};
  auto has16Bits = [](Value value) {
    return typeOf(value).getElementTypeBitWidth() == 16;
  };
  constexpr int64_t ofAccess = 8; // elements of 16 bits in 16 bytes
  bool fits = !product.getTransposeLhs() && product.getTransposeRhs() &&
              !product.getAddend() && has16Bits(product.getLhs()) &&
              has16Bits(op.getExps()) &&
              typeOf(product.getLhs()).getDimSize(1) % ofAccess == 0;
  return fits ? op : MarginExpOp();
}

ArrayRef<TileForm> tileForms() { return kForms; }

void buildProduct(MarginExpOp op, const TileForm &form, Operation *kernel,
                  OpBuilder &builder, const ProductBuffers &buffers) {
  auto say = [&](StringRef what, int64_t number) {
    kernel->setAttr(what, builder.getI64IntegerAttr(number));
  };
  say(blockThreadsAttrName, kProductThreads);
  if (form.boxColumns) {
    say(sharedBytesAttrName, form.sharedBytes);
    say(residentBlocksAttrName, 2);
  }
  ProductCode(op, form, builder, buffers).emit();
}

void buildSumOfParts(OpBuilder &builder, Location loc, Value parts, Value sums,
                     Value newSums, Value row) {
  RowCode code(builder, loc);
  Value total = sums ? code.load(sums, {row}) : code.scalars.constant(0.0);
  total =
      code.sum(code.index(0), code.index(extentOf(parts, 0)), total,
               [&](RowCode &c, Value j) { return c.load(parts, {j, row}); });
  code.store(total, newSums, {row});
}

} // namespace pfc::cuda
