//===- SamplingKernel.cpp - The sampler's kernel from its texts -----------===//
//
// An exact sampler is hundreds of lines of loops: it is written as MLIR text,
// and a kernel is the text with its sizes filled in.
//
//===----------------------------------------------------------------------===//
#include "dialects/pfc/ir/SamplingKernel.h"
#include "dialects/pfc/ir/KernelBuilder.h"
#include "dialects/pfc/ir/kernels/ClassPermutation.h"
#include "dialects/pfc/ir/kernels/DrawKeys.h"
#include "dialects/pfc/ir/kernels/DrawPermutation.h"
#include "dialects/pfc/ir/kernels/MakeKeys.h"
#include "dialects/pfc/ir/kernels/SampleLocalCenters.h"
#include "dialects/pfc/ir/kernels/SortPositives.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Parser/Parser.h"
#include "runtime/base/ClassPermutation.h"
#include "runtime/base/Philox.h"
#include "llvm/Support/MathExtras.h"
#include <string>

using namespace mlir;

namespace pfc {

int64_t SampleLocalCentersOp::getRowExtent() { return 1; }
int SampleLocalCentersOp::getInPlaceOperand(unsigned) { return -1; }

static void fill(std::string &text, const std::string &word,
                 const std::string &value) {
  std::string key = "{" + word + "}";
  for (size_t at = text.find(key); at != std::string::npos;
       at = text.find(key, at + value.size()))
    text.replace(at, key.size(), value);
}

/// The random numbers of a seed.
static std::string philoxName(SampleLocalCentersOp op) {
  return "philox_sample_centers_" + std::to_string(op.getSeed());
}

/// The text of `op`'s kernel and of the functions it calls.
static std::string instantiate(SampleLocalCentersOp op,
                               const SamplingTexts &texts) {
  bool permuted = op.getDraw() == Draw::Permutation;
  double rate = op.getSampleRate().convertToDouble();
  int64_t rows = op.getLabels().getType().getDimSize(0);
  std::string rateText;
  llvm::raw_string_ostream(rateText) << Real(rate);

  std::string text = texts.frame.str();
  fill(text, "DRAWN", permuted ? ", %drawn: memref<{W}xi64>" : "");
  fill(text, "DRAW", (permuted ? texts.permutation : texts.keys).str());
  fill(text, "SORT", texts.sort.str());
  fill(text, "MAKE_KEYS", kMakeKeysText);
  if (permuted) {
    text += kClassPermutationText;
    fill(text, "W", std::to_string(op.getDrawn().getType().getDimSize(0)));
  }
  auto [left, right] = rt::ClassPermutation::halves(op.getShardSize());
  fill(text, "B", std::to_string(rows));
  fill(text, "P", std::to_string(llvm::PowerOf2Ceil(rows)));
  fill(text, "S", std::to_string(op.getIndices().getType().getDimSize(0)));
  fill(text, "RATE", rateText);
  fill(text, "ALL", rate == 1.0 ? "true" : "false");
  fill(text, "NOT_ALL", rate == 1.0 ? "false" : "true");
  fill(text, "LEFT", std::to_string(left));
  fill(text, "RIGHT", std::to_string(right));
  fill(text, "PHILOX", philoxName(op));
  return text;
}

/// func @name(block, step, rank) -> four words.
static void buildPhiloxFunction(OpBuilder &builder, Location loc, uint64_t seed,
                                StringRef name) {
  Type i32 = builder.getI32Type();
  auto type = builder.getFunctionType({i32, i32, i32}, {i32, i32, i32, i32});
  auto function = func::FuncOp::create(builder, loc, name, type);
  function.setPrivate();
  // A loop over it has no branches then, and LLVM makes vectors of it.
  function->setAttr("passthrough", builder.getStrArrayAttr({"alwaysinline"}));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(function.addEntryBlock());
  auto purpose = static_cast<int32_t>(rt::RandomPurpose::SampleCenters);
  Value purposeWord = arith::ConstantOp::create(
      builder, loc, builder.getI32IntegerAttr(purpose));
  SmallVector<Value> counter(function.getArguments());
  counter.push_back(purposeWord);
  func::ReturnOp::create(builder, loc,
                         buildPhilox(builder, loc, seed, counter));
}

/// Gives `kernels` the functions of `parsed` that kernels call.
static void addHelpers(ModuleOp parsed, ModuleOp kernels) {
  OpBuilder top = OpBuilder::atBlockBegin(kernels.getBody());
  for (auto function : parsed.getOps<func::FuncOp>())
    if (function.isPrivate() && !function.isDeclaration() &&
        !kernels.lookupSymbol(function.getSymName()))
      top.clone(*function);
}

LogicalResult buildSampling(SampleLocalCentersOp op, const SamplingTexts &texts,
                            OpBuilder &builder, ValueRange operands,
                            ValueRange results) {
  const std::string philox = philoxName(op);
  auto kernels = builder.getBlock()->getParentOp()->getParentOfType<ModuleOp>();
  if (!kernels.lookupSymbol(philox)) {
    OpBuilder top = OpBuilder::atBlockBegin(kernels.getBody());
    buildPhiloxFunction(top, op.getLoc(), op.getSeed(), philox);
  }
  // The text calls that function, so it is parsed beside a declaration.
  std::string text = instantiate(op, texts) + "\nfunc.func private @" + philox +
                     "(i32, i32, i32) -> (i32, i32, i32, i32)\n";
  ParserConfig config(op.getContext());
  OwningOpRef<ModuleOp> parsed = parseSourceString<ModuleOp>(text, config);
  if (!parsed)
    return op.emitOpError("kernel text does not parse");
  addHelpers(*parsed, kernels);
  auto source = parsed->lookupSymbol<func::FuncOp>("sample_local_centers");
  IRMapping mapping;
  SmallVector<Value> buffers(operands);
  llvm::append_range(buffers, results);
  mapping.map(source.getArguments(), buffers);
  for (Operation &inner : source.getBody().front().without_terminator())
    builder.clone(inner, mapping);
  return success();
}

LogicalResult SampleLocalCentersOp::buildRow(OpBuilder &builder,
                                             ValueRange operands,
                                             ValueRange results, Value) {
  SamplingTexts texts{kSampleLocalCentersText, kSortPositivesText,
                      kDrawKeysText, kDrawPermutationText};
  return buildSampling(*this, texts, builder, operands, results);
}

} // namespace pfc
