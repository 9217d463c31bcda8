//===- TileHead.cpp - pfc-tile-head ---------------------------------------===//
//
//   for each tile of the sample, at margin_softmax:
//     Ŵ = gather_unit_rows(W, indices);  cos = X̂·Ŵᵀ
//     E, Z = margin_exp(cos, Z);         O = O + E·Ŵ
//   stats = margin_target(Z, target_cosines(X̂, W))      ─▶ (all_reduce)
//
//   dx̂, a = margin_embeddings_grad(O, stats)             ─▶ (reduce_scatter)
//   for each tile, at margin_softmax_grad:
//     E' = margin_patch(E);  W = update_rows(W, E'ᵀ·diag(a)X̂)
//
// Both gradients are linear in E, so that O needs no sum over ranks, and the
// row factors a = s/(B·Z) scale [B,D] sides alone.
//
//===----------------------------------------------------------------------===//
#include "mlir/IR/Remarks.h"
#include "passes/Passes.h"
#include "llvm/Support/MathExtras.h"

namespace pfc {
#define GEN_PASS_DEF_TILEHEADPASS
#include "passes/Passes.h.inc"
} // namespace pfc

using namespace mlir;
using namespace pfc;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

namespace {

/// The fused head, what it takes the class centers from, and their update.
struct Head {
  GatherRowsOp gather;
  MarginSoftmaxOp forward;
  MarginSoftmaxGradOp backward; ///< null, with `update`: forward alone
  UpdateRowsOp update;
  /// What the tiles take the place of, users before what they use.
  SmallVector<Operation *> replaced;

  /// Empty where it matches, else why not.
  std::string match(MarginSoftmaxOp root);

private:
  std::string matchCenters();
  std::string matchUpdate();
};

/// Some columns of the sample.
struct Tile {
  Value indices; ///< of its class centers in the table, [T]
  Value first;   ///< its first column, [1]
  Value exps;    ///< E, [B,T], while they are kept
};

class HeadTiler {
public:
  HeadTiler(Head &head, int64_t width, LogitsStrategy strategy)
      : head(head), forward(head.forward), builder(head.forward), width(width),
        strategy(strategy) {}

  /// Number of tiles.
  int64_t run();

private:
  void cut();
  Value gatherUnitRows(const Tile &tile, Value table);
  MarginExpOp makeExps(const Tile &tile, Value centers, Value sums);
  void buildForward();
  void buildBackward();
  void updateCenters(Tile &tile, Value stats, Value scaled, Value &table,
                     Value &momentum);

  Head &head;
  MarginSoftmaxOp forward;
  OpBuilder builder;
  int64_t width;
  LogitsStrategy strategy;
  SmallVector<Tile> tiles;
  Value targets, products;
};

} // namespace

//===----------------------------------------------------------------------===//
// Matching
//===----------------------------------------------------------------------===//

/// The only user of `value`, null if there are others.
template <typename Op>
static Op onlyUser(Value value) {
  return value.hasOneUse() ? dyn_cast<Op>(*value.user_begin()) : Op();
}

/// A variable, or what was fetched of one.
static bool isState(Value table) {
  return isa_and_present<VariableOp, FetchRowsOp>(table.getDefiningOp());
}

std::string Head::matchCenters() {
  Value centers = forward.getCenters();
  auto cast = centers.getDefiningOp<CastOp>();
  auto normalize =
      (cast ? cast.getInput() : centers).getDefiningOp<NormalizeOp>();
  gather = normalize ? normalize.getInput().getDefiningOp<GatherRowsOp>()
                     : GatherRowsOp();
  if (!gather || !isState(gather.getTable()))
    return "its class centers are not the unit rows of a variable";
  replaced.assign({normalize, gather});
  if (cast)
    replaced.insert(replaced.begin(), cast);
  return "";
}

/// margin_softmax_grad ─▶ normalize_grad ─▶ update_rows
std::string Head::matchUpdate() {
  auto ofRows = onlyUser<NormalizeGradOp>(backward.getCentersGrad());
  update =
      ofRows ? onlyUser<UpdateRowsOp>(ofRows.getInputGrad()) : UpdateRowsOp();
  if (!update || ofRows.getInput() != gather.getRows() ||
      update.getTable() != gather.getTable() ||
      update.getIndices() != gather.getIndices())
    return "the gradient of its class centers is not that of their update";
  if (!isState(update.getMomentum()))
    return "the momentum of its class centers is no variable";
  if (update.getUnscale() || update.getFoundInf())
    return "its loss is scaled";
  replaced.insert(replaced.begin(), {update, ofRows, backward, forward});
  return "";
}

std::string Head::match(MarginSoftmaxOp root) {
  forward = root;
  std::string reason = matchCenters();
  if (!reason.empty())
    return reason;
  if (forward.getExps().use_empty()) {
    replaced.insert(replaced.begin(), forward);
    return "";
  }
  backward = onlyUser<MarginSoftmaxGradOp>(forward.getExps());
  if (!backward || backward.getTargets() != forward.getTargets())
    return "its exponentials are used by more than its gradient";
  return matchUpdate();
}

//===----------------------------------------------------------------------===//
// Tiling
//===----------------------------------------------------------------------===//

/// State and constants are there from the beginning.
static void moveToFront(Value value) {
  auto *op = value.getDefiningOp();
  if (isa_and_present<VariableOp, RankConstantOp>(op))
    op->moveBefore(&op->getBlock()->front());
}

void HeadTiler::cut() {
  Location loc = forward.getLoc();
  Value indices = head.gather.getIndices();
  int64_t slots = typeOf(indices).getDimSize(0);
  auto scalar = RankedTensorType::get({1}, builder.getI64Type());
  for (int64_t from = 0; from < slots; from += width) {
    int64_t size = std::min(width, slots - from);
    Tile tile;
    tile.indices =
        size == slots
            ? indices
            : SliceOp::create(builder, loc, typeOf(indices).clone({size}),
                              indices, from)
                  .getResult();
    tile.first = RankConstantOp::create(builder, loc, scalar, /*base=*/from,
                                        /*per_rank=*/0, /*threshold=*/0,
                                        /*below=*/0, /*per_capped_rank=*/0);
    tiles.push_back(tile);
  }
}

Value HeadTiler::gatherUnitRows(const Tile &tile, Value table) {
  int64_t size = typeOf(tile.indices).getDimSize(0);
  auto type =
      typeOf(forward.getCenters()).clone({size, typeOf(table).getDimSize(1)});
  return GatherUnitRowsOp::create(builder, head.gather.getLoc(), type, table,
                                  tile.indices);
}

/// With fp32 cosines: the exponential must see the product's precision.
MarginExpOp HeadTiler::makeExps(const Tile &tile, Value centers, Value sums) {
  Location loc = forward.getLoc();
  int64_t rows = typeOf(forward.getExps()).getDimSize(0);
  SmallVector<int64_t> shape = {rows, typeOf(centers).getDimSize(0)};
  Value cosines = MatmulOp::create(
      builder, loc, RankedTensorType::get(shape, builder.getF32Type()),
      forward.getEmbeddings(), centers, /*transposeLhs=*/false,
      /*transposeRhs=*/true);
  return MarginExpOp::create(
      builder, loc, typeOf(forward.getExps()).clone(shape),
      RankedTensorType::get({rows}, builder.getF32Type()), cosines,
      forward.getColumns(), forward.getCount(), tile.first, sums,
      forward.getMargin(), forward.getShift());
}

void HeadTiler::buildForward() {
  Location loc = forward.getLoc();
  Value table = head.gather.getTable(), indices = head.gather.getIndices();
  targets = TargetCosinesOp::create(
      builder, loc, forward.getTargets().getType(), forward.getEmbeddings(),
      table, indices, forward.getColumns());
  auto productType =
      typeOf(forward.getEmbeddings()).clone(builder.getF32Type());
  Value sums;
  for (Tile &tile : tiles) {
    Value centers = gatherUnitRows(tile, table);
    MarginExpOp exps = makeExps(tile, centers, sums);
    sums = exps.getNewSums();
    tile.exps = exps.getExps();
    // The last product comes behind the stats, whose sum over ranks it hides.
    if (&tile == &tiles.back())
      forward.getStats().replaceAllUsesWith(MarginTargetOp::create(
          builder, loc, forward.getStats().getType(), sums, targets,
          forward.getColumns(), forward.getRowMargins(), forward.getMargin(),
          forward.getShift()));
    if (head.backward)
      products = MatmulOp::create(builder, head.backward.getLoc(), productType,
                                  tile.exps, centers, products,
                                  /*transpose_lhs=*/false,
                                  /*transpose_rhs=*/false);
  }
}

void HeadTiler::updateCenters(Tile &tile, Value stats, Value scaled,
                              Value &table, Value &momentum) {
  if (strategy == LogitsStrategy::Recompute) {
    Value centers = gatherUnitRows(tile, table);
    // Else CSE would find the first tile's again, and keep it.
    centers.getDefiningOp()->setAttr("pfc.again", builder.getUnitAttr());
    tile.exps = makeExps(tile, centers, /*sums=*/Value()).getExps();
  }
  MarginSoftmaxGradOp backward = head.backward;
  Value patched = MarginPatchOp::create(
      builder, backward.getLoc(), tile.exps.getType(), tile.exps, stats,
      targets, forward.getColumns(), tile.first, forward.getRowMargins(),
      forward.getMargin(), forward.getShift());
  int64_t size = typeOf(tile.indices).getDimSize(0);
  auto gradientType = RankedTensorType::get({size, typeOf(table).getDimSize(1)},
                                            builder.getF32Type());
  Value gradient = MatmulOp::create(builder, backward.getLoc(), gradientType,
                                    patched, scaled, /*transposeLhs=*/true);
  UpdateRowsOp update = head.update;
  auto updated = UpdateRowsOp::create(
      builder, update.getLoc(), table, momentum, tile.indices, gradient,
      update.getLr(), update.getCount(), /*unscale=*/Value(),
      /*found_inf=*/Value(), update.getStep(), update.getFirstRow(),
      RowUpdate::Sampled, /*of_unit_rows=*/true, update.getMu(),
      update.getWeightDecay(), update.getSeed());
  table = updated.getNewTable();
  momentum = updated.getNewMomentum();
}

void HeadTiler::buildBackward() {
  MarginSoftmaxGradOp backward = head.backward;
  Location loc = backward.getLoc();
  builder.setInsertionPoint(backward);
  Value stats = backward.getStats();
  auto embeddingsGrad = MarginEmbeddingsGradOp::create(
      builder, loc, backward.getEmbeddingsGrad().getType(), targets.getType(),
      products, stats, targets, forward.getColumns(), head.gather.getTable(),
      head.gather.getIndices(), forward.getRowMargins(), forward.getMargin(),
      forward.getShift(), backward.getBatch());
  backward.getEmbeddingsGrad().replaceAllUsesWith(
      embeddingsGrad.getEmbeddingsGrad());
  Value scaled =
      ScaleRowsOp::create(builder, loc, forward.getEmbeddings().getType(),
                          forward.getEmbeddings(), embeddingsGrad.getFactors());
  UpdateRowsOp update = head.update;
  moveToFront(update.getMomentum());
  moveToFront(update.getCount());
  if (update.getFirstRow())
    moveToFront(update.getFirstRow());
  Value table = update.getTable(), momentum = update.getMomentum();
  for (Tile &tile : tiles)
    updateCenters(tile, stats, scaled, table, momentum);
  update.getNewTable().replaceAllUsesWith(table);
  update.getNewMomentum().replaceAllUsesWith(momentum);
}

int64_t HeadTiler::run() {
  cut();
  buildForward();
  if (head.backward)
    buildBackward();
  for (Operation *op : head.replaced)
    op->erase();
  return tiles.size();
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

/// Columns of a tile whose fp32 cosines take `bytes` at most: a multiple of 64,
/// so that the last tile is not much smaller than the others.
static int64_t tileWidth(MarginSoftmaxOp forward, int64_t bytes) {
  constexpr int64_t kGranule = 64;
  int64_t rows = typeOf(forward.getExps()).getDimSize(0);
  int64_t slots = typeOf(forward.getExps()).getDimSize(1);
  int64_t most = std::max(kGranule, bytes / (4 * rows) / kGranule * kGranule);
  int64_t tiles = llvm::divideCeil(slots, most);
  return llvm::alignTo(llvm::divideCeil(slots, tiles), kGranule);
}

namespace {
struct TileHeadPass : public pfc::impl::TileHeadPassBase<TileHeadPass> {
  using Base::Base;

  LogicalResult tile(MarginSoftmaxOp root) {
    Head head;
    std::string reason = head.match(root);
    if (!reason.empty())
      return root.emitOpError("can't be tiled: ") << reason;
    int64_t width = tileWidth(root, tileBytes);
    Location loc = root.getLoc();
    int64_t tiles = HeadTiler(head, width, logits).run();
    remark::passed(
        loc, remark::RemarkOpts::name("TileHead").category("pfc-tile-head"))
        << remark::add("{0} tiles of {1} columns, exponentials {2}", tiles,
                       width,
                       logits == LogitsStrategy::Keep ? "kept" : "recomputed");
    return success();
  }

  void runOnOperation() override {
    SmallVector<MarginSoftmaxOp> roots;
    getOperation().walk([&](MarginSoftmaxOp op) { roots.push_back(op); });
    for (MarginSoftmaxOp root : roots)
      if (failed(tile(root)))
        return signalPassFailure();
  }
};
} // namespace
