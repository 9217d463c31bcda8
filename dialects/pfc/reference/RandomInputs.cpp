//===- RandomInputs.cpp - Inputs to compare functions on ------------------===//
#include "dialects/pfc/reference/RandomInputs.h"
#include "dialects/pfc/ir/PfcDialect.h"
#include "dialects/pfc/reference/Interpreter.h"
#include "runtime/base/Philox.h"
#include <numbers>

using namespace mlir;
using namespace pfc;
using namespace pfc::reference;

namespace {
/// Uniform words, one a call.
class Words {
public:
  Words(uint64_t seed, uint32_t stream, uint32_t step)
      : seed(seed), stream(stream), step(step) {}

  uint32_t next() {
    if (position % 4 == 0)
      block = rt::philox4x32(
          seed, {static_cast<uint32_t>(position / 4), step, stream, 0});
    return block[position++ % 4];
  }
  double unit() { return double(rt::unitFloat(next())); }
  double normal() {
    double radius = std::sqrt(-2.0 * std::log(1.0 - unit()));
    return radius * std::cos(2.0 * std::numbers::pi * unit());
  }

private:
  uint64_t seed;
  uint32_t stream, step;
  uint64_t position = 0;
  rt::PhiloxBlock block;
};
} // namespace

std::optional<int64_t> pfc::reference::classesOf(func::FuncOp function) {
  std::optional<int64_t> sampled, sharded;
  function.walk([&](Operation *op) {
    if (auto sample = dyn_cast<SampleCentersOp>(op))
      sampled = sample.getClasses();
    if (auto variable = dyn_cast<VariableOp>(op))
      if (variable.getSharded() && variable.getRows())
        sharded = *variable.getRows();
  });
  return sampled ? sampled : sharded;
}

/// Like a hash of the name, so that two inputs differ.
static uint32_t streamOf(StringRef name) {
  uint32_t stream = 1;
  for (unsigned char c : name)
    stream = stream * 31 + c;
  return stream;
}

static void fill(Tensor &tensor, StringRef name, Type element, int64_t classes,
                 uint64_t seed, int64_t step) {
  Words words(seed, streamOf(name), step);
  uint32_t limit = element.getIntOrFloatBitWidth() == 8 ? 256 : classes;
  for (double &x : tensor.reals)
    x = name == "lr" ? 0.1 : words.normal();
  for (int64_t &x : tensor.integers)
    x = name == "step" ? step : words.next() % limit;
}

TensorMap pfc::reference::randomInputs(func::FuncOp function, int64_t classes,
                                       uint64_t seed, int64_t step) {
  TensorMap inputs;
  int64_t ranks = ranksOf(function);
  for (BlockArgument argument : function.getArguments()) {
    auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                      "pfc.input");
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!name || !type || !type.hasStaticShape())
      continue; // runFunction says what is wrong with it
    SmallVector<int64_t> shape(type.getShape());
    if (isSplitInput(name))
      shape[0] *= ranks;
    Tensor tensor = Tensor::zeros(type.clone(shape));
    fill(tensor, name, type.getElementType(), classes, seed, step);
    inputs[name.str()] = std::move(tensor);
  }
  return inputs;
}

Tensor pfc::reference::randomNormal(std::vector<int64_t> shape, uint64_t seed,
                                    uint32_t stream) {
  int64_t size = 1;
  for (int64_t extent : shape)
    size *= extent;
  Words words(seed, stream, /*step=*/0);
  std::vector<double> values(size);
  for (double &x : values)
    x = words.normal();
  return Tensor::ofReals(std::move(shape), std::move(values));
}
