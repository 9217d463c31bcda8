#include "passes/codegen/Outline.h"
#include "passes/codegen/KernelArguments.h"
#include "passes/codegen/cuda/ChannelRuns.h"
#include "passes/codegen/cuda/DeviceCode.h"
#include "passes/codegen/cuda/Sampling.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace pfc {

/// Below so many iterations a parallel loop costs more than it saves.
static constexpr int64_t kSerialVolume = 8192;
/// Values inside a kernel up to this size live on its stack.
static constexpr int64_t kLocalBytes = 32 << 10;
/// Longer runs would make kernels slow to compile.
static constexpr size_t kLongestRun = 24;

MemRefType bufferTypeOf(Type tensorType) {
  auto tensor = cast<RankedTensorType>(tensorType);
  Type element = tensor.getElementType();
  if (element.isInteger(8))
    element = IntegerType::get(element.getContext(), 8);
  return MemRefType::get(tensor.getShape(), element);
}

bool updatesElementwise(OpOperand &use, Value value) {
  Operation *op = use.getOwner();
  unsigned result = cast<OpResult>(value).getResultNumber();
  if (auto rows = dyn_cast<RowKernelOpInterface>(op))
    return rows.getInPlaceOperand(result) ==
           static_cast<int>(use.getOperandNumber());
  auto generic = dyn_cast<linalg::GenericOp>(op);
  return generic && generic.getMatchingIndexingMap(&use).isIdentity() &&
         generic.getIndexingMapMatchingResult(cast<OpResult>(value))
             .isIdentity();
}

//===----------------------------------------------------------------------===//
// BufferTable
//===----------------------------------------------------------------------===//

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

//===----------------------------------------------------------------------===//
// Outliner
//===----------------------------------------------------------------------===//

Outliner::Kernel Outliner::begin(OpBuilder &builder, Location loc,
                                 TypeRange argumentTypes) {
  SmallVector<Type> types(argumentTypes);
  types.append(2, builder.getIndexType());
  builder.setInsertionPointToEnd(kernels.getBody());
  auto function = func::FuncOp::create(builder, loc, "kernel",
                                       builder.getFunctionType(types, {}));
  Block *entry = function.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value begin = entry->getArgument(types.size() - 2);
  Value end = entry->getArgument(types.size() - 1);
  auto loop = scf::ForOp::create(builder, loc, begin, end, one);
  func::ReturnOp::create(builder, loc);
  builder.setInsertionPoint(loop.getBody()->getTerminator());
  return {function, loop.getInductionVar()};
}

/// "batch_norm, prelu" as part of a symbol.
static std::string symbolPart(StringRef description) {
  std::string part;
  for (char c : description.take_front(48))
    if (llvm::isAlnum(c) || c == '_')
      part += c;
    else if (c == ' ')
      part += '_';
  return part;
}

SymbolRefAttr Outliner::finish(Kernel kernel, StringRef description) {
  MLIRContext *context = kernels.getContext();
  std::string text;
  llvm::raw_string_ostream(text) << kernel.function;
  auto [it, fresh] = names.try_emplace(text);
  if (fresh) {
    it->second = "k" + std::to_string(count++) + "_" + symbolPart(description);
    kernel.function.setSymName(it->second);
    kernel.function->setAttr(plan::descriptionAttrName,
                             StringAttr::get(context, description));
  } else {
    kernel.function.erase();
  }
  return SymbolRefAttr::get(context, kernels.getSymNameAttr().getValue(),
                            {FlatSymbolRefAttr::get(context, it->second)});
}

/// Whether `user` reads what it uses before `op`, and nobody later through it.
static bool readsBefore(Operation *user, Operation *op) {
  return !isa<ReshapeOp, SliceOp, BarrierOp, BucketOp, AssignOp, OutputOp,
              tensor::BitcastOp>(user) &&
         user->isBeforeInBlock(op);
}

/// Whether nobody reads the buffer of `operand` after `op`, which takes it
/// once.
static bool isLastToRead(Operation *op, Value operand) {
  unsigned times = 0;
  for (Operation *user : operand.getUsers()) {
    if (user == op)
      ++times;
    else if (!readsBefore(user, op))
      return false;
  }
  return times == 1;
}

LogicalResult Outliner::outlineRows(RowKernelOpInterface op,
                                    BufferTable &buffers, OpBuilder &builder) {
  Location loc = op.getLoc();
  KernelArguments arguments;
  SmallVector<unsigned> operandAt, resultAt;
  SmallVector<Value> operandBuffers;
  for (Value operand : op->getOperands())
    operandBuffers.push_back(buffers.get(operand));

  // A result that overwrites an operand: where the operand is, if this is the
  // operand's last use; else in a copy.
  for (OpResult result : op->getResults()) {
    int position = op.getInPlaceOperand(result.getResultNumber());
    if (position < 0)
      continue;
    Value operand = op->getOperand(position);
    Value source = operandBuffers[position];
    Value target = buffers.find(result);
    if (!target && BufferTable::isTemporary(source) &&
        isLastToRead(op, operand)) {
      buffers.bind(result, source);
      continue;
    }
    target = buffers.get(result);
    if (target != source) {
      plan::CopyOp::create(builder, loc, source, target, plan::CostAttr());
      operandBuffers[position] = target;
    }
  }
  for (Value buffer : operandBuffers)
    operandAt.push_back(arguments.add(buffer, false));
  for (Value result : op->getResults())
    resultAt.push_back(arguments.add(buffers.get(result), true));

  SymbolRefAttr symbol;
  {
    OpBuilder::InsertionGuard guard(builder);
    Kernel kernel = begin(builder, loc, arguments.types());
    auto values = [&](ArrayRef<unsigned> positions) {
      SmallVector<Value> result;
      for (unsigned position : positions)
        result.push_back(kernel.function.getArgument(position));
      return result;
    };
    auto sampling = dyn_cast<SampleLocalCentersOp>(op.getOperation());
    if (sampling && grouping == Grouping::Channels) {
      // Its serial passes over all classes are another algorithm on a GPU.
      kernel.function->setAttr(
          cuda::blockThreadsAttrName,
          builder.getI64IntegerAttr(cuda::kSamplingThreads));
      if (failed(cuda::buildSamplingBlock(sampling, builder, values(operandAt),
                                          values(resultAt))))
        return failure();
    } else if (failed(op.buildRow(builder, values(operandAt), values(resultAt),
                                  kernel.row))) {
      return failure();
    }
    symbol = finish(kernel, op->getName().stripDialect());
  }
  // Which rows it touches, only the op knows.
  auto costed = dyn_cast<CostOpInterface>(op.getOperation());
  // The sampler is one block on a GPU: the others have the backbone to do.
  bool beside = isa<FetchRowsOp, StoreRowsOp>(op.getOperation()) ||
                (grouping == Grouping::Channels &&
                 isa<SampleLocalCentersOp>(op.getOperation()));
  arguments.launch(builder, loc, symbol, op.getRowExtent(),
                   costed ? costed.getCost() : arguments.costOf(0), beside);
  return success();
}

//===----------------------------------------------------------------------===//
// KernelGroup
//===----------------------------------------------------------------------===//

/// Whether operand `map` touches row d0 alone: (d0, …) without d0 elsewhere.
static bool touchesOwnRow(AffineMap map) {
  if (map.getNumResults() == 0 ||
      map.getResult(0) != getAffineDimExpr(0, map.getContext()))
    return false;
  return llvm::none_of(map.getResults().drop_front(),
                       [](AffineExpr expr) { return expr.isFunctionOfDim(0); });
}

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

namespace {

/// Emits the generics of a run on buffers, in a kernel's row loop.
class RowEmitter {
public:
  RowEmitter(OpBuilder &builder, bool serial, Value row)
      : builder(builder), serial(serial), row(row) {}

  /// `buffer` holds the whole tensor.
  void bindWhole(Value tensor, Value buffer) { whole[tensor] = buffer; }
  /// `buffer` holds one row of it (all of it in a serial kernel).
  void bindRow(Value tensor, Value buffer) { local[tensor] = buffer; }

  void emit(linalg::GenericOp op);

private:
  Value view(Value tensor, AffineMap map, Location loc);
  AffineMap withoutRows(AffineMap map);
  Value constant(Value outside);

  OpBuilder &builder;
  bool serial;
  Value row;
  DenseMap<Value, Value> whole, local;
};

/// Row `row` of a whole buffer, without its dimension 0.
Value RowEmitter::view(Value tensor, AffineMap map, Location loc) {
  if (Value buffer = local.lookup(tensor))
    return buffer;
  Value buffer = whole.lookup(tensor);
  if (serial || !touchesOwnRow(map))
    return buffer;
  auto type = cast<MemRefType>(buffer.getType());
  SmallVector<OpFoldResult> offsets(type.getRank(), builder.getIndexAttr(0));
  SmallVector<OpFoldResult> sizes,
      strides(type.getRank(), builder.getIndexAttr(1));
  for (int64_t size : type.getShape())
    sizes.push_back(builder.getIndexAttr(size));
  offsets[0] = row;
  sizes[0] = builder.getIndexAttr(1);
  auto rowType = memref::SubViewOp::inferRankReducedResultType(
      type.getShape().drop_front(), type, offsets, sizes, strides);
  return memref::SubViewOp::create(builder, loc, rowType, buffer, offsets,
                                   sizes, strides);
}

/// The map over the remaining dimensions of what `view` gives.
AffineMap RowEmitter::withoutRows(AffineMap map) {
  if (serial)
    return map;
  MLIRContext *context = map.getContext();
  SmallVector<AffineExpr> shifted{getAffineConstantExpr(0, context)};
  for (unsigned d = 1; d < map.getNumDims(); ++d)
    shifted.push_back(getAffineDimExpr(d - 1, context));
  SmallVector<AffineExpr> exprs;
  ArrayRef<AffineExpr> results = map.getResults();
  if (touchesOwnRow(map))
    results = results.drop_front();
  for (AffineExpr expr : results)
    exprs.push_back(expr.replaceDims(shifted));
  return AffineMap::get(map.getNumDims() - 1, 0, exprs, context);
}

/// A scalar constant defined outside the kernel.
Value RowEmitter::constant(Value outside) {
  return builder.clone(*outside.getDefiningOp())->getResult(0);
}

void RowEmitter::emit(linalg::GenericOp op) {
  Location loc = op.getLoc();
  SmallVector<Value> inputs, outputs;
  SmallVector<AffineMap> maps;
  for (OpOperand *operand : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(operand);
    inputs.push_back(view(operand->get(), map, loc));
    maps.push_back(withoutRows(map));
  }
  for (OpResult result : op->getResults()) {
    AffineMap map = op.getIndexingMapMatchingResult(result);
    Value output = view(result, map, loc);
    outputs.push_back(output);
    maps.push_back(withoutRows(map));
    Value init = op.getDpsInits()[result.getResultNumber()];
    if (auto fill = init.getDefiningOp<linalg::FillOp>())
      linalg::FillOp::create(builder, loc, constant(fill.value()), output);
  }
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  if (!serial)
    iterators.erase(iterators.begin());
  // Constants used inside come in before the op.
  IRMapping mapping;
  Block *source = op.getBody();
  for (Operation &inner : *source)
    for (Value operand : inner.getOperands())
      if (operand.getParentBlock() != source && !mapping.contains(operand))
        mapping.map(operand, constant(operand));
  linalg::GenericOp::create(
      builder, loc, inputs, outputs, maps, iterators,
      [&](OpBuilder &nested, Location, ValueRange arguments) {
        mapping.map(source->getArguments(), arguments);
        for (Operation &inner : *source) {
          auto index = dyn_cast<linalg::IndexOp>(inner);
          if (index && !serial) {
            Value value =
                index.getDim() == 0
                    ? row
                    : linalg::IndexOp::create(nested, loc, index.getDim() - 1)
                          .getResult();
            mapping.map(index.getResult(), value);
            continue;
          }
          nested.clone(inner, mapping);
        }
      });
}

/// Floating-point operations of one iteration.
int64_t flopsOf(linalg::GenericOp op) {
  return llvm::count_if(op.getBody()->without_terminator(),
                        [](Operation &inner) {
                          return inner.getNumResults() == 1 &&
                                 isa<FloatType>(inner.getResult(0).getType()) &&
                                 !inner.hasTrait<OpTrait::ConstantLike>();
                        });
}

/// Elements of a buffer that `op` touches through `map`.
uint64_t touchedElements(linalg::GenericOp op, Value tensor, AffineMap map) {
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

} // namespace

LogicalResult KernelGroup::flush() {
  if (ops.empty())
    return success();
  overwriteInputs();
  KernelArguments arguments;
  llvm::SmallVector<std::pair<Value, unsigned>> wholeAt;
  llvm::SetVector<Value> locals;
  std::string description;
  uint64_t flops = 0;
  for (linalg::GenericOp op : ops) {
    for (OpOperand *input : op.getDpsInputOperands()) {
      Value tensor = input->get();
      if (locals.contains(tensor))
        continue;
      wholeAt.emplace_back(
          tensor,
          arguments.add(
              buffers.get(tensor), false,
              touchedElements(op, tensor, op.getMatchingIndexingMap(input))));
    }
    for (OpResult result : op->getResults()) {
      if (isLocal(result))
        locals.insert(result);
      else
        wholeAt.emplace_back(result, arguments.add(buffers.get(result), true));
      Value init = op.getDpsInits()[result.getResultNumber()];
      if (!init.getDefiningOp<linalg::FillOp>() &&
          !init.getDefiningOp<tensor::EmptyOp>())
        return op.emitOpError("accumulates onto a value: kernels start their "
                              "results anew");
    }
    if (auto source = op->getAttrOfType<StringAttr>(kernelSourceAttrName))
      if (!StringRef(description).ends_with(source.getValue()))
        description += (description.empty() ? "" : ", ") + source.str();
    flops += volumeOf(op) * flopsOf(op);
  }

  Location loc = ops.back().getLoc();
  SymbolRefAttr symbol;
  {
    OpBuilder::InsertionGuard guard(builder);
    Outliner::Kernel kernel = outliner.begin(builder, loc, arguments.types());
    RowEmitter emitter(builder, serial, kernel.row);
    for (auto [tensor, position] : wholeAt)
      emitter.bindWhole(tensor, kernel.function.getArgument(position));
    OpBuilder entry =
        OpBuilder::atBlockBegin(&kernel.function.getBody().front());
    for (Value tensor : locals) {
      MemRefType type = bufferTypeOf(tensor.getType());
      if (!serial)
        type = MemRefType::get(type.getShape().drop_front(),
                               type.getElementType());
      emitter.bindRow(tensor, memref::AllocaOp::create(entry, loc, type));
    }
    for (linalg::GenericOp op : ops)
      emitter.emit(op);
    symbol = outliner.finish(kernel, description);
  }
  arguments.launch(builder, loc, symbol, extent, arguments.costOf(flops));
  ops.clear();
  accesses.clear();
  return success();
}

} // namespace pfc
