//===- HeadBuilder.cpp - Embeddings and labels to the loss ----------------===//
//
//   labels, step ─▶ sample_centers ─▶ indices, counts, columns
//   head.weight  ─▶ gather_rows ─▶ normalize ─┐
//   embeddings   ─▶ normalize ────────────────┴▶ cosine_logits ─▶ margin ─▶
//                                                softmax_cross_entropy ─▶ loss
//
// and with AdaFace, whose margins are the batch's,
//
//   embeddings ─▶ row_norms ─▶ adaptive_margins ─▶ margin
//
//===----------------------------------------------------------------------===//
#include "frontend/graph/HeadBuilder.h"
#include "frontend/graph/Initializers.h"
#include "frontend/graph/LayerBuilder.h"
#include "runtime/base/ClassPermutation.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace pfc;
using namespace mlir;

/// Slots of a sample of `count`: rows of logits in 16 bits are then multiples
/// of 16 bytes, which products on tensor cores want. A small sample stays as it
/// is.
static int64_t slotsFor(int64_t count) {
  constexpr int64_t ofAccess = 8, small = 64;
  return count < small ? count : llvm::alignTo(count, ofAccess);
}

int64_t pfc::sampleCapacity(const TrainSpec &spec) {
  int64_t ranks = spec.cluster.worldSize;
  int64_t rows = (spec.head.classes + ranks - 1) / ranks;
  if (spec.head.sampleRate == 1.0)
    return slotsFor(rows);
  // All positives are kept: as many as the batch has images, in the worst
  // case all on one rank.
  int64_t sampled = std::floor(spec.head.sampleRate * double(rows));
  return slotsFor(
      std::min(rows, std::max(sampled, std::min(spec.globalBatch(), rows))));
}

/// Where going through the rows of a rank, which one multiprocessor or thread
/// does, would take a millisecond.
static Draw drawOf(const TrainSpec &spec) {
  constexpr int64_t manyRows = 500'000;
  const HeadSpec &head = spec.head;
  int64_t rows = llvm::divideCeil(head.classes, spec.cluster.worldSize);
  bool chosen = head.sampleRate < 1.0 && rows > manyRows &&
                rows <= rt::ClassPermutation::maxShard;
  bool permuted = head.sampling == SamplingSpec::Permutation ||
                  (head.sampling == SamplingSpec::Auto && chosen);
  return permuted ? Draw::Permutation : Draw::Keys;
}

double pfc::logitShift(double scale, int64_t classes) {
  return std::max(0.0, scale + std::log(double(classes)) - 88.0);
}

static MarginAttr marginAttr(MLIRContext *context, const MarginSpec &margin) {
  auto gradient = margin.gradient == MarginGradientSpec::Exact
                      ? MarginGradient::Exact
                      : MarginGradient::StraightThrough;
  return MarginAttr::get(context, margin.m1.value_or(1), margin.m2.value_or(0),
                         margin.m3.value_or(0), margin.scale, gradient,
                         margin.filter);
}

namespace {
/// Types and locations of the head's ops.
struct HeadTypes {
  OpBuilder &builder;
  const SpecLocations &locations;

  RankedTensorType floats(ArrayRef<int64_t> shape) const {
    return RankedTensorType::get(shape, builder.getF32Type());
  }
  RankedTensorType integers(int64_t size) const {
    return RankedTensorType::get({size}, builder.getI64Type());
  }
  /// Named after the op, at the key that decides it.
  Location at(StringRef name, StringRef path) const {
    return NameLoc::get(builder.getStringAttr(name), locations.of(path));
  }
};
} // namespace

/// The rows of W that take part: all of them gathered, in the order of the
/// columns of the logits.
static Value gatherCenters(const HeadTypes &types, const TrainSpec &spec,
                           Value indices) {
  OpBuilder &builder = types.builder;
  int64_t classes = spec.head.classes, size = spec.model.embeddingSize;
  RankedTensorType type = types.floats({classes, size});
  if (spec.head.weight == StorageSpec::BF16)
    type = type.clone(builder.getBF16Type());
  Value table = VariableOp::create(
      builder, types.at("head.weight", "head.classes"), type, "head.weight",
      Role::Parameter, centersInit(builder.getContext()), ExportAttr(),
      builder.getI64IntegerAttr(classes), /*sharded=*/true,
      /*host=*/spec.head.placement == PlacementSpec::Host);
  return GatherRowsOp::create(
      builder, types.at("head.centers", "head.sample_rate"),
      types.floats({shapeOf(indices)[0], size}), table, indices);
}

/// AdaFace's margins of the batch; its running statistics are state.
static Value adaptiveMargins(const HeadTypes &types, const MarginSpec &margin,
                             Value embeddings) {
  OpBuilder &builder = types.builder;
  Location loc = types.at("head.margin", "head.margin.type");
  auto statistic = [&](StringRef name, double start) {
    return VariableOp::create(
        builder, types.at(name, "head.margin.type"), types.floats({1}), name,
        Role::Buffer, constantInit(builder.getContext(), start), ExportAttr(),
        /*rows=*/IntegerAttr(), /*sharded=*/false, /*host=*/false);
  };
  // As AdaFace's code starts them.
  Value mean = statistic("head.norm_mean", 20.0);
  Value std = statistic("head.norm_std", 100.0);
  int64_t batch = shapeOf(embeddings)[0];
  Value norms =
      RowNormsOp::create(builder, loc, types.floats({batch}), embeddings);
  auto margins = AdaptiveMarginsOp::create(
      builder, loc, types.floats({batch, 2}), mean.getType(), std.getType(),
      norms, mean, std, llvm::APFloat(*margin.m), llvm::APFloat(*margin.h),
      llvm::APFloat(*margin.tAlpha));
  AssignOp::create(builder, loc, "head.norm_mean", margins.getNewMean());
  AssignOp::create(builder, loc, "head.norm_std", margins.getNewStd());
  return margins.getMargins();
}

Value pfc::buildHead(OpBuilder &builder, const LoadedSpec &loaded,
                     Value embeddings, Value labels, Value step) {
  const TrainSpec &spec = loaded.spec;
  HeadTypes types{builder, loaded.locations};
  int64_t ranks = spec.cluster.worldSize, capacity = sampleCapacity(spec);
  int64_t columns = ranks * capacity, batch = shapeOf(embeddings)[0];

  auto sample = SampleCentersOp::create(
      builder, types.at("head.sample", "head.sample_rate"),
      types.integers(columns), types.integers(ranks), types.integers(batch),
      labels, step, spec.head.classes, llvm::APFloat(spec.head.sampleRate),
      spec.train.seed, capacity, drawOf(spec));
  Value centers = gatherCenters(types, spec, sample.getIndices());

  Location cosineLoc = types.at("head.cosine", "head");
  Value x =
      NormalizeOp::create(builder, cosineLoc, embeddings.getType(), embeddings);
  Value w = NormalizeOp::create(builder, cosineLoc, centers.getType(), centers);
  Value cosines = CosineLogitsOp::create(builder, cosineLoc,
                                         types.floats({batch, columns}), x, w);
  Value rowMargins;
  if (spec.head.margin.type == MarginType::AdaFace)
    rowMargins = adaptiveMargins(types, spec.head.margin, embeddings);
  Location marginLoc = types.at("head.margin", "head.margin");
  Value logits = MarginOp::create(
      builder, marginLoc, cosines.getType(), cosines, sample.getColumns(),
      rowMargins, marginAttr(builder.getContext(), spec.head.margin));
  auto loss = SoftmaxCrossEntropyOp::create(
      builder, types.at("loss", "head.margin"), types.floats({1}),
      types.floats({batch, 2}), logits, sample.getColumns(), sample.getCounts(),
      llvm::APFloat(logitShift(spec.head.margin.scale, spec.head.classes)));
  return loss.getLoss();
}
