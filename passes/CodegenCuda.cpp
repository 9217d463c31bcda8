//===- CodegenCuda.cpp - Kernels to CUDA C++ ------------------------------===//
//
// The module @kernels becomes CUDA C++ text, which a rank compiles for the chip
// it finds. A schedule (codegen/cuda/Schedules.h) says what a thread does;
// codegen/cuda/ToEmitC.h turns that into C++, and codegen/cuda/ShareKernels.h
// makes one kernel of those that differ in sizes alone.
//
//===----------------------------------------------------------------------===//
#include "passes/Passes.h"
#include "passes/codegen/cuda/DeviceCode.h"
#include "passes/codegen/cuda/Schedules.h"
#include "passes/codegen/cuda/ShareKernels.h"
#include "passes/codegen/cuda/ToEmitC.h"

#include "dialects/plan/ir/PlanDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/EmitC/IR/EmitC.h"
#include "mlir/Dialect/EmitC/Transforms/Passes.h"
#include "mlir/Dialect/Func/Extensions/InlinerExtension.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

namespace pfc {
#define GEN_PASS_DEF_CODEGENCUDAPASS
#include "passes/Passes.h.inc"
} // namespace pfc

using namespace mlir;

namespace pfc {
namespace {

/// The rows of each row kernel: the extent of its launches, which agree as the
/// kernel has static shapes.
llvm::StringMap<int64_t> extentsOf(ModuleOp module) {
  llvm::StringMap<int64_t> extents;
  module.walk([&](plan::LaunchOp launch) {
    extents[launch.getKernel().getLeafReference()] = launch.getExtent();
  });
  return extents;
}

struct CodegenCudaPass : impl::CodegenCudaPassBase<CodegenCudaPass> {
  using Base::Base;

  void getDependentDialects(DialectRegistry &registry) const override {
    Base::getDependentDialects(registry);
    func::registerInlinerExtension(registry);
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto kernels = module.lookupSymbol<ModuleOp>(plan::kernelsModuleName);
    if (!kernels) {
      module.emitOpError("has no module of kernels: run convert-pfc-to-plan");
      return signalPassFailure();
    }
    if (failed(schedule(kernels, extentsOf(module))) ||
        failed(convert(kernels)))
      return signalPassFailure();
    declare(kernels, cuda::shareKernels(kernels));
    if (failed(formExpressions(kernels)))
      return signalPassFailure();
    FailureOr<std::string> text = cuda::printCuda(kernels);
    if (failed(text)) {
      kernels.emitOpError("has no C++ form");
      return signalPassFailure();
    }
    OpBuilder builder(module);
    module->setAttr(plan::kernelCudaAttrName, builder.getStringAttr(*text));
    kernels.erase();
  }

private:
  /// What a rank launches, and people read.
  struct Scheduled {
    cuda::LaunchShape shape;
    IntegerAttr shared; ///< bytes of dynamic shared memory, or null
    StringAttr description;
  };

  LogicalResult schedule(ModuleOp kernels,
                         const llvm::StringMap<int64_t> &extents) {
    for (auto kernel : kernels.getOps<func::FuncOp>()) {
      auto description =
          kernel->getAttrOfType<StringAttr>(plan::descriptionAttrName);
      if (!description)
        continue; // a helper the kernels call
      auto extent = extents.find(kernel.getSymName());
      FailureOr<cuda::LaunchShape> shape = cuda::scheduleKernel(
          kernel, extent == extents.end() ? 1 : extent->second);
      if (failed(shape))
        return failure();
      auto shared =
          kernel->getAttrOfType<IntegerAttr>(cuda::sharedBytesAttrName);
      scheduled[kernel.getSymName()] = {*shape, shared, description};
    }
    return success();
  }

  LogicalResult convert(ModuleOp kernels) {
    OpPassManager cleaning(ModuleOp::getOperationName());
    cleaning.addPass(createInlinerPass());
    cleaning.addPass(createSymbolDCEPass());
    cleaning.addPass(createCanonicalizerPass());
    cleaning.addPass(createCSEPass());
    if (failed(runPipeline(cleaning, kernels)))
      return failure();
    for (auto kernel :
         llvm::make_early_inc_range(kernels.getOps<func::FuncOp>())) {
      if (kernel.isDeclaration())
        continue; // of the prelude
      int64_t threads = scheduled[kernel.getSymName()].shape.threads;
      if (failed(cuda::convertToEmitC(kernel, threads)))
        return failure();
    }
    for (auto declaration :
         llvm::make_early_inc_range(kernels.getOps<func::FuncOp>()))
      declaration.erase();
    return success();
  }

  /// Declares each kernel that is left, and has it launched.
  void declare(ModuleOp kernels,
               const llvm::StringMap<cuda::KernelCall> &calls) {
    OpBuilder builder(kernels);
    for (auto kernel : kernels.getOps<emitc::FuncOp>()) {
      StringRef name = kernel.getSymName();
      const Scheduled &of = scheduled[name];
      auto maps = kernel->getAttrOfType<ArrayAttr>(cuda::tensorMapsAttrName);
      ArrayAttr numbers;
      if (!calls.lookup(name).numbers.empty())
        numbers = builder.getTypeArrayAttr(typesOf(calls.lookup(name).numbers));
      plan::KernelOp::create(
          builder, kernel.getLoc(), kernel.getSymNameAttr(),
          builder.getI64IntegerAttr(kernel.getNumArguments() -
                                    (maps ? maps.size() : 0) -
                                    (numbers ? numbers.size() : 0)),
          maps, numbers, builder.getI64IntegerAttr(of.shape.threads), of.shared,
          of.description);
    }
    getOperation().walk([&](plan::LaunchOp launch) {
      SymbolRefAttr kernel = launch.getKernel();
      StringRef name = kernel.getLeafReference();
      auto call = calls.find(name);
      launch.setKernelAttr(
          SymbolRefAttr::get(kernel.getRootReference(),
                             FlatSymbolRefAttr::get(call->second.kernel)));
      launch.setExtent(scheduled[name].shape.work);
      if (!call->second.numbers.empty())
        launch.setNumbersAttr(builder.getArrayAttr(call->second.numbers));
    });
  }

  static SmallVector<Type> typesOf(ArrayRef<Attribute> numbers) {
    return llvm::map_to_vector(numbers, [](Attribute number) {
      return cast<TypedAttr>(number).getType();
    });
  }

  LogicalResult formExpressions(ModuleOp kernels) {
    OpPassManager forming(ModuleOp::getOperationName());
    forming.addPass(emitc::createFormExpressionsPass());
    return runPipeline(forming, kernels);
  }

  llvm::StringMap<Scheduled> scheduled;
};

} // namespace
} // namespace pfc
