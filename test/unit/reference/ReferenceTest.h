//===- ReferenceTest.h - Modules from text, run by the interpreter *- C++
//-*-===//
#ifndef TEST_UNIT_REFERENCE_REFERENCETEST_H
#define TEST_UNIT_REFERENCE_REFERENCETEST_H

#include "dialects/pfc/reference/Interpreter.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include <gtest/gtest.h>

namespace pfc::reference {

/// A parsed module, with the state of its functions.
class TestModule {
public:
  /// Fails the test where the text is not a valid module.
  explicit TestModule(const std::string &text);

  mlir::func::FuncOp function(llvm::StringRef name);

  /// The initial state of a function.
  State initialState(llvm::StringRef name, uint64_t seed = 1);

  /// Runs a function once; the test fails where it cannot.
  RunResult run(llvm::StringRef name, const TensorMap &inputs, State &state);

  /// Runs a function without state.
  RunResult run(llvm::StringRef name, const TensorMap &inputs);

private:
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

/// A tensor of one integer or real.
Tensor scalar(int64_t value);
Tensor scalar(double value);

double norm(const Tensor &tensor);

} // namespace pfc::reference

#endif // TEST_UNIT_REFERENCE_REFERENCETEST_H
