//===- BucketStatistics.cpp - pfc-bucket-statistics -----------------------===//
//
//   mean ─▶ [all_gather ─┐
//   var  ─▶ [all_gather ─┴─▶ merge_stats ─▶] 2 moving_average ─▶ 2 assign
// n times, for n batch norms, becomes
//   means ─▶ bucket ─▶ [all_gather ─┐
//   vars  ─▶ bucket ─▶ [all_gather ─┴─▶ merge_stats ─▶] 2 moving_average ─▶
//   2 unbucket ─▶ 2n assign
//
//===----------------------------------------------------------------------===//
#include "passes/Passes.h"

#include "llvm/ADT/MapVector.h"

namespace pfc {
#define GEN_PASS_DEF_BUCKETSTATISTICSPASS
#include "passes/Passes.h.inc"
} // namespace pfc

using namespace mlir;
using namespace pfc;

namespace {

/// The running statistics of one batch norm, mean and variance, and what leads
/// to them.
struct Member {
  MovingAverageOp updates[2];
  MergeStatsOp merge;            ///< null: not gathered, or merged before
  shard::AllGatherOp gathers[2]; ///< null: not gathered

  /// The statistic of this rank's batch.
  Value own(unsigned i) {
    return gathers[i] ? gathers[i].getInput() : updates[i].getValue();
  }
};

/// What the members of a bucket have in common.
using MemberForm = std::vector<const void *>;

class StatisticsBuilder {
public:
  explicit StatisticsBuilder(func::FuncOp function)
      : function(function), builder(function) {}

  void run();

private:
  void build(MutableArrayRef<Member> members, unsigned number);
  Value buildBucket(ArrayRef<Value> tensors);
  void buildUpdate(MutableArrayRef<Member> members, unsigned i, Value value);

  func::FuncOp function;
  OpBuilder builder;
  Location loc = UnknownLoc::get(function.getContext());
};

} // namespace

static bool fills(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  return type.getRank() == 2 && type.getDimSize(0) == 1 &&
         fillsBucketRows(type);
}

/// Whether the update of a running statistic, which nobody else reads.
static bool isUpdate(MovingAverageOp op) {
  auto variable = op.getAverage().getDefiningOp<VariableOp>();
  auto assign = op.getResult().hasOneUse()
                    ? dyn_cast<AssignOp>(*op.getResult().user_begin())
                    : AssignOp();
  return variable && assign && assign.getName() == variable.getName() &&
         fills(op.getResult());
}

static MovingAverageOp onlyUpdate(Value statistic) {
  auto update = statistic.hasOneUse()
                    ? dyn_cast<MovingAverageOp>(*statistic.user_begin())
                    : MovingAverageOp();
  return update && isUpdate(update) ? update : MovingAverageOp();
}

static shard::AllGatherOp onlyGather(Value statistics) {
  auto gather = statistics.getDefiningOp<shard::AllGatherOp>();
  return gather && statistics.hasOneUse() && gather.getInput().getDefiningOp()
             ? gather
             : shard::AllGatherOp();
}

/// Those of all ranks, merged for nothing else.
static std::optional<Member> memberOf(MergeStatsOp merge) {
  Member member{{onlyUpdate(merge.getMergedMean()),
                 onlyUpdate(merge.getMergedVariance())},
                merge,
                {onlyGather(merge.getMean()), onlyGather(merge.getVariance())}};
  for (unsigned i = 0; i < 2; ++i)
    if (!member.updates[i] || !member.gathers[i])
      return std::nullopt;
  return member;
}

static bool isMean(MovingAverageOp op) {
  return op.getScale().isExactlyValue(1.0);
}

/// Of statistics that nobody has to gather: a mean, and the variance behind it.
static std::optional<Member> memberOf(MovingAverageOp mean) {
  auto value = dyn_cast<OpResult>(mean.getValue());
  if (!value || !isMean(mean) || !isUpdate(mean))
    return std::nullopt;
  Operation *statistics = value.getOwner();
  auto merge = dyn_cast<MergeStatsOp>(statistics);
  if (isa<VariableOp>(statistics) || (merge && memberOf(merge)) ||
      value.getResultNumber() + 1 == statistics->getNumResults())
    return std::nullopt;
  Value variance = statistics->getResult(value.getResultNumber() + 1);
  for (Operation *user : variance.getUsers())
    if (auto update = dyn_cast<MovingAverageOp>(user);
        update && isUpdate(update))
      return Member{{mean, update}, {}, {}};
  return std::nullopt;
}

static MemberForm formOf(Member &member) {
  MemberForm form;
  for (unsigned i = 0; i < 2; ++i) {
    Operation *gather = member.gathers[i];
    form.push_back(member.updates[i]->getAttrDictionary().getAsOpaquePointer());
    form.push_back(gather ? gather->getAttrDictionary().getAsOpaquePointer()
                          : nullptr);
  }
  return form;
}

Value StatisticsBuilder::buildBucket(ArrayRef<Value> tensors) {
  int64_t elements = 0;
  for (Value tensor : tensors)
    elements += cast<RankedTensorType>(tensor.getType()).getNumElements();
  auto like = cast<RankedTensorType>(tensors.front().getType());
  return BucketOp::create(builder, loc, like.clone({1, elements}), tensors);
}

/// The running statistic `i` of all, moved towards `value`.
void StatisticsBuilder::buildUpdate(MutableArrayRef<Member> members, unsigned i,
                                    Value value) {
  SmallVector<Value> averages;
  for (Member &member : members)
    averages.push_back(member.updates[i].getAverage());
  MovingAverageOp like = members.front().updates[i];
  auto update = MovingAverageOp::create(
      builder, loc, value.getType(), buildBucket(averages), value,
      like.getMomentumAttr(), like.getScaleAttr());
  SmallVector<Type> types(ValueRange(averages).getTypes());
  auto tensors = UnbucketOp::create(builder, loc, types, update.getResult());
  for (auto [member, tensor] : llvm::zip(members, tensors.getTensors())) {
    Value single = member.updates[i].getResult();
    (*single.user_begin())->moveAfter(tensors);
    single.replaceAllUsesWith(tensor);
  }
}

void StatisticsBuilder::build(MutableArrayRef<Member> members,
                              unsigned number) {
  loc =
      NameLoc::get(builder.getStringAttr("statistics" + std::to_string(number)),
                   function.getLoc());
  SmallVector<Value> own[2];
  Operation *last = members.front().own(0).getDefiningOp();
  for (Member &member : members)
    for (unsigned i = 0; i < 2; ++i) {
      own[i].push_back(member.own(i));
      for (Operation *before : {own[i].back().getDefiningOp(),
                                member.updates[i].getAverage().getDefiningOp()})
        if (last->isBeforeInBlock(before))
          last = before;
    }
  builder.setInsertionPointAfter(last);
  Value values[2] = {buildBucket(own[0]), buildBucket(own[1])};
  Member &first = members.front();
  if (first.merge) {
    auto type = cast<RankedTensorType>(values[0].getType());
    int64_t ranks = first.gathers[0].getResult().getType().getDimSize(0);
    for (unsigned i = 0; i < 2; ++i) {
      auto gather = cast<shard::AllGatherOp>(builder.clone(*first.gathers[i]));
      gather->setLoc(loc);
      gather->setOperand(0, values[i]);
      gather.getResult().setType(type.clone({ranks, type.getDimSize(1)}));
      values[i] = gather.getResult();
    }
    auto merge =
        MergeStatsOp::create(builder, loc, type, type, values[0], values[1]);
    values[0] = merge.getMergedMean(), values[1] = merge.getMergedVariance();
  }
  for (unsigned i = 0; i < 2; ++i)
    buildUpdate(members, i, values[i]);
  for (Member &member : members) {
    for (MovingAverageOp update : member.updates)
      update.erase();
    if (!member.merge)
      continue;
    member.merge.erase();
    for (shard::AllGatherOp gather : member.gathers)
      gather.erase();
  }
}

void StatisticsBuilder::run() {
  llvm::MapVector<MemberForm, SmallVector<Member>,
                  std::map<MemberForm, unsigned>>
      buckets;
  for (Operation &op : function.getBody().front()) {
    std::optional<Member> member;
    if (auto merge = dyn_cast<MergeStatsOp>(op))
      member = memberOf(merge);
    else if (auto mean = dyn_cast<MovingAverageOp>(op))
      member = memberOf(mean);
    if (member)
      buckets[formOf(*member)].push_back(*member);
  }
  unsigned number = 0;
  for (auto &[form, members] : buckets)
    if (members.size() > 1)
      build(members, number++);
}

namespace {
struct BucketStatisticsPass
    : public pfc::impl::BucketStatisticsPassBase<BucketStatisticsPass> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      StatisticsBuilder(function).run();
  }
};
} // namespace
