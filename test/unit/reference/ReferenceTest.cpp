//===- ReferenceTest.cpp - Modules from text, run by the interpreter ------===//
#include "test/unit/reference/ReferenceTest.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Parser/Parser.h"
#include <cmath>

using namespace mlir;

namespace pfc::reference {

TestModule::TestModule(const std::string &text)
    : context(MLIRContext::Threading::DISABLED) {
  context.loadDialect<PfcDialect, func::FuncDialect, arith::ArithDialect,
                      shard::ShardDialect>();
  module = parseSourceString<ModuleOp>(text, &context);
  EXPECT_TRUE(module) << text;
}

func::FuncOp TestModule::function(StringRef name) {
  return module->lookupSymbol<func::FuncOp>(name);
}

State TestModule::initialState(StringRef name, uint64_t seed) {
  FailureOr<State> state = State::initial(function(name), {seed, false});
  EXPECT_TRUE(succeeded(state));
  return *state;
}

RunResult TestModule::run(StringRef name, const TensorMap &inputs,
                          State &state) {
  FailureOr<RunResult> result = runFunction(function(name), inputs, state);
  EXPECT_TRUE(succeeded(result));
  return succeeded(result) ? *result : RunResult();
}

RunResult TestModule::run(StringRef name, const TensorMap &inputs) {
  State none;
  return run(name, inputs, none);
}

Tensor scalar(int64_t value) { return Tensor::ofIntegers({1}, {value}); }
Tensor scalar(double value) { return Tensor::ofReals({1}, {value}); }

double norm(const Tensor &tensor) {
  double sum = 0.0;
  for (double x : tensor.reals)
    sum += x * x;
  return std::sqrt(sum);
}

} // namespace pfc::reference
