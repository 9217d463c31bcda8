//===- SweepKernel.cpp - The generated code of a sweep --------------------===//
//
// The bodies that a sweep's ops have for themselves are generics of two kinds:
//
//   members   over all elements of the activations: what an op does to each,
//             and sums over each image
//   sides     small ones: factors of a channel before, sums over images after
//
// The members become one generic, whose results are the activations that the
// sweep yields and the sums. A side that reads activations, as the shift of
// batch_stats does, computes them again where it reads them.
//
//===----------------------------------------------------------------------===//
#include "dialects/pfc/ir/KernelBuilder.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace pfc {
namespace {

using linalg::GenericOp;

bool isElementwise(GenericOp op) {
  return op.getNumParallelLoops() == op.getNumLoops();
}

/// Generics whose element-wise results others may compute for themselves.
class Inliner {
public:
  void addMember(GenericOp op) {
    if (isElementwise(op))
      inlinable.insert_range(op->getResults());
  }
  bool isInlinable(Value value) const { return inlinable.contains(value); }

  /// One generic with `outputs`, results of generics over the same loops.
  GenericOp merge(OpBuilder &builder, Location loc, ArrayRef<Value> outputs);

private:
  /// A tensor and where the loops are in it.
  using Element = std::pair<Value, AffineMap>;

  void collect(Element element);
  Value emit(OpBuilder &builder, Element element);
  SmallVector<Value> emitBody(OpBuilder &builder, GenericOp op, AffineMap at,
                              ValueRange outs);

  llvm::DenseSet<Value> inlinable;
  llvm::SetVector<Element> inputs; ///< of the generic being built
  llvm::DenseMap<Element, Value> scalars;
};

/// Finds what must be read for `element`.
void Inliner::collect(Element element) {
  auto [tensor, map] = element;
  if (!isInlinable(tensor)) {
    inputs.insert(element);
    return;
  }
  auto producer = tensor.getDefiningOp<GenericOp>();
  for (OpOperand *input : producer.getDpsInputOperands())
    collect(
        {input->get(), producer.getMatchingIndexingMap(input).compose(map)});
}

/// What `op` yields where its loops are at `at`.
SmallVector<Value> Inliner::emitBody(OpBuilder &builder, GenericOp op,
                                     AffineMap at, ValueRange outs) {
  IRMapping mapping;
  Block *body = op.getBody();
  for (auto [i, input] : llvm::enumerate(op.getDpsInputOperands()))
    mapping.map(body->getArgument(i),
                emit(builder, {input->get(),
                               op.getMatchingIndexingMap(input).compose(at)}));
  if (!outs.empty())
    mapping.map(body->getArguments().drop_front(op.getNumDpsInputs()), outs);
  for (Operation &inner : body->without_terminator())
    builder.clone(inner, mapping);
  return llvm::map_to_vector(
      body->getTerminator()->getOperands(),
      [&](Value value) { return mapping.lookupOrDefault(value); });
}

Value Inliner::emit(OpBuilder &builder, Element element) {
  if (Value known = scalars.lookup(element))
    return known;
  auto producer = element.first.getDefiningOp<GenericOp>();
  SmallVector<Value> values = emitBody(builder, producer, element.second, {});
  for (auto [result, value] : llvm::zip(producer->getResults(), values))
    scalars[{result, element.second}] = value;
  return scalars.lookup(element);
}

GenericOp Inliner::merge(OpBuilder &builder, Location loc,
                         ArrayRef<Value> outputs) {
  unsigned loops = outputs.front().getDefiningOp<GenericOp>().getNumLoops();
  AffineMap identity = builder.getMultiDimIdentityMap(loops);
  SmallVector<utils::IteratorType> iterators(loops,
                                             utils::IteratorType::parallel);
  inputs.clear();
  scalars.clear();
  SmallVector<Value> inits;
  SmallVector<AffineMap> outputMaps;
  for (Value output : outputs) {
    auto producer = output.getDefiningOp<GenericOp>();
    auto result = cast<OpResult>(output);
    inits.push_back(producer.getDpsInits()[result.getResultNumber()]);
    outputMaps.push_back(producer.getIndexingMapMatchingResult(result));
    for (OpOperand *input : producer.getDpsInputOperands())
      collect({input->get(),
               producer.getMatchingIndexingMap(input).compose(identity)});
    for (auto [d, kind] : llvm::enumerate(producer.getIteratorTypesArray()))
      if (kind == utils::IteratorType::reduction)
        iterators[d] = kind;
  }
  SmallVector<Value> operands;
  SmallVector<AffineMap> maps;
  for (auto [tensor, map] : inputs) {
    operands.push_back(tensor);
    maps.push_back(map);
  }
  llvm::append_range(maps, outputMaps);
  return GenericOp::create(
      builder, loc, ValueRange(inits).getTypes(), operands, inits, maps,
      iterators, [&](OpBuilder &nested, Location, ValueRange arguments) {
        for (auto [element, argument] : llvm::zip(inputs, arguments))
          scalars[element] = argument;
        ValueRange outs = arguments.drop_front(inputs.size());
        SmallVector<Value> yielded;
        while (yielded.size() < outputs.size()) {
          Value output = outputs[yielded.size()];
          if (isInlinable(output)) {
            yielded.push_back(emit(nested, {output, identity}));
            continue;
          }
          auto producer = output.getDefiningOp<GenericOp>();
          llvm::append_range(
              yielded,
              emitBody(nested, producer, identity,
                       outs.slice(yielded.size(), producer->getNumResults())));
        }
        linalg::YieldOp::create(nested, loc, yielded);
      });
}

/// The generics of one sweep's ops, about to become one and its sides.
class SweepBuilder {
public:
  SweepBuilder(SweepOp sweep, OpBuilder &builder)
      : sweep(sweep), builder(builder), shape(sweptShape(sweep)) {}

  /// Builds the bodies of all ops; maps what they compute.
  LogicalResult expand(IRMapping &mapping);
  void inlineIntoSides();
  /// `yielded` are the sweep's results; they are replaced by the merged ones.
  void mergeMembers(MutableArrayRef<Value> yielded);

private:
  void addGenerics(Operation *from, Operation *to, StringRef source);
  void sinkSides(GenericOp merged);

  SweepOp sweep;
  OpBuilder &builder;
  ArrayRef<int64_t> shape;
  Inliner inliner;
  SmallVector<GenericOp> members, sides;
  SmallVector<StringRef> sources;
};

/// Sorts the generics in [from, to).
void SweepBuilder::addGenerics(Operation *from, Operation *to,
                               StringRef source) {
  for (Operation *op = from; op != to; op = op->getNextNode()) {
    auto generic = dyn_cast<GenericOp>(op);
    if (!generic)
      continue;
    generic->setAttr(kernelSourceAttrName, builder.getStringAttr(source));
    if (ArrayRef<int64_t>(generic.getStaticLoopRanges()) != shape) {
      sides.push_back(generic);
      continue;
    }
    members.push_back(generic);
    inliner.addMember(generic);
  }
}

LogicalResult SweepBuilder::expand(IRMapping &mapping) {
  for (Operation &op : sweep.getBody().front().without_terminator()) {
    Operation *clone = builder.clone(op, mapping);
    SmallVector<Value> values;
    LogicalResult built =
        cast<KernelBodyOpInterface>(clone).buildKernelBody(builder, values);
    StringRef source = op.getName().stripDialect();
    if (!llvm::is_contained(sources, source))
      sources.push_back(source);
    if (succeeded(built)) {
      addGenerics(clone, sweep, source);
      mapping.map(op.getResults(), values);
    }
    clone->erase();
    if (failed(built))
      return failure();
  }
  return success();
}

/// Sides that read what members compute.
void SweepBuilder::inlineIntoSides() {
  for (GenericOp &side : sides) {
    if (llvm::none_of(side.getDpsInputs(),
                      [&](Value input) { return inliner.isInlinable(input); }))
      continue;
    builder.setInsertionPoint(side);
    SmallVector<Value> results(side->getResults());
    GenericOp inlined = inliner.merge(builder, side.getLoc(), results);
    inlined->setAttr(kernelSourceAttrName, side->getAttr(kernelSourceAttrName));
    side->replaceAllUsesWith(inlined);
    side->erase();
    side = inlined;
  }
  builder.setInsertionPoint(sweep);
}

/// Moves the sides that follow from the merged generic behind it.
void SweepBuilder::sinkSides(GenericOp merged) {
  llvm::DenseSet<Operation *> after{merged};
  for (GenericOp side : sides) {
    bool follows = llvm::any_of(side.getDpsInputs(), [&](Value input) {
      return after.contains(input.getDefiningOp());
    });
    if (!follows)
      continue;
    side->moveBefore(sweep);
    after.insert(side);
  }
}

void SweepBuilder::mergeMembers(MutableArrayRef<Value> yielded) {
  SmallVector<Value> outputs;
  for (GenericOp member : members)
    for (Value result : member->getResults())
      if (!isElementwise(member) || llvm::is_contained(yielded, result))
        outputs.push_back(result);
  GenericOp merged = inliner.merge(builder, sweep.getLoc(), outputs);
  merged->setAttr(kernelSourceAttrName,
                  builder.getStringAttr(llvm::join(sources, ", ")));
  for (auto [from, to] : llvm::zip(outputs, merged->getResults())) {
    from.replaceAllUsesWith(to);
    llvm::replace(yielded, from, Value(to));
  }
  for (GenericOp member : llvm::reverse(members))
    member->erase();
  sinkSides(merged);
}

} // namespace

LogicalResult SweepOp::buildKernelBody(OpBuilder &builder,
                                       SmallVectorImpl<Value> &results) {
  IRMapping mapping;
  mapping.map(getBody().getArguments(), getInputs());
  SweepBuilder sweep(*this, builder);
  if (failed(sweep.expand(mapping)))
    return failure();
  sweep.inlineIntoSides();
  for (Value yielded : getYielded())
    results.push_back(mapping.lookup(yielded));
  sweep.mergeMembers(results);
  return success();
}

} // namespace pfc
