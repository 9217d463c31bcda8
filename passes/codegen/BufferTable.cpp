#include "passes/codegen/BufferTable.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;

namespace pfc {

MemRefType bufferTypeOf(Type tensorType) {
  auto tensor = cast<RankedTensorType>(tensorType);
  Type element = tensor.getElementType();
  if (element.isInteger(8))
    element = IntegerType::get(element.getContext(), 8);
  return MemRefType::get(tensor.getShape(), element);
}

Value BufferTable::canonical(Value value) {
  for (auto it = aliases.find(value); it != aliases.end();
       it = aliases.find(value))
    value = it->second;
  return value;
}

Value BufferTable::find(Value value) {
  return buffers.lookup(canonical(value));
}

Value BufferTable::get(Value value) {
  value = canonical(value);
  if (Value buffer = buffers.lookup(value))
    return buffer;
  return buffers[value] = allocate(value);
}

/// A buffer, or where `value` is taken apart one a tensor.
Value BufferTable::allocate(Value value) {
  auto alloc = [&](Value tensor) -> Value {
    return plan::AllocOp::create(builder, tensor.getLoc(),
                                 bufferTypeOf(tensor.getType()), IntegerAttr());
  };
  for (Operation *user : value.getUsers())
    if (auto op = dyn_cast<UnbucketOp>(user))
      return span(llvm::map_to_vector(op.getTensors(), alloc), value.getLoc());
  return alloc(value);
}

Value BufferTable::state(StringRef name, Location loc, Type tensorType) {
  Value &buffer = states[name];
  if (!buffer) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&program.getBody().front());
    buffer =
        plan::StateOp::create(builder, loc, bufferTypeOf(tensorType), name);
  }
  return buffer;
}

void BufferTable::writeInPlace(Value value, ArrayRef<Value> variables,
                               ArrayRef<StringRef> names) {
  SmallVector<Value> parts;
  for (auto [variable, name] : llvm::zip(variables, names))
    parts.push_back(state(name, value.getLoc(), variable.getType()));
  bool whole = llvm::equal(variables, ArrayRef<Value>(value));
  bind(value,
       whole ? parts.front() : shaped(span(parts, value.getLoc()), value));
}

/// A span as `bucket` has it.
Value BufferTable::shaped(Value span, Value bucket) {
  MemRefType type = bufferTypeOf(bucket.getType());
  if (type == span.getType())
    return span;
  for (Operation *user : span.getUsers())
    if (auto view = dyn_cast<plan::ViewOp>(user);
        view && view.getBuffer().getType() == type)
      return view.getBuffer();
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointAfter(span.getDefiningOp());
  return plan::ViewOp::create(builder, bucket.getLoc(), type, span);
}

Value BufferTable::span(ArrayRef<Value> parts, Location loc) {
  if (plan::SpanOp known = spans.lookup(parts.front()))
    return known.getBuffer();
  // Behind the last of its parts: state comes in as it is named.
  Operation *last = parts.front().getDefiningOp();
  int64_t elements = 0;
  for (Value part : parts) {
    if (last->isBeforeInBlock(part.getDefiningOp()))
      last = part.getDefiningOp();
    elements += cast<MemRefType>(part.getType()).getNumElements();
  }
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointAfter(last);
  Type element = cast<MemRefType>(parts.front().getType()).getElementType();
  auto span = plan::SpanOp::create(builder, loc,
                                   MemRefType::get({elements}, element), parts);
  for (Value part : parts)
    spans[part] = span;
  return span.getBuffer();
}

/// Whether nobody but the one user of `tensor` reads its buffer.
bool BufferTable::ownsBuffer(Value tensor) {
  while (tensor.hasOneUse() && canonical(tensor) == tensor) {
    auto reshape = tensor.getDefiningOp<ReshapeOp>();
    if (!reshape)
      return true;
    tensor = reshape.getInput();
  }
  return false;
}

Value BufferTable::copyOf(Value tensor) {
  Value source = get(tensor);
  Location loc = tensor.getLoc();
  Value target = plan::AllocOp::create(
      builder, loc, cast<MemRefType>(source.getType()), IntegerAttr());
  plan::CopyOp::create(builder, loc, source, target, plan::CostAttr());
  return target;
}

/// Whether nobody writes where `bucket` is.
static bool isOnlyRead(BucketOp bucket) {
  return llvm::all_of(bucket->getUses(), [](OpOperand &use) {
    auto generic = dyn_cast<linalg::GenericOp>(use.getOwner());
    return isa<shard::AllGatherOp>(use.getOwner()) ||
           (generic && generic.isDpsInput(&use));
  });
}

void BufferTable::bindBucket(BucketOp bucket) {
  SmallVector<Value> parts;
  for (Value tensor : bucket.getTensors())
    parts.push_back(plan::viewedBuffer(get(tensor)));
  plan::SpanOp known = spans.lookup(parts.front());
  bool isKnown = known && llvm::equal(known.getParts(), parts);
  bool ofNewState = llvm::all_of(parts, [&](Value part) {
    return plan::isState(part) && !spans.contains(part);
  });
  if (!isKnown && !ofNewState)
    for (auto [part, tensor] : llvm::zip(parts, bucket.getTensors()))
      if (!part.getDefiningOp<plan::AllocOp>() || spans.contains(part) ||
          !(ownsBuffer(tensor) || isOnlyRead(bucket)))
        part = copyOf(tensor);
  bind(bucket.getBucket(),
       shaped(span(parts, bucket.getLoc()), bucket.getBucket()));
}

LogicalResult BufferTable::bindTensors(UnbucketOp op) {
  auto span =
      plan::viewedBuffer(get(op.getBucket())).getDefiningOp<plan::SpanOp>();
  bool fits = span && llvm::equal(span.getParts().getTypes(),
                                  llvm::map_range(op.getTensors(), [](Value t) {
                                    return Type(bufferTypeOf(t.getType()));
                                  }));
  if (!fits)
    return op.emitOpError("takes apart what was put together otherwise");
  for (auto [tensor, part] : llvm::zip(op.getTensors(), span.getParts()))
    bind(tensor, part);
  return success();
}

Value BufferTable::whole(Value buffer) {
  buffer = plan::viewedBuffer(buffer);
  plan::SpanOp span = spans.lookup(buffer);
  return span ? span.getBuffer() : buffer;
}

} // namespace pfc
