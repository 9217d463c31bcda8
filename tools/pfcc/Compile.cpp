#include "Compile.h"
#include "MemoryLimit.h"
#include "OnMachine.h"
#include "Output.h"
#include "SpecMapping.h"
#include "explain/StepCost.h"

#include "frontend/graph/GraphBuilder.h"
#include "mlir/Pass/PassManager.h"
#include "runtime/plan/PlanFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace pfc;

static void print(ModuleOp module, llvm::raw_ostream &os) {
  OpPrintingFlags flags;
  flags.printNameLocAsPrefix();
  module->print(os, flags);
  os << '\n';
}

/// Writes FOLDER/03-partitioned.mlir.
static LogicalResult dump(ModuleOp module, StringRef folder, size_t number,
                          const Stage &stage) {
  if (std::error_code code = llvm::sys::fs::create_directories(folder))
    return emitError(module.getLoc(), "can't make the folder ")
           << folder << ": " << code.message();
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(
      path, llvm::formatv("{0:d2}-{1}.mlir", number, stage.name).str());
  std::string text;
  llvm::raw_string_ostream os(text);
  print(module, os);
  if (llvm::Error error = writeOutput(path, text))
    return emitError(module.getLoc(), llvm::toString(std::move(error)));
  return success();
}

/// The module after stage `last`; null after an error.
static OwningOpRef<ModuleOp> runStages(const LoadedSpec &loaded,
                                       MLIRContext &context,
                                       const PrecisionChoice &choice,
                                       const Stage &last, StringRef dumpTo,
                                       TimingScope &timing) {
  CompileOptions options = compileOptions(loaded.spec, choice.precision);
  OwningOpRef<ModuleOp> module;
  for (const auto &[number, stage] :
       llvm::enumerate(compileStages(options.target))) {
    TimingScope scope = timing.nest(stage.name);
    if (number == 0) {
      module = buildGraph(loaded, context);
      if (!module)
        return nullptr;
    }
    PassManager manager(&context);
    if (failed(applyPassManagerCLOptions(manager)))
      return nullptr;
    manager.enableTiming(scope);
    stage.build(manager, options);
    if (failed(manager.run(*module)))
      return nullptr;
    if (!dumpTo.empty() && failed(dump(*module, dumpTo, number, stage)))
      return nullptr;
    if (stage.name == last.name)
      break;
  }
  return module;
}

std::string pfc::knownStages() {
  std::string names = "spec";
  for (const Stage &stage : allStages())
    names += ", " + stage.name.str();
  return names;
}

LogicalResult pfc::emitStage(const LoadedSpec &loaded, MLIRContext &context,
                             const Stage &stage, const CompileRequest &request,
                             llvm::raw_ostream &os) {
  KernelTarget target = kernelTarget(loaded.spec);
  if (stage.target.value_or(target) != target) {
    bool cuda = target == KernelTarget::Cuda;
    return emitError(loaded.locations.of("cluster.device"), "stage '")
           << stage.name << "' is none of a plan's for device = \""
           << (cuda ? "cuda" : "cpu")
           << "\": --set cluster.device=" << (cuda ? "cpu" : "cuda");
  }
  FittedVariant variant{precisionChoices(loaded.spec).front(), loaded};
  // The graph is the same whatever there is room for.
  if (stage.name != "graph") {
    auto variants = fitMemory(loaded, context);
    if (failed(variants))
      return failure();
    variant = variants->front();
  }
  OwningOpRef<ModuleOp> module =
      runStages(variant.loaded, context, variant.choice, stage, request.dumpTo,
                request.timing);
  if (!module)
    return failure();
  // The last stage for CUDA is a text that people read.
  if (stage.target == KernelTarget::Cuda)
    os << (*module)
              ->getAttrOfType<StringAttr>(plan::kernelCudaAttrName)
              .getValue();
  else
    print(*module, os);
  return success();
}

/// As `pfcc explain` predicts it on the usual machine for `target`. Before its
/// code is generated a kernel for CUDA does not have its blocks yet; but for
/// transfers, one of them is a kernel that takes no time.
static double secondsOf(plan::ProgramOp step, KernelTarget target) {
  std::unique_ptr<plan::fb::ProgramT> program = plan::translateProgram(step);
  if (target == KernelTarget::Cuda)
    for (auto &instruction : program->instructions)
      if (auto *launch = instruction->operation.AsLaunch();
          launch && !launch->transfer)
        launch->extent = std::max<int64_t>(launch->extent, 2);
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(plan::fb::Program::Pack(builder, program.get()));
  const auto &packed =
      *flatbuffers::GetRoot<plan::fb::Program>(builder.GetBufferPointer());
  return explain::stepCost(
             packed, plan::worldSize(step->getParentOfType<ModuleOp>()),
             usualMachine(target == KernelTarget::Cuda ? "cuda" : "cpu"))
      .seconds;
}

FailureOr<PlanSize> pfc::planSize(const LoadedSpec &loaded,
                                  const PrecisionChoice &choice,
                                  MLIRContext &context) {
  TimingScope untimed;
  OwningOpRef<ModuleOp> module =
      runStages(loaded, context, choice, *findStage("allocated"),
                /*dumpTo=*/"", untimed);
  if (!module)
    return failure();
  auto bytesOf = [&](StringRef name) -> uint64_t {
    auto bytes = (*module)->getAttrOfType<IntegerAttr>(name);
    return bytes ? bytes.getInt() : 0;
  };
  PlanSize size;
  size.hostBytes = bytesOf(plan::hostBytesAttrName);
  size.bytes = bytesOf(plan::arenaBytesAttrName) - size.hostBytes;
  for (auto program : module->getOps<plan::ProgramOp>())
    if (program.getSymName() == "train_step")
      size.seconds = secondsOf(program, kernelTarget(loaded.spec));
  return size;
}

FailureOr<std::string> pfc::compilePlan(const LoadedSpec &loaded,
                                        MLIRContext &context,
                                        const CompileRequest &request) {
  auto fitted = fitMemory(loaded, context);
  if (failed(fitted))
    return failure();
  SmallVector<OwningOpRef<ModuleOp>> modules;
  SmallVector<plan::PlanVariant> variants;
  for (const auto &[choice, spec] : *fitted) {
    llvm::SmallString<128> dumpTo(request.dumpTo);
    if (!dumpTo.empty() && fitted->size() > 1)
      llvm::sys::path::append(dumpTo, choice.name);
    TimingScope scope = request.timing.nest(choice.name);
    OwningOpRef<ModuleOp> module = runStages(
        spec, context, choice, compileStages(kernelTarget(loaded.spec)).back(),
        dumpTo, scope);
    if (!module)
      return failure();
    variants.push_back({*module, choice.name.str(),
                        choice.requiredFeature.str(),
                        recomputedText(spec.spec)});
    modules.push_back(std::move(module));
  }
  TimingScope scope = request.timing.nest("translate");
  FailureOr<std::string> bytes = plan::translateToFlatBuffer(
      variants, planHeader(specOf(*fitted, loaded), request.name));
  std::string message;
  if (succeeded(bytes) &&
      !rt::checkPlan(reinterpret_cast<const std::byte *>(bytes->data()),
                     bytes->size(), request.name, message))
    return emitError(modules.front()->getLoc(), "the plan is wrong: ")
           << message;
  return bytes;
}
