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
// row factors a = s/(B·Z) scale [B,D] sides alone. In fp16, which has no room
// for E, and where the loss is scaled, the products read what a makes of it,
// and the rows are updated when it is known whether a gradient overflowed:
//
//   for each tile, at margin_softmax_grad:
//     Ŵ = gather_unit_rows(W, indices);  G = margin_cosines_grad(E, stats)
//     dx̂ = dx̂ + G·Ŵ                                  ─▶ (reduce_scatter)
//   for each tile, at update_rows:
//     W = update_rows(W, Gᵀ·X̂)  unless found_inf
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
  SumSquaresOp sumSquares; ///< of the rows' gradient; null: not looked at
  /// What the tiles take the place of, users before what they use.
  SmallVector<Operation *> replaced;

  /// Empty where it matches, else why not.
  std::string match(MarginSoftmaxOp root);
  /// Whether the gradients' products read E scaled by row: else they are linear
  /// in E as it is.
  bool scalesExps();

private:
  std::string matchCenters();
  std::string matchUpdate();
};

/// Some columns of the sample.
struct Tile {
  Value indices; ///< of its class centers in the table, [T]
  Value first;   ///< its first column, [1]
  Value exps;    ///< E, [B,T], while it is kept; G where it is scaled
};

class HeadTiler {
public:
  HeadTiler(Head &head, ArrayRef<int64_t> widths, LogitsStrategy strategy)
      : head(head), forward(head.forward), builder(head.forward),
        widths(widths), strategy(strategy) {}

  void run();

private:
  void cut();
  bool isKept(const Tile &tile) const;
  Value gatherUnitRows(const Tile &tile, Value table);
  Value gatherAgain(const Tile &tile, Value table);
  MarginExpOp makeExps(const Tile &tile, Value centers, Value sums);
  Value scaleExps(const Tile &tile);
  Value patchExps(const Tile &tile);
  Value addProduct(Value exps, Value centers, Value sum);
  void buildForward();
  Value buildScaledProducts();
  Value buildEmbeddingsGrad();
  void updateCenters(Value embeddings);

  Head &head;
  MarginSoftmaxOp forward;
  OpBuilder builder;
  ArrayRef<int64_t> widths;
  LogitsStrategy strategy;
  SmallVector<Tile> tiles;
  Value targets, products;
  int64_t timesAgain = 0; ///< gatherAgain was called
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
  if (ofRows)
    for (Operation *user : ofRows.getInputGrad().getUsers()) {
      if (auto op = dyn_cast<SumSquaresOp>(user); op && !sumSquares)
        sumSquares = op;
      else if (auto op = dyn_cast<UpdateRowsOp>(user); op && !update)
        update = op;
      else
        return "the gradient of its class centers is also used by " +
               user->getName().getStringRef().str();
    }
  if (!update || ofRows.getInput() != gather.getRows() ||
      update.getTable() != gather.getTable() ||
      update.getIndices() != gather.getIndices())
    return "the gradient of its class centers is not that of their update";
  if (!llvm::all_of(update.getState(), isState))
    return "the optimizer's state of its class centers is no variable";
  replaced.insert(replaced.begin(), {update, ofRows, backward, forward});
  if (sumSquares)
    replaced.insert(replaced.begin(), sumSquares);
  return "";
}

bool Head::scalesExps() {
  return backward &&
         (backward.getLossScale() || update.getFoundInf() || sumSquares ||
          typeOf(forward.getEmbeddings()).getElementType().isF16());
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
  int64_t from = 0;
  for (int64_t size : widths) {
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
    from += size;
  }
}

/// Whether an update reads the forward half's E. The last tile's is what they
/// begin with: making it again would save no memory.
bool HeadTiler::isKept(const Tile &tile) const {
  return strategy == LogitsStrategy::Keep ||
         (&tile == &tiles.back() && !head.scalesExps());
}

Value HeadTiler::gatherUnitRows(const Tile &tile, Value table) {
  int64_t size = typeOf(tile.indices).getDimSize(0);
  auto type =
      typeOf(forward.getCenters()).clone({size, typeOf(table).getDimSize(1)});
  return GatherUnitRowsOp::create(builder, head.gather.getLoc(), type, table,
                                  tile.indices);
}

/// For the backward half, apart from what the forward half gathered: else CSE
/// would find the first ones again, and keep them.
Value HeadTiler::gatherAgain(const Tile &tile, Value table) {
  Value centers = gatherUnitRows(tile, table);
  centers.getDefiningOp()->setAttr("pfc.again",
                                   builder.getI64IntegerAttr(++timesAgain));
  return centers;
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

/// G, for products in the operands' type.
Value HeadTiler::scaleExps(const Tile &tile) {
  MarginSoftmaxGradOp backward = head.backward;
  return MarginCosinesGradOp::create(
      builder, backward.getLoc(),
      typeOf(tile.exps).clone(typeOf(forward.getEmbeddings()).getElementType()),
      tile.exps, backward.getStats(), targets, forward.getColumns(), tile.first,
      backward.getLossScale(), forward.getRowMargins(), forward.getMargin(),
      forward.getShift(), backward.getBatch());
}

/// E', for products that the row factors scale elsewhere.
Value HeadTiler::patchExps(const Tile &tile) {
  MarginSoftmaxGradOp backward = head.backward;
  return MarginPatchOp::create(
      builder, backward.getLoc(), tile.exps.getType(), tile.exps,
      backward.getStats(), targets, forward.getColumns(), tile.first,
      forward.getRowMargins(), forward.getMargin(), forward.getShift());
}

/// sum + exps·centers, in fp32; `sum` may be null.
Value HeadTiler::addProduct(Value exps, Value centers, Value sum) {
  auto type = typeOf(forward.getEmbeddings()).clone(builder.getF32Type());
  return MatmulOp::create(builder, head.backward.getLoc(), type, exps, centers,
                          sum, /*transpose_lhs=*/false,
                          /*transpose_rhs=*/false);
}

void HeadTiler::buildForward() {
  Location loc = forward.getLoc();
  Value table = head.gather.getTable(), indices = head.gather.getIndices();
  targets = TargetCosinesOp::create(
      builder, loc, forward.getTargets().getType(), forward.getEmbeddings(),
      table, indices, forward.getColumns());
  bool addsProducts = head.backward && !head.scalesExps();
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
    if (addsProducts)
      products = addProduct(tile.exps, centers, products);
  }
}

/// dx̂, which is Inf or NaN where an element of G is: the sum of its squares
/// says so for the class centers, too.
Value HeadTiler::buildScaledProducts() {
  Value sum;
  for (Tile &tile : tiles) {
    Value centers = gatherAgain(tile, head.gather.getTable());
    if (strategy == LogitsStrategy::Recompute)
      tile.exps = makeExps(tile, centers, /*sums=*/Value()).getExps();
    tile.exps = scaleExps(tile);
    sum = addProduct(tile.exps, centers, sum);
  }
  if (SumSquaresOp ofRows = head.sumSquares)
    ofRows.getOutput().replaceAllUsesWith(SumSquaresOp::create(
        builder, ofRows.getLoc(), ofRows.getOutput().getType(), sum));
  return sum;
}

/// Replaces dx̂. Returns the embeddings as the class centers' gradient takes
/// them.
Value HeadTiler::buildEmbeddingsGrad() {
  MarginSoftmaxGradOp backward = head.backward;
  builder.setInsertionPoint(backward);
  if (head.scalesExps()) {
    backward.getEmbeddingsGrad().replaceAllUsesWith(buildScaledProducts());
    return forward.getEmbeddings();
  }
  Location loc = backward.getLoc();
  auto embeddingsGrad = MarginEmbeddingsGradOp::create(
      builder, loc, backward.getEmbeddingsGrad().getType(), targets.getType(),
      products, backward.getStats(), targets, forward.getColumns(),
      head.gather.getTable(), head.gather.getIndices(), forward.getRowMargins(),
      forward.getMargin(), forward.getShift(), backward.getBatch());
  backward.getEmbeddingsGrad().replaceAllUsesWith(
      embeddingsGrad.getEmbeddingsGrad());
  return ScaleRowsOp::create(builder, loc, forward.getEmbeddings().getType(),
                             forward.getEmbeddings(),
                             embeddingsGrad.getFactors());
}

/// Each tile's as soon as its gradient is there, or may be used. The last comes
/// first: caches still have of it, and beside all of E stands a small gradient.
void HeadTiler::updateCenters(Value embeddings) {
  UpdateRowsOp update = head.update;
  bool scaled = head.scalesExps();
  if (scaled)
    builder.setInsertionPoint(update);
  for (Value state : update.getState())
    moveToFront(state);
  moveToFront(update.getCount());
  if (update.getFirstRow())
    moveToFront(update.getFirstRow());
  Value table = update.getTable(), momentum = update.getMomentum(),
        squares = update.getSquares();
  int64_t size = typeOf(table).getDimSize(1);
  for (Tile &tile : llvm::reverse(tiles)) {
    if (!isKept(tile)) {
      // Behind the update of the tile before, so that one is there at a time.
      Value centers = gatherAgain(tile, table);
      tile.exps = makeExps(tile, centers, /*sums=*/Value()).getExps();
      if (scaled)
        tile.exps = scaleExps(tile);
    }
    Value exps = scaled ? tile.exps : patchExps(tile);
    int64_t rows = typeOf(tile.indices).getDimSize(0);
    auto type = RankedTensorType::get({rows, size}, builder.getF32Type());
    Value gradient = MatmulOp::create(builder, head.backward.getLoc(), type,
                                      exps, embeddings, /*transposeLhs=*/true);
    auto updated = UpdateRowsOp::create(
        builder, update.getLoc(), table, momentum, squares,
        update.getCorrection1(), update.getCorrection2(), tile.indices,
        gradient, update.getLr(), update.getCount(), update.getUnscale(),
        update.getFoundInf(), update.getStep(), update.getFirstRow(),
        RowUpdate::Sampled, /*of_unit_rows=*/true, update.getMu(),
        update.getBeta2Attr(), update.getEpsAttr(), update.getWeightDecay(),
        update.getSeed());
    table = updated.getNewTable();
    momentum = updated.getNewMomentum();
    squares = updated.getNewSquares();
  }
  update.getNewTable().replaceAllUsesWith(table);
  update.getNewMomentum().replaceAllUsesWith(momentum);
  if (squares)
    update.getNewSquares().replaceAllUsesWith(squares);
}

void HeadTiler::run() {
  cut();
  buildForward();
  if (head.backward)
    updateCenters(buildEmbeddingsGrad());
  for (Operation *op : head.replaced)
    op->erase();
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {

/// Columns of the tiles. Where E is kept, the head takes most memory when the
/// last tiles are made and E is all but complete: the last is narrow, and
/// widths double towards the first as soon as the E still to come makes up for
/// what the wider tile takes. Narrow tiles take time (O is read and written for
/// each), and as many again there may be, not more.
class TileWidths {
public:
  TileWidths(MarginSoftmaxOp forward, int64_t bytes, int64_t lastBytes);

  SmallVector<int64_t> get(LogitsStrategy strategy);
  int64_t sample() const { return slots; }
  int64_t fewest() const { return llvm::divideCeil(slots, widest); }

private:
  static constexpr int64_t kNarrowest = 32;
  SmallVector<int64_t> endingWith(int64_t width, int64_t most);

  int64_t slots, widest, narrowest;
  int64_t ofOneWidth; ///< tiles, of those that are narrower
};

} // namespace

TileWidths::TileWidths(MarginSoftmaxOp forward, int64_t bytes,
                       int64_t lastBytes) {
  auto bytesOf = [](Value value) {
    return typeOf(value).getElementTypeBitWidth() / 8;
  };
  int64_t rows = typeOf(forward.getEmbeddings()).getDimSize(0);
  int64_t size = typeOf(forward.getEmbeddings()).getDimSize(1);
  slots = typeOf(forward.getExps()).getDimSize(1);
  auto columns = [&](int64_t bytes, int64_t multiple) {
    return std::max(multiple, bytes / (4 * rows) / multiple * multiple);
  };
  widest = columns(bytes, 2 * kNarrowest);
  narrowest = std::min(widest, columns(lastBytes, kNarrowest));
  // Of a column: E; cosines and Ŵ, or the gradient of Ŵ. While ranks wait for
  // each other's embeddings Ŵ is made of all tiles.
  int64_t kept = rows * bytesOf(forward.getExps());
  int64_t ofCenters = size * bytesOf(forward.getCenters());
  int64_t taken = std::max(4 * rows + ofCenters, 4 * size);
  if (forward.getEmbeddings().getDefiningOp<shard::AllGatherOp>())
    kept = std::max(kept / 2, kept - ofCenters);
  ofOneWidth = llvm::divideCeil(taken, kept);
}

/// Widths from `width` for the last tile up to `most`. But for the last tile's
/// they are multiples of 32.
SmallVector<int64_t> TileWidths::endingWith(int64_t width, int64_t most) {
  SmallVector<int64_t> widths;
  int64_t rounded = llvm::alignTo(slots, kNarrowest);
  for (int64_t left = rounded; left > 0; left -= widths.back()) {
    if (width < most && widths.size() % ofOneWidth == 0 && !widths.empty())
      width = std::min(2 * width, most);
    widths.push_back(std::min(width, left));
  }
  widths.front() -= rounded - slots;
  std::reverse(widths.begin(), widths.end());
  return widths;
}

SmallVector<int64_t> TileWidths::get(LogitsStrategy strategy) {
  const auto fewest = static_cast<size_t>(this->fewest());
  const bool narrows = strategy == LogitsStrategy::Keep && fewest > 2;
  for (int64_t width = narrowest; narrows && width < widest; width *= 2)
    if (SmallVector<int64_t> widths = endingWith(width, widest);
        widths.size() <= 2 * fewest)
      return widths;
  int64_t even = llvm::alignTo(llvm::divideCeil(slots, fewest), 2 * kNarrowest);
  return endingWith(even, even);
}

/// Some instructions each: compiling so many takes a minute and a half.
static constexpr int64_t kMostTiles = 1 << 15;

namespace {
struct TileHeadPass : public pfc::impl::TileHeadPassBase<TileHeadPass> {
  using Base::Base;

  LogicalResult tile(MarginSoftmaxOp root) {
    Head head;
    std::string reason = head.match(root);
    if (!reason.empty())
      return root.emitOpError("can't be tiled: ") << reason;
    TileWidths tiles(root, tileBytes, lastTileBytes);
    if (tiles.fewest() > kMostTiles)
      return emitError(root.getLoc(), "a rank's sample of ")
             << tiles.sample() << " class centers makes " << tiles.fewest()
             << " tiles, and a plan lists at most " << kMostTiles
             << ": lower train.batch_per_rank, by which tiles get wider, or "
                "head.sample_rate";
    SmallVector<int64_t> widths = tiles.get(logits);
    Location loc = root.getLoc();
    HeadTiler(head, widths, logits).run();
    remark::passed(
        loc, remark::RemarkOpts::name("TileHead").category("pfc-tile-head"))
        << remark::add("{0} tiles of up to {1} columns, exponentials {2}",
                       widths.size(), *llvm::max_element(widths),
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
