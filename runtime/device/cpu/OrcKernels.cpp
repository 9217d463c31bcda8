#include "runtime/device/cpu/OrcKernels.h"

#include "runtime/base/Error.h"
#include "runtime/device/cpu/KernelCompiler.h"

#include <llvm/AsmParser/Parser.h>
#include <llvm/ExecutionEngine/Orc/ExecutionUtils.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/TargetSelect.h>

#include <mutex>

namespace pfc::rt {
namespace {

/// What code generation calls to round a float to bf16 on a processor without
/// an instruction for it; GCC 12's runtime lacks it. Round to nearest even,
/// NaN stays NaN.
constexpr const char *bf16Helper = R"(
define bfloat @__truncsfbf2(float %value) {
  %bits = bitcast float %value to i32
  %nan = fcmp uno float %value, 0.0
  %high = lshr i32 %bits, 16
  %odd = and i32 %high, 1
  %bias = add i32 %odd, 32767
  %sum = add i32 %bits, %bias
  %rounded = lshr i32 %sum, 16
  %quiet = or i32 %high, 64
  %chosen = select i1 %nan, i32 %quiet, i32 %rounded
  %short = trunc i32 %chosen to i16
  %result = bitcast i16 %short to bfloat
  ret bfloat %result
}
)";

void initializeLlvm() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    llvm::InitializeNativeTargetAsmParser();
  });
}

void check(llvm::Error error, const char *what) {
  if (error)
    fail("{}: {}", what, llvm::toString(std::move(error)));
}

template <typename T>
T check(llvm::Expected<T> value, const char *what) {
  if (!value)
    fail("{}: {}", what, llvm::toString(value.takeError()));
  return std::move(*value);
}

} // namespace

struct OrcKernels::Jit {
  std::unique_ptr<llvm::orc::LLJIT> lljit;

  explicit Jit(const llvm::orc::JITTargetMachineBuilder &target) {
    llvm::orc::LLJITBuilder builder;
    builder.setJITTargetMachineBuilder(target);
    lljit = check(builder.create(), "cannot start LLVM's JIT");
    char prefix = lljit->getDataLayout().getGlobalPrefix();
    auto &library = lljit->getMainJITDylib();
    library.addGenerator(check(
        llvm::orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(prefix),
        "cannot search this process for symbols"));
    for (const char *file : {"libmvec.so.1", "libm.so.6"})
      if (auto generator =
              llvm::orc::DynamicLibrarySearchGenerator::Load(file, prefix))
        library.addGenerator(std::move(*generator));
      else // A machine without libmvec has no calls of it either.
        llvm::consumeError(generator.takeError());
  }

  void addHelper() {
    auto context = std::make_unique<llvm::LLVMContext>();
    llvm::SMDiagnostic ignored;
    auto module = llvm::parseAssemblyString(bf16Helper, ignored, *context);
    module->setDataLayout(lljit->getDataLayout());
    check(lljit->addIRModule(llvm::orc::ThreadSafeModule(std::move(module),
                                                         std::move(context))),
          "cannot add the bf16 helper");
  }
};

OrcKernels::OrcKernels(const plan::fb::Variant &variant, int threads) {
  if (variant.kernels()->size() == 0)
    return;
  require(variant.kernel_ir()->size() != 0,
          "the plan's kernels are not for the CPU: compile its spec with "
          "cluster.device = \"cpu\", or run it with --device=cuda or "
          "--device=emulated-cuda");
  initializeLlvm();
  std::vector<std::string> names;
  for (const plan::fb::Kernel *kernel : *variant.kernels())
    names.push_back(kernel->name()->str());
  jit = std::make_unique<Jit>(hostTarget());
  jit->addHelper();
  llvm::StringRef ir(variant.kernel_ir()->c_str(), variant.kernel_ir()->size());
  for (auto &object : compileKernels(ir, names, threads))
    check(jit->lljit->addObjectFile(std::move(object)),
          "cannot load the compiled kernels");
  for (const std::string &name : names)
    functions.push_back(check(jit->lljit->lookup(name), "cannot link a kernel")
                            .toPtr<KernelFunction *>());
}

OrcKernels::~OrcKernels() = default;

} // namespace pfc::rt
