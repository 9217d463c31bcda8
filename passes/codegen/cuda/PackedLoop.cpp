#include "passes/codegen/cuda/PackedLoop.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

#include <limits>

using namespace mlir;

namespace pfc::cuda {
namespace {

constexpr int64_t kAccessBytes = 16;

/// Whether `value` is a multiple of `factor`, as far as one sees.
bool isMultiple(Value value, int64_t factor) {
  if (!value)
    return true;
  if (std::optional<int64_t> constant = getConstantIntValue(value))
    return *constant % factor == 0;
  if (auto product = value.getDefiningOp<arith::MulIOp>())
    return isMultiple(product.getLhs(), factor) ||
           isMultiple(product.getRhs(), factor);
  return false;
}

MemRefType typeOf(Value buffer) { return cast<MemRefType>(buffer.getType()); }

} // namespace

Reduction reductionOf(scf::ForOp loop, unsigned k) {
  Value total = loop.getRegionIterArg(k);
  Operation *next = loop.getYieldedValues()[k].getDefiningOp();
  if (!next || !total.hasOneUse() || next->getOperand(0) != total)
    return Reduction::Other;
  if (isa<arith::AddFOp>(next))
    return Reduction::Sum;
  return isa<arith::MaximumFOp>(next) ? Reduction::Maximum : Reduction::Other;
}

float startOf(Reduction reduction) {
  return reduction == Reduction::Maximum ? std::numeric_limits<float>::lowest()
                                         : 0.0f;
}

PackedLoop::PackedLoop(scf::ForOp loop) : loop(loop) {
  if (analyse())
    chooseWidth();
}

//===----------------------------------------------------------------------===//
// What the loop accesses
//===----------------------------------------------------------------------===//

bool PackedLoop::isOutside(Value value) {
  return loop.isDefinedOutsideOfLoop(value);
}

/// False where packs would read or write other elements than the loop.
bool PackedLoop::analyse() {
  for (Operation &op : loop.getBody()->without_terminator()) {
    bool known = true;
    if (auto load = dyn_cast<memref::LoadOp>(op))
      known = analyseAccess(op, load.getMemRef(), load.getIndices());
    else if (auto store = dyn_cast<memref::StoreOp>(op))
      known = analyseAccess(op, store.getMemRef(), store.getIndices());
    else if (op.getNumRegions() > 0)
      known = false;
    if (!known)
      return false;
  }
  return !accesses.empty();
}

bool PackedLoop::analyseAccess(Operation &op, Value buffer,
                               ValueRange indices) {
  bool writes = isa<memref::StoreOp>(op);
  auto isStored = [&](unsigned at) { return accesses[at].buffer == buffer; };
  if (!writes && llvm::any_of(stored, isStored))
    return false; // packs are loaded before any is stored
  if (llvm::all_of(indices, [&](Value index) { return isOutside(index); }))
    return !writes; // one element for all iterations

  Access access{buffer, SmallVector<Value>(indices.drop_back()), {}, {}};
  Value last = indices.back();
  if (auto sum = last.getDefiningOp<arith::AddIOp>();
      sum && !isOutside(last) && isOutside(sum.getLhs())) {
    access.offset = sum.getLhs();
    last = sum.getRhs();
  }
  if (last != loop.getInductionVar() ||
      !llvm::all_of(access.row, [&](Value index) { return isOutside(index); }))
    return false;
  unsigned at = llvm::find(accesses, access) - accesses.begin();
  if (at == accesses.size())
    accesses.push_back(access);
  accessAt[&op] = at;
  (writes ? stored : loaded).insert(at);
  // What is written is read at the same element, or not at all.
  return llvm::all_of(llvm::enumerate(accesses), [&](auto other) {
    return other.value().buffer != buffer || other.index() == at ||
           (!stored.contains(at) && !stored.contains(other.index()));
  });
}

void PackedLoop::chooseWidth() {
  int64_t bytes = kAccessBytes;
  for (const Access &access : accesses)
    bytes = std::min<int64_t>(
        bytes, typeOf(access.buffer).getElementTypeBitWidth() / 8);
  packWidth = kAccessBytes / bytes;
  auto fits = [&](const Access &access) {
    return typeOf(access.buffer).getShape().back() % packWidth == 0 &&
           isMultiple(access.offset, packWidth);
  };
  while (packWidth > 1 && !llvm::all_of(accesses, fits))
    packWidth /= 2;
}

/// Whether every pack is wholly within the bounds.
bool PackedLoop::isWhole() {
  return isMultiple(loop.getLowerBound(), packWidth) &&
         isMultiple(loop.getUpperBound(), packWidth);
}

//===----------------------------------------------------------------------===//
// Its code
//===----------------------------------------------------------------------===//

/// The element of the flat buffer that iteration `at` accesses.
Value PackedLoop::address(DeviceCode &code, IRMapping &mapping,
                          const Access &access, Value at) {
  Value linear;
  ArrayRef<int64_t> shape = typeOf(access.buffer).getShape();
  for (auto [index, extent] : llvm::zip(access.row, shape.drop_front())) {
    Value row = mapping.lookupOrDefault(index);
    linear = code.mul(linear ? code.add(linear, row) : row, extent);
  }
  Value last =
      access.offset ? code.add(mapping.lookupOrDefault(access.offset), at) : at;
  return linear ? code.add(linear, last) : last;
}

/// Whether [first, last] is within the loop's bounds.
Value PackedLoop::within(DeviceCode &code, IRMapping &mapping, Value first,
                         Value last) {
  auto compare = [&](arith::CmpIPredicate predicate, Value a, Value b) {
    return arith::CmpIOp::create(code.builder, code.loc, predicate, a, b);
  };
  return arith::AndIOp::create(
      code.builder, code.loc,
      compare(arith::CmpIPredicate::uge, first,
              mapping.lookupOrDefault(loop.getLowerBound())),
      compare(arith::CmpIPredicate::ult, last,
              mapping.lookupOrDefault(loop.getUpperBound())));
}

/// Iteration i, the j-th of its pack, on registers. `inside`, if given, says
/// whether it counts.
void PackedLoop::emitIteration(DeviceCode &code, IRMapping mapping, Value i,
                               Value j, Value inside, ValueRange sums) {
  Value first = code.index(0);
  mapping.map(loop.getInductionVar(), i);
  for (auto [total, sum] : llvm::zip(loop.getRegionIterArgs(), sums))
    mapping.map(total, code.load(sum, first));
  for (Operation &op : loop.getBody()->without_terminator()) {
    auto access = accessAt.find(&op);
    if (access == accessAt.end()) {
      code.builder.clone(op, mapping);
      continue;
    }
    Value registers = accesses[access->second].registers;
    if (auto store = dyn_cast<memref::StoreOp>(op))
      code.store(mapping.lookupOrDefault(store.getValue()), registers, j);
    else
      mapping.map(op.getResult(0), code.load(registers, j));
  }
  for (auto [value, total, sum] :
       llvm::zip(loop.getYieldedValues(), loop.getRegionIterArgs(), sums)) {
    Value next = mapping.lookupOrDefault(value);
    if (inside)
      next = arith::SelectOp::create(code.builder, code.loc, inside, next,
                                     mapping.lookup(total));
    code.store(next, sum, first);
  }
}

/// Of a pack that reaches beyond the bounds, element by element.
void PackedLoop::emitStores(DeviceCode &code, IRMapping &mapping, Value at) {
  auto forEachStored = [&](llvm::function_ref<void(const Access &)> body) {
    for (auto [k, access] : llvm::enumerate(accesses))
      if (stored.contains(k))
        body(access);
  };
  auto storePack = [&](const Access &access) {
    code.storePack(access.registers, code.flat(access.buffer),
                   address(code, mapping, access, at));
  };
  if (isWhole() || stored.empty())
    return forEachStored(storePack);
  Value last = code.add(at, code.index(packWidth - 1));
  auto branch =
      scf::IfOp::create(code.builder, code.loc, within(code, mapping, at, last),
                        /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(code.builder);
  code.builder.setInsertionPoint(branch.thenYield());
  forEachStored(storePack);
  code.builder.setInsertionPoint(branch.elseYield());
  code.unrolled(packWidth, [&](Value j) {
    Value i = code.add(at, j);
    code.when(within(code, mapping, i, i), [&] {
      forEachStored([&](const Access &access) {
        code.store(code.load(access.registers, j), code.flat(access.buffer),
                   address(code, mapping, access, i));
      });
    });
  });
}

SmallVector<Value> PackedLoop::emit(DeviceCode &code, IRMapping &mapping,
                                    int64_t threads) {
  auto bound = [&](Value value) { return mapping.lookupOrDefault(value); };
  SmallVector<Value> sums;
  for (unsigned k = 0; k < loop.getNumRegionIterArgs(); ++k)
    sums.push_back(code.accumulators(1, startOf(reductionOf(loop, k))));
  Value begin = code.div(bound(loop.getLowerBound()), packWidth);
  Value end =
      code.div(code.add(bound(loop.getUpperBound()), code.index(packWidth - 1)),
               packWidth);
  code.hintUnroll(2);
  code.loop(
      code.add(begin, code.thread()), end, code.index(threads),
      [&](Value pack) {
        Value at = code.mul(pack, packWidth);
        for (auto [k, access] : llvm::enumerate(accesses)) {
          access.registers =
              code.registers(packWidth, typeOf(access.buffer).getElementType());
          if (loaded.contains(k))
            code.loadPack(code.flat(access.buffer),
                          address(code, mapping, access, at), access.registers);
        }
        code.unrolled(packWidth, [&](Value j) {
          Value i = code.add(at, j), inside;
          if (!isWhole() && !sums.empty())
            inside = within(code, mapping, i, i);
          emitIteration(code, mapping, i, j, inside, sums);
        });
        emitStores(code, mapping, at);
      });
  return llvm::map_to_vector(
      sums, [&](Value sum) { return code.load(sum, code.index(0)); });
}

} // namespace pfc::cuda
