//===- main.cpp - pfcc, the compiler --------------------------------------===//
//
//   pfcc compile SPEC [--emit=STAGE] [-o FILE] [--set KEY=VALUE]...
//   pfcc spec-reference          prints docs/spec.md
//
//===----------------------------------------------------------------------===//
#include "frontend/graph/GraphBuilder.h"
#include "frontend/spec/SpecParser.h"
#include "frontend/spec/SpecWriter.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Support/Timing.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/ToolOutputFile.h"

namespace cl = llvm::cl;

static cl::OptionCategory category("pfcc options");
static cl::opt<std::string> command(cl::Positional, cl::Required,
                                    cl::desc("<compile|spec-reference>"),
                                    cl::cat(category));
static cl::opt<std::string> input(cl::Positional, cl::desc("[SPEC]"),
                                  cl::cat(category));
static cl::opt<std::string> output("o", cl::desc("Output file"),
                                   cl::value_desc("file"), cl::init("-"),
                                   cl::cat(category));
static cl::opt<std::string> emit("emit", cl::desc("Print a stage: spec, graph"),
                                 cl::value_desc("stage"), cl::init("spec"),
                                 cl::cat(category));
static cl::list<std::string>
    overrides("set", cl::desc("Set a key of the spec: head.sample_rate=0.1"),
              cl::value_desc("key=value"), cl::cat(category));
static cl::opt<bool> verifyDiagnostics(
    "verify-diagnostics",
    cl::desc("Check diagnostics against # expected-error comments"),
    cl::cat(category));

static int fail(const llvm::Twine &message) {
  llvm::errs() << "pfcc: error: " << message << '\n';
  return 1;
}

/// Compiles `loaded` up to the wanted stage. Errors are diagnostics.
static int emitStage(const pfc::LoadedSpec &loaded, mlir::MLIRContext &context,
                     llvm::raw_ostream &os) {
  if (emit == "spec") {
    pfc::writeSpec(loaded.spec, os);
    return 0;
  }
  mlir::OwningOpRef<mlir::ModuleOp> module = pfc::buildGraph(loaded, context);
  if (!module)
    return 1;
  mlir::OpPrintingFlags flags;
  flags.printNameLocAsPrefix();
  module->print(os, flags);
  return 0;
}

static int compile(llvm::raw_ostream &os) {
  if (emit != "spec" && emit != "graph")
    return fail("unknown stage '" + emit + "'; known: spec, graph");
  llvm::SourceMgr sources;
  if (!pfc::addSpecFile(input, sources, llvm::errs()))
    return 1;
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  auto run = [&] {
    std::optional<pfc::LoadedSpec> loaded =
        pfc::parseSpec(sources, overrides, context);
    return loaded ? emitStage(*loaded, context, os) : 1;
  };
  if (verifyDiagnostics) {
    mlir::SourceMgrDiagnosticVerifierHandler handler(sources, &context);
    run();
    return mlir::failed(handler.verify());
  }
  mlir::SourceMgrDiagnosticHandler handler(sources, &context);
  return run();
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  mlir::registerAsmPrinterCLOptions();
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, "pfc: specs to training plans\n");

  std::string message;
  std::unique_ptr<llvm::ToolOutputFile> file =
      mlir::openOutputFile(output, &message);
  if (!file)
    return fail(message);
  int status;
  if (command == "compile")
    status = input.empty() ? fail("compile needs a SPEC") : compile(file->os());
  else if (command == "spec-reference")
    status = (pfc::writeSpecReference(file->os()), 0);
  else
    return fail("unknown command '" + command +
                "'; known: compile, spec-reference");
  if (status == 0)
    file->keep();
  return status;
}
