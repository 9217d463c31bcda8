#include "runtime/device/cpu/KernelCompiler.h"

#include "runtime/base/Error.h"
#include "runtime/base/ParallelFor.h"
#include "runtime/device/cpu/CpuFeatures.h"

#include <llvm/Analysis/LoopInfo.h>
#include <llvm/Analysis/TargetLibraryInfo.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/Dominators.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Operator.h>
#include <llvm/IR/SystemLibraries.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/SmallVectorMemoryBuffer.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Target/TargetMachine.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

namespace pfc::rt {
namespace {

using Shares = std::vector<std::set<std::string>>;

std::unique_ptr<llvm::Module> parse(llvm::StringRef ir,
                                    llvm::LLVMContext &context) {
  llvm::SMDiagnostic diagnostic;
  std::unique_ptr<llvm::Module> module =
      llvm::parseAssemblyString(ir, diagnostic, context);
  require(module != nullptr, "the plan's kernels: line {}: {}",
          diagnostic.getLineNo(), diagnostic.getMessage().str());
  std::string problems;
  llvm::raw_string_ostream stream(problems);
  require(!llvm::verifyModule(*module, &stream),
          "the plan's kernels are no valid LLVM IR: {}", problems);
  return module;
}

/// Checks that `name` is there with the ABI a launch uses.
const llvm::Function &kernelIn(const llvm::Module &module,
                               const std::string &name) {
  const llvm::Function *kernel = module.getFunction(name);
  require(kernel && !kernel->isDeclaration(),
          "the plan's LLVM IR has no kernel '{}'", name);
  bool abi = kernel->getReturnType()->isVoidTy() && kernel->arg_size() == 3 &&
             kernel->getArg(0)->getType()->isPointerTy() &&
             kernel->getArg(1)->getType()->isIntegerTy(64) &&
             kernel->getArg(2)->getType()->isIntegerTy(64);
  require(abi, "kernel '{}' is not a void (ptr, i64, i64)", name);
  return *kernel;
}

/// Deals the kernels out to `count` shares of about equal size.
Shares share(const llvm::Module &module,
             const std::vector<std::string> &kernels, size_t count) {
  std::vector<std::pair<size_t, std::string>> sizes;
  for (const std::string &name : kernels)
    sizes.emplace_back(kernelIn(module, name).getInstructionCount(), name);
  std::sort(sizes.rbegin(), sizes.rend());
  Shares shares(count);
  std::vector<size_t> load(count);
  for (const auto &[size, name] : sizes) {
    size_t lightest = static_cast<size_t>(
        std::min_element(load.begin(), load.end()) - load.begin());
    shares[lightest].insert(name);
    load[lightest] += size + 1;
  }
  return shares;
}

/// Leaves the kernels of one share; what they call becomes private to it.
void keepOnly(llvm::Module &module, const std::set<std::string> &kept,
              const std::set<std::string> &kernels) {
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    std::string name = function.getName().str();
    if (kept.count(name)) {
      function.setLinkage(llvm::GlobalValue::ExternalLinkage);
      function.setVisibility(llvm::GlobalValue::DefaultVisibility);
    } else if (kernels.count(name)) {
      function.deleteBody();
    } else {
      function.setLinkage(llvm::GlobalValue::InternalLinkage);
    }
  }
  for (llvm::GlobalVariable &global : module.globals())
    if (!global.isDeclaration())
      global.setLinkage(llvm::GlobalValue::InternalLinkage);
}

void setHostAttributes(llvm::Module &module,
                       const llvm::TargetMachine &machine) {
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", machine.getTargetCPU());
    function.addFnAttr("target-features", machine.getTargetFeatureString());
    // LLVM prefers 256 bits on most processors with AVX-512; the kernels are
    // streams over memory, where the full width wins.
    if (cpuSupports("avx512"))
      function.addFnAttr("prefer-vector-width", "512");
  }
}

bool convertsBf16(const llvm::Loop &loop) {
  for (const llvm::BasicBlock *block : loop.blocks())
    for (const llvm::Instruction &instruction : *block)
      if (auto *cast = llvm::dyn_cast<llvm::CastInst>(&instruction);
          cast &&
          cast->getSrcTy()->isBFloatTy() != cast->getDestTy()->isBFloatTy())
        return true;
  return false;
}

/// Whether the order of a sum is the program's. Being told its width, a loop
/// may take any order.
bool sumsInOrder(const llvm::Loop &loop) {
  const llvm::BasicBlock *latch = loop.getLoopLatch();
  return llvm::any_of(loop.getHeader()->phis(), [&](const llvm::PHINode &phi) {
    if (!phi.getType()->isFloatingPointTy())
      return false;
    auto *sum = latch ? llvm::dyn_cast<llvm::FPMathOperator>(
                            phi.getIncomingValueForBlock(latch))
                      : nullptr;
    return !sum || !sum->hasAllowReassoc();
  });
}

/// LLVM takes the conversion of a vector to or from bf16 for one of each of its
/// elements, and so makes vectors of four (22.1); a processor with instructions
/// for it converts sixteen as fast.
void widenLoops(llvm::Module &module) {
  if (!cpuSupports("avx512_bf16"))
    return;
  llvm::LLVMContext &context = module.getContext();
  auto *lanes = llvm::ConstantAsMetadata::get(
      llvm::ConstantInt::get(llvm::Type::getInt32Ty(context), 16));
  llvm::Metadata *width = llvm::MDNode::get(
      context,
      {llvm::MDString::get(context, "llvm.loop.vectorize.width"), lanes});
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    llvm::DominatorTree dominators(function);
    llvm::LoopInfo loops(dominators);
    for (llvm::Loop *loop : loops.getLoopsInPreorder())
      if (loop->isInnermost() && convertsBf16(*loop) && !sumsInOrder(*loop)) {
        llvm::MDNode *id = llvm::MDNode::getDistinct(context, {nullptr, width});
        id->replaceOperandWith(0, id);
        loop->setLoopID(id);
      }
  }
}

/// glibc's vector functions. LLVM's own table ends at 8 lanes; libmvec has 16
/// under the "e" (AVX-512) prefix of the x86 vector ABI.
llvm::TargetLibraryInfoImpl vectorLibrary(const llvm::Triple &triple) {
  llvm::TargetLibraryInfoImpl library(triple);
  if (!cpuSupports("avx2"))
    return library;
  library.addVectorizableFunctionsFromVecLib(llvm::VectorLibrary::LIBMVEC,
                                             triple);
  if (!cpuSupports("avx512"))
    return library;
  static constexpr struct {
    const char *scalar, *vector;
  } wide[] = {
      {"expf", "_ZGVeN16v_expf"}, {"llvm.exp.f32", "_ZGVeN16v_expf"},
      {"logf", "_ZGVeN16v_logf"}, {"llvm.log.f32", "_ZGVeN16v_logf"},
      {"sinf", "_ZGVeN16v_sinf"}, {"llvm.sin.f32", "_ZGVeN16v_sinf"},
      {"cosf", "_ZGVeN16v_cosf"}, {"llvm.cos.f32", "_ZGVeN16v_cosf"},
  };
  std::vector<llvm::VecDesc> functions;
  for (const auto &function : wide)
    functions.emplace_back(function.scalar, function.vector,
                           llvm::ElementCount::getFixed(16), /*Masked=*/false,
                           "_ZGV_LLVM_N16v", std::nullopt);
  library.addVectorizableFunctions(functions);
  return library;
}

void optimize(llvm::Module &module, llvm::TargetMachine &machine,
              const llvm::TargetLibraryInfoImpl &library) {
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = true;
  tuning.SLPVectorization = true;
  tuning.LoopInterleaving = true;
  llvm::PassBuilder builder(&machine, tuning);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager cgscc;
  llvm::ModuleAnalysisManager modules;
  functions.registerPass([&] { return llvm::TargetLibraryAnalysis(library); });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(cgscc);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, cgscc, modules);
  // O3 takes half as long again, and a step's kernels are no faster.
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2)
      .run(module, modules);
}

std::unique_ptr<llvm::MemoryBuffer>
emitObject(llvm::Module &module, llvm::TargetMachine &machine,
           const llvm::TargetLibraryInfoImpl &library) {
  llvm::SmallVector<char, 0> object;
  llvm::raw_svector_ostream stream(object);
  llvm::legacy::PassManager passes;
  // Code generation turns vector intrinsics into library calls, too.
  passes.add(new llvm::TargetLibraryInfoWrapperPass(library));
  require(!machine.addPassesToEmitFile(passes, stream, nullptr,
                                       llvm::CodeGenFileType::ObjectFile),
          "LLVM cannot emit machine code for {}",
          machine.getTargetTriple().str());
  passes.run(module);
  return std::make_unique<llvm::SmallVectorMemoryBuffer>(
      std::move(object), "kernels", /*RequiresNullTerminator=*/false);
}

std::unique_ptr<llvm::MemoryBuffer>
compileShare(llvm::StringRef ir, const std::set<std::string> &kept,
             const std::set<std::string> &kernels) {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module = parse(ir, context);
  auto machine = hostTarget().createTargetMachine();
  if (!machine)
    fail("LLVM knows no target for this machine: {}",
         llvm::toString(machine.takeError()));
  module->setTargetTriple((*machine)->getTargetTriple());
  module->setDataLayout((*machine)->createDataLayout());
  keepOnly(*module, kept, kernels);
  setHostAttributes(*module, **machine);
  widenLoops(*module);
  llvm::TargetLibraryInfoImpl library =
      vectorLibrary((*machine)->getTargetTriple());
  optimize(*module, **machine, library);
  return emitObject(*module, **machine, library);
}

} // namespace

llvm::orc::JITTargetMachineBuilder hostTarget() {
  auto builder = llvm::orc::JITTargetMachineBuilder::detectHost();
  if (!builder)
    fail("LLVM does not know this processor: {}",
         llvm::toString(builder.takeError()));
  builder->setCodeGenOptLevel(llvm::CodeGenOptLevel::Aggressive);
  builder->setRelocationModel(llvm::Reloc::PIC_);
  // a * b + c in one rounding, as every BLAS does, where the plan allows it.
  builder->getOptions().AllowFPOpFusion = llvm::FPOpFusion::Standard;
  return *builder;
}

std::vector<std::unique_ptr<llvm::MemoryBuffer>>
compileKernels(llvm::StringRef ir, const std::vector<std::string> &kernels,
               int threads) {
  std::set<std::string> all(kernels.begin(), kernels.end());
  // Below a few kernels a share, parsing the text again costs more.
  size_t count = std::min<size_t>(static_cast<size_t>(std::max(threads, 1)),
                                  kernels.size() / 4 + 1);
  Shares shares;
  {
    llvm::LLVMContext context;
    shares = share(*parse(ir, context), kernels, count);
  }
  std::vector<std::unique_ptr<llvm::MemoryBuffer>> objects(count);
  parallelFor(static_cast<int>(count), static_cast<int64_t>(count),
              [&](int, int64_t i) {
                const auto at = static_cast<size_t>(i);
                objects[at] = compileShare(ir, shares[at], all);
              });
  return objects;
}

} // namespace pfc::rt
