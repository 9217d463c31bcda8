//===- main.cpp - pfcc, the compiler --------------------------------------===//
//
//   pfcc compile SPEC -o PLAN [--set KEY=VALUE]... [--dump-ir=FOLDER]
//   pfcc compile SPEC --emit=STAGE [-o FILE]    prints a stage on the way
//   pfcc show PLAN [--full]                     prints a plan
//   pfcc show PLAN --spec                       the spec it was compiled from
//   pfcc show PLAN --timeline=FILE --on MACHINE when its step does what
//   pfcc explain SPEC --on MACHINE [--json]     what it takes, before it runs
//   pfcc simulate SPEC --on MACHINE [--json]    and what frameworks would
//   pfcc simulate --fit                         fits what is known of those
//   pfcc onnx MODEL -o FILE                     a trained network, for others
//   pfcc spec-reference                         prints docs/spec.md
//   pfcc scaling                                prints docs/scaling.md
//
//===----------------------------------------------------------------------===//
#include "Compile.h"
#include "Explain.h"
#include "OnMachine.h"
#include "Output.h"
#include "Session.h"
#include "Simulate.h"
#include "Timeline.h"
#ifdef PFCC_ONNX
#include "Onnx.h"
#include "onnx/TrainedModel.h"
#endif

#include "frontend/spec/SpecWriter.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Pass/PassManager.h"
#include "runtime/plan/PlanPrint.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Path.h"

namespace cl = llvm::cl;

static cl::OptionCategory category("pfcc options");
static cl::opt<std::string>
    command(cl::Positional,
            cl::desc("<compile|show|explain|simulate|onnx|spec-reference|"
                     "scaling>"),
            cl::cat(category));
static cl::opt<std::string> input(cl::Positional, cl::desc("[SPEC|PLAN|MODEL]"),
                                  cl::cat(category));
static cl::opt<std::string> output("o", cl::desc("Output file"),
                                   cl::value_desc("file"), cl::init("-"),
                                   cl::cat(category));
static cl::opt<std::string>
    emit("emit",
         cl::desc("Print a stage instead of making a plan: spec (the default "
                  "without -o), or the module after a group of passes"),
         cl::value_desc("stage"), cl::cat(category));
static cl::opt<std::string>
    dumpIr("dump-ir", cl::desc("Write the module after each stage"),
           cl::value_desc("folder"), cl::cat(category));
static cl::opt<bool> full("full",
                          cl::desc("show: every buffer and instruction"),
                          cl::cat(category));
static cl::opt<bool>
    planSpec("spec",
             cl::desc("show: the spec that the plan was compiled from, with "
                      "every key, to compile again"),
             cl::cat(category));
static cl::opt<std::string>
    timeline("timeline",
             cl::desc("show: write a trace of the predicted step instead, for "
                      "ui.perfetto.dev, beside that of pfc-run --trace"),
             cl::value_desc("file"), cl::cat(category));
static cl::opt<std::string> machine(
    "on",
    cl::desc("explain, simulate, --timeline: h200, 8xv100 (which sets "
             "cluster.world_size; all set cluster.device), "
             "or a file like tools/pfcc/explain/machines.toml; without it "
             "cpu, or h200 of what is for cuda"),
    cl::value_desc("machine"), cl::cat(category));
static cl::opt<bool> json("json", cl::desc("explain, simulate: as JSON"),
                          cl::cat(category));
static cl::opt<bool>
    fit("fit",
        cl::desc("simulate: fit the constants of frameworks to what they "
                 "published, and compare them with peers.toml"),
        cl::cat(category));
static cl::list<std::string>
    overrides("set", cl::desc("Set a key of the spec: head.sample_rate=0.1"),
              cl::value_desc("key=value"), cl::cat(category));
/// As an option: a list has a & of its own.
static cl::Option &override = overrides;
static cl::opt<bool> verifyDiagnostics(
    "verify-diagnostics",
    cl::desc("Check diagnostics against # expected-error comments"),
    cl::cat(category));

static int fail(const llvm::Twine &message) {
  llvm::errs() << "pfcc: error: " << message << '\n';
  return 1;
}

/// Makes what was asked for of a valid spec. Errors are diagnostics.
static mlir::LogicalResult make(const pfc::LoadedSpec &loaded,
                                mlir::MLIRContext &context,
                                const pfc::Stage *stage,
                                mlir::TimingScope &timing,
                                llvm::raw_ostream &os) {
  pfc::CompileRequest request{llvm::sys::path::stem(input).str(), dumpIr,
                              timing};
  if (stage)
    return pfc::emitStage(loaded, context, *stage, request, os);
  if (emit == "spec") {
    pfc::writeSpec(loaded.spec, os);
    return mlir::success();
  }
  mlir::FailureOr<std::string> plan =
      pfc::compilePlan(loaded, context, request);
  if (mlir::succeeded(plan))
    os << *plan;
  return plan;
}

static std::vector<std::string> settings() {
  return {overrides.begin(), overrides.end()};
}

static int withSpec(llvm::ArrayRef<std::string> settings, pfc::SpecWork work) {
  llvm::SourceMgr sources;
  if (!pfc::addSpecFile(input, sources, llvm::errs()))
    return 1;
  return failed(pfc::withSpec(sources, settings, verifyDiagnostics, work));
}

static int compile(llvm::raw_ostream &os) {
  if (input.empty())
    return fail("compile needs a SPEC");
  if (emit.empty() && output == "-")
    emit = "spec";
  const pfc::Stage *stage = pfc::findStage(emit);
  if (!stage && !emit.empty() && emit != "spec")
    return fail("unknown stage '" + emit + "'; known: " + pfc::knownStages());
  return withSpec(settings(),
                  [&](const pfc::LoadedSpec &loaded, mlir::MLIRContext &context,
                      mlir::TimingScope &timing) {
                    return make(loaded, context, stage, timing, os);
                  });
}

/// What to do with a spec and the machine of --on.
using MachineWork = llvm::function_ref<mlir::LogicalResult(
    const pfc::LoadedSpec &, mlir::MLIRContext &, const pfc::CompileRequest &,
    const pfc::explain::Machine &)>;

static llvm::StringRef deviceOf(const pfc::TrainSpec &spec) {
  return spec.cluster.device == pfc::DeviceType::CUDA ? "cuda" : "cpu";
}

static int onMachine(MachineWork work) {
  if (input.empty())
    return fail(command + " needs a SPEC");
  std::optional<pfc::explain::Machine> on;
  std::vector<std::string> all = settings();
  if (!machine.empty()) {
    llvm::Expected<pfc::explain::MachineRequest> request =
        pfc::requestedMachine(machine);
    if (!request)
      return fail(llvm::toString(request.takeError()));
    all = pfc::settingsOn(*request, all);
    on = std::move(request->machine);
  }
  return withSpec(all, [&](const pfc::LoadedSpec &loaded,
                           mlir::MLIRContext &context,
                           mlir::TimingScope &timing) {
    if (!on)
      on = pfc::sayUsualMachine(deviceOf(loaded.spec));
    return work(loaded, context,
                {llvm::sys::path::stem(input).str(), "", timing}, *on);
  });
}

static int explain(llvm::raw_ostream &os) {
  return onMachine(
      [&](const pfc::LoadedSpec &loaded, mlir::MLIRContext &context,
          const pfc::CompileRequest &request, const pfc::explain::Machine &on) {
        return pfc::explainSpec(loaded, context, request, on, json, os);
      });
}

static int simulate(llvm::raw_ostream &os) {
  if (fit)
    return failed(
        pfc::withContext([&](mlir::MLIRContext &context, mlir::TimingScope &) {
          return pfc::fitPeers(context, os);
        }));
  return onMachine(
      [&](const pfc::LoadedSpec &loaded, mlir::MLIRContext &context,
          const pfc::CompileRequest &request, const pfc::explain::Machine &on) {
        return pfc::simulateSpec(loaded, context, request, on, json, os);
      });
}

static int scaling(llvm::raw_ostream &os) {
  return failed(pfc::withContext(
      [&](mlir::MLIRContext &context, mlir::TimingScope &timing) {
        return pfc::writeScaling(context, timing, os);
      }));
}

#ifdef PFCC_ONNX
static int onnx(llvm::raw_ostream &os) {
  if (input.empty() || output == "-")
    return fail("onnx needs a MODEL, the --out of a run or a checkpoint, and "
                "-o FILE");
  std::string message;
  bool hasFailed = failed(pfc::exportTrained(input, os, message));
  return message.empty() ? hasFailed : fail(message);
}
#endif

static int write(llvm::StringRef path, llvm::StringRef bytes) {
  llvm::Error error = pfc::writeOutput(path, bytes);
  return error ? fail(llvm::toString(std::move(error))) : 0;
}

static int writeTimeline() {
  llvm::Expected<std::string> trace =
      pfc::predictedTrace(input, [](llvm::StringRef device) {
        return pfc::machineOfPlan(machine, device);
      });
  if (!trace)
    return fail(llvm::toString(trace.takeError()));
  return write(timeline, *trace);
}

static int show(llvm::raw_ostream &os) {
  if (input.empty())
    return fail("show needs a PLAN");
  if (!timeline.empty())
    return writeTimeline();
  std::string text;
  using pfc::rt::PlanDetail;
  const PlanDetail detail = planSpec ? PlanDetail::Spec
                            : full   ? PlanDetail::Full
                                     : PlanDetail::Summary;
  if (!pfc::rt::printPlanFile(input, detail, text))
    return fail(text);
  os << text;
  return 0;
}

/// What `command` reads.
static std::vector<std::string> inputFiles() {
  std::vector<std::string> files = {input};
#ifdef PFCC_ONNX
  if (command == "onnx")
    llvm::append_range(files, pfc::TrainedModel::filesOf(input));
#endif
  if (std::string file = pfc::explain::machineFile(machine); !file.empty())
    files.push_back(file);
  return files;
}

/// Before there is a result, which may take minutes.
static llvm::Error checkOutputs() {
  const std::vector<std::string> files = inputFiles();
  for (const cl::opt<std::string> *written : {&output, &timeline})
    if (llvm::Error error = pfc::refuseInputs(*written, files))
      return error;
  return llvm::Error::success();
}

namespace {

struct Command {
  llvm::StringRef name;
  int (*run)(llvm::raw_ostream &os);
  bool hasInput;
  llvm::SmallVector<cl::Option *> options; ///< besides -o
};

} // namespace

static int specReference(llvm::raw_ostream &os) {
  pfc::writeSpecReference(os);
  return 0;
}

/// What the words on the command line ask for; null after an error.
static const Command *findCommand() {
  static const Command commands[] = {
      {"compile",
       compile,
       true,
       {&emit, &dumpIr, &override, &verifyDiagnostics}},
      {"show", show, true, {&full, &planSpec, &timeline, &machine}},
      {"explain",
       explain,
       true,
       {&machine, &json, &override, &verifyDiagnostics}},
      {"simulate",
       simulate,
       true,
       {&machine, &json, &fit, &override, &verifyDiagnostics}},
#ifdef PFCC_ONNX
      {"onnx", onnx, true, {}},
#endif
      {"spec-reference", specReference, false, {}},
      {"scaling", scaling, false, {}}};
  std::string known;
  for (const Command &each : commands) {
    if (each.name == command)
      return &each;
    known += (known.empty() ? "" : ", ") + each.name.str();
  }
  if (command.empty())
    fail("a command is needed: " + known + "; --help says what each takes");
  else
    fail("unknown command '" + command + "'; known: " + known);
  return nullptr;
}

/// "-o", "--json"
static std::string nameOf(const cl::Option &option) {
  return (option.ArgStr.size() == 1 ? "-" : "--") + option.ArgStr.str();
}

/// 1 after an error if one of `options` is given, of which `pfcc WHAT` would do
/// nothing.
static int refuse(llvm::ArrayRef<cl::Option *> options, llvm::StringRef what) {
  for (const cl::Option *option : options)
    if (option->getNumOccurrences() > 0)
      return fail("pfcc " + what + " has no use for " + nameOf(*option) +
                  "; --help says what has");
  return 0;
}

static int refuseFile(llvm::StringRef what) {
  return input.empty()
             ? 0
             : fail("pfcc " + what + " takes no file, but got '" + input + "'");
}

/// Options that one of `asked`'s would be of use without.
static int refuseTogether(const Command &asked) {
  if (asked.name == "show" && !timeline.empty())
    return refuse({&full, &planSpec, &output}, "show --timeline");
  if (asked.name == "show")
    return refuse({&machine}, "show without --timeline") ||
           (planSpec && refuse({&full}, "show --spec"));
  if (asked.name == "simulate" && fit)
    return refuseFile("simulate --fit") ||
           refuse({&machine, &json, &override, &verifyDiagnostics},
                  "simulate --fit");
  const bool toSpec = emit == "spec" || (emit.empty() && output == "-");
  if (asked.name == "compile" && toSpec)
    return refuse({&dumpIr}, "compile without -o PLAN or --emit=STAGE");
  return 0;
}

/// 1 after an error if something is given that nothing would be done with: a
/// slip, or what is meant by it does not happen.
static int refuseIdle(const Command &asked) {
  llvm::SmallVector<cl::Option *> idle;
  for (cl::Option *option : std::initializer_list<cl::Option *>{
           &emit, &dumpIr, &full, &planSpec, &timeline, &machine, &json, &fit,
           &override, &verifyDiagnostics})
    if (!llvm::is_contained(asked.options, option))
      idle.push_back(option);
  return refuse(idle, asked.name) ||
         (!asked.hasInput && refuseFile(asked.name)) || refuseTogether(asked);
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  mlir::registerAsmPrinterCLOptions();
  mlir::registerPassManagerCLOptions();
  mlir::registerDefaultTimingManagerCLOptions();
  cl::HideUnrelatedOptions(category); // --help-hidden has MLIR's
  cl::SetVersionPrinter([](llvm::raw_ostream &os) {
    os << "pfcc " PFC_VERSION ", with LLVM " LLVM_VERSION_STRING "\n";
  });
  cl::ParseCommandLineOptions(argc, argv, "pfc: specs to training plans\n");

  const Command *asked = findCommand();
  if (!asked || refuseIdle(*asked))
    return 1;
  if (llvm::Error error = checkOutputs())
    return fail(llvm::toString(std::move(error)));
  std::string result;
  llvm::raw_string_ostream os(result);
  int status = asked->run(os);
  return status == 0 ? write(output, result) : status;
}
