//===- BucketUpdates.cpp - pfc-bucket-updates -----------------------------===//
//
//   gradient ─▶ [all_reduce] ─▶ sgd        (or adamw) n times, and for clipping
//                    └─▶ sum_squares ─▶ add … add
// becomes
//   gradients ─▶ bucket ─▶ [all_reduce] ─▶ sgd ─▶ unbucket
//                               └─▶ sum_squares ─▶ add …
// and where products take the parameters in 16 bits
//   parameters ─▶ bucket ─▶ cast ─▶ unbucket
//
//===----------------------------------------------------------------------===//
#include "passes/Passes.h"

#include "llvm/ADT/SetVector.h"

#include <cmath>

namespace pfc {
#define GEN_PASS_DEF_BUCKETUPDATESPASS
#include "passes/Passes.h.inc"
} // namespace pfc

using namespace mlir;
using namespace pfc;

namespace {

/// An update, and what leads to it.
struct Member {
  OptimizerOpInterface update;
  Value gradient;           ///< before the sum over ranks
  shard::AllReduceOp ranks; ///< null: none
  SumSquaresOp norm;        ///< null: no clipping

  RankedTensorType type() { return cast<RankedTensorType>(gradient.getType()); }
  int64_t bytes() {
    return type().getNumElements() * (type().getElementTypeBitWidth() / 8);
  }
};

struct Bucket {
  SmallVector<Member> members;
  int64_t bytes = 0;
  SumSquaresOp norm;
};

/// What the members of a bucket have in common.
using UpdateForm = SmallVector<const void *>;

class BucketBuilder {
public:
  BucketBuilder(func::FuncOp function, const BucketUpdatesPassOptions &options)
      : function(function), options(options), builder(function) {}

  void run();

private:
  void fill();
  void build(Bucket &bucket, unsigned number);
  Value buildBucket(Location loc, ArrayRef<Value> tensors);
  Value buildGradients(Bucket &bucket, Location loc);
  Value sumOverRanks(shard::AllReduceOp like, Value gradients, Location loc);
  Value widen(Value sum, Bucket &bucket, Location loc);
  void buildUpdate(Bucket &bucket, Value gradients, Location loc);
  void buildCast(Bucket &bucket, Location loc);
  void rebuildSum(Value total);

  func::FuncOp function;
  const BucketUpdatesPassOptions &options;
  OpBuilder builder;
  SmallVector<Bucket> buckets;
  llvm::DenseMap<Operation *, unsigned> bucketOf; ///< of a sum_squares
  llvm::SmallSetVector<Value, 1> totals;          ///< of gradient norms
};

} // namespace

/// The end of the chain of additions that `term` is in.
static Value totalOf(Value term) {
  while (term.hasOneUse() && isa<AddOp>(*term.user_begin()))
    term = term.user_begin()->getResult(0);
  return term;
}

/// `update` as a member, if it may be one.
static std::optional<Member> memberOf(OptimizerOpInterface update) {
  for (Value variable : update.getVariables())
    if (!variable.getDefiningOp<VariableOp>())
      return std::nullopt;
  for (Value result : update->getResults())
    if (!result.hasOneUse() || !isa<AssignOp>(*result.user_begin()))
      return std::nullopt;
  Member member{update, update.getGradient(), {}, {}};
  for (Operation *user : member.gradient.getUsers()) {
    auto norm = dyn_cast<SumSquaresOp>(user);
    if ((user != update && !norm) || (norm && member.norm))
      return std::nullopt; // someone else reads it
    if (norm)
      member.norm = norm;
  }
  auto ranks = member.gradient.getDefiningOp<shard::AllReduceOp>();
  if (ranks && ranks.getInput().hasOneUse() &&
      ranks.getInput().getType() == member.gradient.getType()) {
    member.ranks = ranks;
    member.gradient = ranks.getInput();
  }
  if (!member.gradient.getDefiningOp() || !fillsBucketRows(member.type()))
    return std::nullopt;
  return member;
}

static UpdateForm formOf(Member &member) {
  Operation *ranks = member.ranks;
  OptimizerOpInterface update = member.update;
  UpdateForm form{
      update->getName().getAsOpaquePointer(),
      member.type().getElementType().getAsOpaquePointer(),
      update->getAttrDictionary().getAsOpaquePointer(),
      ranks ? ranks->getAttrDictionary().getAsOpaquePointer() : nullptr,
      member.norm ? totalOf(member.norm.getOutput()).getAsOpaquePointer()
                  : nullptr};
  size_t tensors = update.getVariables().size() + 1; // and the gradient
  for (Value scalar : update->getOperands().drop_front(tensors))
    form.push_back(scalar.getAsOpaquePointer());
  return form;
}

namespace {

/// What a network makes of buckets, of which each costs a latency.
struct BucketSizes {
  double full; ///< bytes that fill one
  double tail; ///< that the last one has at most: nothing hides its sum

  BucketSizes(double all, const BucketUpdatesPassOptions &options) {
    // all / full latencies, and the time of the last but one, which the tail's
    // layers may not hide, are least together where they are equal.
    const double perLatency = options.latency * options.networkBandwidth;
    full = options.bucketBytes > 0 ? static_cast<double>(options.bucketBytes)
                                   : std::sqrt(all * perLatency);
    tail = std::min(perLatency, full / 4);
  }
};

/// Updates of one form, and the bucket of them that is being filled.
struct OpenBucket {
  UpdateForm form;
  double left = 0; ///< bytes of those that are in no bucket yet
  Bucket bucket = {};
};

} // namespace

/// Fills buckets in the order of the updates, which is that of the backward
/// pass.
void BucketBuilder::fill() {
  SmallVector<std::pair<Member, unsigned>> members; // and which of `open`
  SmallVector<OpenBucket> open;
  double all = 0;
  for (auto update : function.getOps<OptimizerOpInterface>()) {
    std::optional<Member> member = memberOf(update);
    if (!member)
      continue;
    UpdateForm form = formOf(*member);
    auto *found = llvm::find_if(
        open, [&](OpenBucket &entry) { return entry.form == form; });
    if (found == open.end())
      found = &open.emplace_back(OpenBucket{form});
    found->left += static_cast<double>(member->bytes());
    all += static_cast<double>(member->bytes());
    members.emplace_back(*member, found - open.begin());
  }
  const BucketSizes sizes(all, options);
  auto close = [&](Bucket &bucket) {
    // One alone stays as it is, but where it goes over the wire in bf16.
    bool narrows = options.narrow && !bucket.members.empty() &&
                   bucket.members.front().ranks;
    if (bucket.members.size() > 1 || narrows)
      buckets.push_back(std::move(bucket));
    bucket = Bucket();
  };
  for (auto &[member, number] : members) {
    auto &[form, left, bucket] = open[number];
    bucket.members.push_back(member);
    bucket.bytes += member.bytes();
    bool wasTail = left <= sizes.tail;
    left -= static_cast<double>(member.bytes());
    bool isTail = left <= sizes.tail; // what comes behind this one
    if (static_cast<double>(bucket.bytes) >= sizes.full || (isTail && !wasTail))
      close(bucket);
  }
  for (OpenBucket &entry : open)
    close(entry.bucket);
}

Value BucketBuilder::buildBucket(Location loc, ArrayRef<Value> tensors) {
  int64_t elements = 0;
  for (Value tensor : tensors)
    elements += cast<RankedTensorType>(tensor.getType()).getNumElements();
  Type element =
      cast<RankedTensorType>(tensors.front().getType()).getElementType();
  return BucketOp::create(builder, loc,
                          RankedTensorType::get({elements}, element), tensors);
}

Value BucketBuilder::sumOverRanks(shard::AllReduceOp like, Value gradients,
                                  Location loc) {
  auto sum = cast<shard::AllReduceOp>(builder.clone(*like));
  sum->setLoc(loc);
  sum->setOperand(0, gradients);
  sum.getResult().setType(cast<RankedTensorType>(gradients.getType()));
  return sum.getResult();
}

/// `sum` in fp32, where it is first read: until then it is under way.
Value BucketBuilder::widen(Value sum, Bucket &bucket, Location loc) {
  SumSquaresOp norm = bucket.members.front().norm;
  builder.setInsertionPoint(norm ? totalOf(norm.getOutput()).getDefiningOp()
                                 : bucket.members.back().update);
  auto type = cast<RankedTensorType>(sum.getType());
  return CastOp::create(builder, loc, type.clone(builder.getF32Type()), sum);
}

/// The gradients, summed over the ranks, right behind the last of them.
Value BucketBuilder::buildGradients(Bucket &bucket, Location loc) {
  SmallVector<Value> gradients;
  Operation *last = bucket.members.front().gradient.getDefiningOp();
  for (Member &member : bucket.members) {
    gradients.push_back(member.gradient);
    Operation *producer = member.gradient.getDefiningOp();
    if (last->isBeforeInBlock(producer))
      last = producer;
  }
  builder.setInsertionPointAfter(last);
  Value all = buildBucket(loc, gradients);
  shard::AllReduceOp ranks = bucket.members.front().ranks;
  auto type = cast<RankedTensorType>(all.getType());
  if (!ranks)
    return all;
  if (!options.narrow || !type.getElementType().isF32())
    return sumOverRanks(ranks, all, loc);
  Value narrowed =
      CastOp::create(builder, loc, type.clone(builder.getBF16Type()), all);
  return widen(sumOverRanks(ranks, narrowed, loc), bucket, loc);
}

/// One update where the last was, and the new values' assignments behind it.
void BucketBuilder::buildUpdate(Bucket &bucket, Value gradients, Location loc) {
  OptimizerOpInterface last = bucket.members.back().update;
  builder.setInsertionPoint(last);
  Operation *update = builder.clone(*last);
  update->setLoc(loc);
  const unsigned variables = update->getNumResults(); // parameters, momenta, …
  for (unsigned i = 0; i < variables; ++i) {
    SmallVector<Value> old;
    SmallVector<Type> types;
    for (Member &member : bucket.members) {
      old.push_back(member.update->getOperand(i));
      types.push_back(old.back().getType());
    }
    builder.setInsertionPoint(update);
    update->setOperand(i, buildBucket(loc, old));
    Value result = update->getResult(i);
    result.setType(gradients.getType());
    builder.setInsertionPoint(last);
    auto tensors = UnbucketOp::create(builder, loc, types, result);
    for (auto [member, tensor] :
         llvm::zip(bucket.members, tensors.getTensors())) {
      Value single = member.update->getResult(i);
      (*single.user_begin())->moveBefore(last);
      single.replaceAllUsesWith(tensor);
    }
  }
  update->setOperand(variables, gradients);
}

namespace {
/// The parameters of a bucket in 16 bits.
struct NarrowParameters {
  SmallVector<Value> parameters;
  SmallVector<Type> types;
  SmallVector<std::pair<CastOp, unsigned>> casts; ///< of which parameter

  /// Whether several are cast, and all could be.
  bool find(Bucket &bucket);
  Operation *first();
};
} // namespace

bool NarrowParameters::find(Bucket &bucket) {
  Type element;
  for (auto [i, member] : llvm::enumerate(bucket.members)) {
    parameters.push_back(member.update.getVariables().front());
    for (Operation *user : parameters.back().getUsers()) {
      auto cast = dyn_cast<CastOp>(user);
      if (!cast)
        continue;
      Type narrow = getElementTypeOrSelf(cast.getOutput().getType());
      if (element && narrow != element)
        return false;
      element = narrow;
      casts.emplace_back(cast, i);
    }
  }
  if (casts.size() < 2)
    return false;
  return llvm::all_of(parameters, [&](Value parameter) {
    auto type = cast<RankedTensorType>(parameter.getType()).clone(element);
    types.push_back(type);
    return fillsBucketRows(type);
  });
}

Operation *NarrowParameters::first() {
  Operation *earliest = casts.front().first;
  for (auto [cast, parameter] : casts)
    if (cast->isBeforeInBlock(earliest))
      earliest = cast;
  return earliest;
}

/// All parameters in one pass, where the first is wanted.
void BucketBuilder::buildCast(Bucket &bucket, Location loc) {
  NarrowParameters narrow;
  if (!narrow.find(bucket))
    return;
  Operation *first = narrow.first();
  for (Value parameter : narrow.parameters)
    if (Operation *variable = parameter.getDefiningOp();
        first->isBeforeInBlock(variable))
      variable->moveBefore(first);
  builder.setInsertionPoint(first);
  Value all = buildBucket(loc, narrow.parameters);
  auto type = cast<RankedTensorType>(all.getType())
                  .clone(getElementTypeOrSelf(narrow.types.front()));
  Value cast = CastOp::create(builder, loc, type, all);
  auto parts = UnbucketOp::create(builder, loc, narrow.types, cast);
  for (auto [single, parameter] : narrow.casts) {
    single.getOutput().replaceAllUsesWith(parts.getTensors()[parameter]);
    single.erase();
  }
}

void BucketBuilder::build(Bucket &bucket, unsigned number) {
  std::string name = "bucket" + std::to_string(number);
  Location loc = NameLoc::get(builder.getStringAttr(name), function.getLoc());
  Location gradientLoc =
      NameLoc::get(builder.getStringAttr(name + ".grad"), function.getLoc());
  buildCast(bucket, NameLoc::get(builder.getStringAttr(name + ".narrow"),
                                 function.getLoc()));
  Value gradients = buildGradients(bucket, gradientLoc);
  buildUpdate(bucket, gradients, loc);
  if (SumSquaresOp norm = bucket.members.front().norm) {
    Value total = totalOf(norm.getOutput());
    builder.setInsertionPoint(total.getDefiningOp());
    bucket.norm =
        SumSquaresOp::create(builder, gradientLoc, norm.getType(), gradients);
    totals.insert(total);
    for (Member &member : bucket.members)
      bucketOf[member.norm] = number;
  }
  for (Member &member : bucket.members)
    member.update.erase();
}

/// `total`, a sum of squares of gradients, as one of those of buckets and of
/// the gradients in none.
void BucketBuilder::rebuildSum(Value total) {
  SmallVector<Value> open{total};
  llvm::SmallSetVector<Value, 8> terms;
  while (!open.empty()) {
    Value value = open.pop_back_val();
    auto add = value.getDefiningOp<AddOp>();
    if (add && (value == total || value.hasOneUse())) {
      open.append({add.getRhs(), add.getLhs()});
      continue;
    }
    auto bucket = bucketOf.find(value.getDefiningOp());
    terms.insert(bucket == bucketOf.end()
                     ? value
                     : buckets[bucket->second].norm.getOutput());
  }
  builder.setInsertionPoint(total.getDefiningOp());
  Value sum = terms.front();
  for (Value term : llvm::drop_begin(terms))
    sum = AddOp::create(builder, total.getLoc(), sum, term);
  total.replaceAllUsesWith(sum);
}

/// Ops that lost their last reader.
static void eraseUnread(func::FuncOp function) {
  SmallVector<Operation *> backwards;
  for (Operation &op : llvm::reverse(function.getBody().front()))
    backwards.push_back(&op);
  for (Operation *op : backwards)
    if (isa<AddOp, SumSquaresOp, shard::AllReduceOp>(op) && op->use_empty())
      op->erase();
}

void BucketBuilder::run() {
  fill();
  for (auto [number, bucket] : llvm::enumerate(buckets))
    build(bucket, number);
  for (Value total : totals)
    rebuildSum(total);
  eraseUnread(function);
}

namespace {
struct BucketUpdatesPass
    : public pfc::impl::BucketUpdatesPassBase<BucketUpdatesPass> {
  using Base::Base;

  void runOnOperation() override {
    if (bucketBytes < 0 || !(latency > 0) || !(networkBandwidth > 0)) {
      getOperation().emitError("bucket-bytes must not be below 0; latency and "
                               "network-bandwidth must be above it");
      return signalPassFailure();
    }
    BucketUpdatesPassOptions options;
    options.bucketBytes = bucketBytes;
    options.latency = latency;
    options.networkBandwidth = networkBandwidth;
    options.narrow = narrow;
    for (auto function : getOperation().getOps<func::FuncOp>())
      BucketBuilder(function, options).run();
  }
};
} // namespace
