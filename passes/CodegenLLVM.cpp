//===- CodegenLLVM.cpp - Kernels to LLVM IR -------------------------------===//
//
// The module @kernels becomes LLVM IR text, which the CPU device compiles for
// the processor it finds. Loops stay scalar here: LLVM's vectoriser knows the
// target, this pass doesn't.
//
//===----------------------------------------------------------------------===//
#include "passes/Passes.h"

#include "dialects/plan/ir/PlanDialect.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

namespace pfc {
#define GEN_PASS_DEF_CODEGENLLVMPASS
#include "passes/Passes.h.inc"
} // namespace pfc

using namespace mlir;

namespace pfc {
namespace {

/// `value` as a product that may be contracted, or null.
arith::MulFOp contractible(Value value) {
  auto product = value.getDefiningOp<arith::MulFOp>();
  bool may = product && bitEnumContainsAll(product.getFastmath(),
                                           arith::FastMathFlags::contract);
  return may ? product : arith::MulFOp();
}

/// a·b + c as one operation wherever a formula says so. Left to LLVM that
/// depends on what else stands in the kernel: whether the product is read
/// twice, or a loop around it moves it to another block.
template <typename Sum>
void contractSum(Sum op, bool difference) {
  bool reduction =
      bitEnumContainsAny(op.getFastmath(), arith::FastMathFlags::reassoc);
  bool may =
      bitEnumContainsAll(op.getFastmath(), arith::FastMathFlags::contract);
  if (!may || reduction)
    return;
  OpBuilder builder(op);
  auto negated = [&](Value value, bool negate) -> Value {
    return negate ? arith::NegFOp::create(builder, op.getLoc(), value) : value;
  };
  Value a, b, c;
  if (arith::MulFOp product = contractible(op.getLhs())) {
    a = product.getLhs();
    b = product.getRhs();
    c = negated(op.getRhs(), difference);
  } else if (arith::MulFOp product = contractible(op.getRhs())) {
    a = negated(product.getLhs(), difference);
    b = product.getRhs();
    c = op.getLhs();
  } else {
    return;
  }
  op.replaceAllUsesWith(
      LLVM::FMulAddOp::create(builder, op.getLoc(), a, b, c).getResult());
  op.erase();
}

void contractSums(ModuleOp kernels) {
  SmallVector<Operation *> sums;
  kernels.walk([&](Operation *op) {
    if (isa<arith::AddFOp, arith::SubFOp>(op))
      sums.push_back(op);
  });
  for (Operation *op : sums) {
    if (auto sum = dyn_cast<arith::AddFOp>(op))
      contractSum(sum, /*difference=*/false);
    else
      contractSum(cast<arith::SubFOp>(op), /*difference=*/true);
  }
}

/// linalg on memrefs to the llvm dialect; buffers are bare pointers.
void buildLowering(OpPassManager &pm) {
  pm.addNestedPass<func::FuncOp>(createConvertLinalgToLoopsPass());
  pm.addPass(createLoopInvariantCodeMotionPass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createConvertMathToLibmPass());
  pm.addPass(createFinalizeMemRefToLLVMConversionPass());
  ConvertFuncToLLVMPassOptions functions;
  functions.useBarePtrCallConv = true;
  pm.addPass(createConvertFuncToLLVMPass(functions));
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

/// void name(ptr buffers, i64 begin, i64 end): loads the buffers' addresses
/// and calls the kernel's body, which is inlined. Buffers of one launch are
/// distinct, so the body's pointers do not alias.
void addEntry(LLVM::LLVMFuncOp body) {
  MLIRContext *context = body.getContext();
  OpBuilder builder(body);
  Location loc = body.getLoc();
  StringAttr name = body.getSymNameAttr();
  std::string inner = (name.getValue() + ".body").str();
  body.setSymName(inner);
  body.setLinkage(LLVM::Linkage::Internal);
  body.setAlwaysInline(true);
  unsigned buffers = body.getNumArguments() - 2;
  for (unsigned i = 0; i < buffers; ++i)
    body.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(),
                    builder.getUnitAttr());

  Type pointer = LLVM::LLVMPointerType::get(context);
  Type i64 = builder.getI64Type();
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context),
                                          {pointer, i64, i64});
  auto entry = LLVM::LLVMFuncOp::create(builder, loc, name.getValue(), type);
  Block *block = entry.addEntryBlock(builder);
  builder.setInsertionPointToStart(block);
  SmallVector<Value> arguments;
  for (unsigned i = 0; i < buffers; ++i) {
    Value slot =
        LLVM::GEPOp::create(builder, loc, pointer, pointer,
                            block->getArgument(0), ArrayRef<LLVM::GEPArg>{i});
    arguments.push_back(LLVM::LoadOp::create(builder, loc, pointer, slot));
  }
  arguments.push_back(block->getArgument(1));
  arguments.push_back(block->getArgument(2));
  LLVM::CallOp::create(builder, loc, TypeRange(), inner, arguments);
  LLVM::ReturnOp::create(builder, loc, ValueRange());
}

struct CodegenLLVMPass : impl::CodegenLLVMPassBase<CodegenLLVMPass> {
  using Base::Base;

  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<LLVM::LLVMDialect, plan::PlanDialect>();
    registerBuiltinDialectTranslation(registry);
    registerLLVMDialectTranslation(registry);
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto kernels = module.lookupSymbol<ModuleOp>(plan::kernelsModuleName);
    if (!kernels) {
      module.emitOpError("has no module of kernels: run convert-pfc-to-plan");
      return signalPassFailure();
    }
    OpBuilder builder(kernels);
    SmallVector<plan::KernelOp> declarations;
    for (auto function : kernels.getOps<func::FuncOp>()) {
      auto description =
          function->getAttrOfType<StringAttr>(plan::descriptionAttrName);
      if (!description)
        continue; // a helper the kernels call
      declarations.push_back(plan::KernelOp::create(
          builder, function.getLoc(), function.getSymNameAttr(),
          builder.getI64IntegerAttr(function.getNumArguments() - 2),
          /*maps=*/ArrayAttr(),
          /*numbers=*/ArrayAttr(), /*threads=*/IntegerAttr(),
          /*shared=*/IntegerAttr(), description));
    }

    contractSums(kernels);
    OpPassManager lowering(ModuleOp::getOperationName());
    buildLowering(lowering);
    if (failed(runPipeline(lowering, kernels)))
      return signalPassFailure();
    for (plan::KernelOp kernel : declarations)
      addEntry(
          cast<LLVM::LLVMFuncOp>(kernels.lookupSymbol(kernel.getSymName())));

    llvm::LLVMContext context;
    std::unique_ptr<llvm::Module> ir =
        translateModuleToLLVMIR(kernels, context, "kernels");
    if (!ir) {
      kernels.emitOpError("has no LLVM IR");
      return signalPassFailure();
    }
    std::string text;
    llvm::raw_string_ostream stream(text);
    ir->print(stream, nullptr);
    module->setAttr(plan::kernelIrAttrName, builder.getStringAttr(text));
    kernels.erase();
  }
};

} // namespace
} // namespace pfc
