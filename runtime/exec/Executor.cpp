#include "runtime/exec/Executor.h"

#include "runtime/base/Error.h"
#include "runtime/base/Sha256.h"
#include "runtime/device/Processors.h"
#include "runtime/exec/CollectiveTask.h"
#include "runtime/exec/FormChoice.h"
#include "runtime/exec/Initializer.h"
#include "runtime/exec/ProgramRunner.h"
#include "runtime/exec/StateMemory.h"
#include "runtime/exec/Waiter.h"
#include "runtime/plan/Elements.h"
#include "runtime/plan/RankInteger.h"
#include "runtime/plan/Shape.h"
#include "runtime/trace/InstructionName.h"

#include <algorithm>
#include <chrono>
#include <optional>

namespace pfc::rt {
namespace {

struct Constant {
  BufferView buffer;
  int64_t value;
};

/// A program, ready to run.
struct PreparedProgram {
  std::unique_ptr<ProgramRunner> runner;
  std::map<std::string, BufferView> inputs, outputs;
  std::vector<Constant> constants;
};

/// Calls body; its Error begins with `what`.
template <typename Body>
auto naming(const std::string &what, Body body) {
  try {
    return body();
  } catch (const Error &error) {
    fail("{}: {}", what, error.what());
  }
}

/// Programs without collectives run on any number of ranks.
bool needsWorld(const plan::fb::Program &program) {
  for (const plan::fb::Instruction *instruction : *program.instructions())
    if (instruction->operation_type() == plan::fb::Operation_Collective)
      return true;
  return false;
}

} // namespace

struct Executor::Impl {
  const plan::fb::Plan &plan;
  const plan::fb::Variant &variant;
  Device &device;
  Communicator &communicator;
  std::unique_ptr<DeviceCommunicator> collectives = nullptr; // null: host's
  std::shared_ptr<Waiter> waiter = nullptr;
  StateMemory memory{variant, device};
  bool profiling = false;
  std::string kernelsDigest = {}; ///< of their text, when it is wanted
  std::map<std::string, PreparedProgram> programs = {};
  /// Whose rank constants are in the arena; programs' bytes overlap, so there
  /// is one at most. Whatever writes the arena but a program's own run has to
  /// forgetConstants().
  const PreparedProgram *constantsOf = nullptr;
  void forgetConstants() { constantsOf = nullptr; }

  BufferView view(const plan::fb::Program &program, uint32_t index) const {
    return memory.view(program, index);
  }

  std::vector<BufferView> arguments(const plan::fb::Program &program,
                                    const plan::fb::Launch &op) const {
    std::vector<BufferView> views;
    for (uint32_t argument : *op.arguments())
      views.push_back(view(program, argument));
    return views;
  }

  std::unique_ptr<Task> makeTask(const plan::fb::Program &program,
                                 const plan::fb::Instruction &instruction);
  std::optional<EnqueuedTransfer>
  makeTransfer(const plan::fb::Program &program,
               const plan::fb::Instruction &instruction);
  void addTasks(const plan::fb::Program &program, ProgramRunner &runner);
  uint32_t addForms(const plan::fb::Program &program, uint32_t first,
                    ProgramRunner &runner);
  void addBranches(const plan::fb::Program &program, ProgramRunner &runner);
  std::unique_ptr<Task>
  makeBranchTask(BranchDevice &place, const plan::fb::Program &program,
                 const plan::fb::Instruction &instruction);
  FormChoice::Form makeForm(const plan::fb::Program &program,
                            const plan::fb::Alternative &alternative);
  std::string keyOf(const plan::fb::Program &program,
                    const std::vector<const plan::fb::Alternative *> &choices);
  void prepare(const plan::fb::Program &program);
  PreparedProgram &begin(const std::string &name);
  void enqueue(const std::string &name);
  void wait(const std::string &name);
  std::string describe(const std::string &program) const;
  PreparedProgram &program(const std::string &name);
  const BufferView &bound(const std::string &program, const char *kind,
                          const std::map<std::string, BufferView> &bindings,
                          const std::string &name) const;
};

std::unique_ptr<Task>
Executor::Impl::makeTask(const plan::fb::Program &program,
                         const plan::fb::Instruction &instruction) {
  switch (instruction.operation_type()) {
  case plan::fb::Operation_Launch: {
    const auto &op = *instruction.operation_as_Launch();
    return device.makeLaunch(op, arguments(program, op));
  }
  case plan::fb::Operation_Matmul: {
    const auto &op = *instruction.operation_as_Matmul();
    return device.makeMatmul(op, view(program, op.lhs()),
                             view(program, op.rhs()), view(program, op.out()));
  }
  case plan::fb::Operation_Conv: {
    const auto &op = *instruction.operation_as_Conv();
    return device.makeConv(op, view(program, op.lhs()), view(program, op.rhs()),
                           view(program, op.result()));
  }
  case plan::fb::Operation_Copy: {
    const auto &op = *instruction.operation_as_Copy();
    return device.makeCopy(view(program, op.source()),
                           view(program, op.target()));
  }
  default: {
    const auto &op = *instruction.operation_as_Collective();
    return makeHostCollective(op.kind(), view(program, op.source()),
                              view(program, op.target()), device, communicator);
  }
  }
}

void Executor::Impl::prepare(const plan::fb::Program &program) {
  PreparedProgram &prepared = programs[program.name()->str()];
  for (const plan::fb::Binding *binding : *program.inputs())
    prepared.inputs[binding->name()->str()] = view(program, binding->buffer());
  for (const plan::fb::Binding *binding : *program.outputs())
    prepared.outputs[binding->name()->str()] = view(program, binding->buffer());
  for (const plan::fb::RankConstant *constant : *program.constants())
    prepared.constants.push_back(
        {view(program, constant->buffer()),
         rankInteger(*constant->value(), communicator.rank())});
  prepared.runner = std::make_unique<ProgramRunner>(
      program, communicator.rank(), device, communicator.activity(),
      [this] { waiter->waitForDevice(); });
  addTasks(program, *prepared.runner);
  addBranches(program, *prepared.runner);
}

/// What may go on beside other instructions, if this one may; else null.
std::optional<EnqueuedTransfer>
Executor::Impl::makeTransfer(const plan::fb::Program &program,
                             const plan::fb::Instruction &instruction) {
  if (const auto *op = instruction.operation_as_Collective(); op && collectives)
    return collectives->makeCollective(op->kind(), view(program, op->source()),
                                       view(program, op->target()));
  if (const auto *op = instruction.operation_as_Launch(); op && op->transfer())
    return device.makeTransfer(*op, arguments(program, *op));
  return std::nullopt;
}

FormChoice::Form
Executor::Impl::makeForm(const plan::fb::Program &program,
                         const plan::fb::Alternative &alternative) {
  FormChoice::Form form;
  for (const plan::fb::Instruction *instruction : *alternative.instructions()) {
    form.name += form.name.empty() ? "" : ", ";
    form.name += workOf(variant, *instruction);
    form.tasks.push_back(makeTask(program, *instruction));
  }
  return form;
}

/// What `choices` of the same instructions are on this chip, in a few words.
std::string Executor::Impl::keyOf(
    const plan::fb::Program &program,
    const std::vector<const plan::fb::Alternative *> &choices) {
  if (kernelsDigest.empty())
    kernelsDigest =
        sha256Hex(variant.kernel_cuda() ? variant.kernel_cuda()->str() : "");
  std::string key = fmt::format("forms\n{}\n{}\n{}", device.chip(),
                                device.libraries(), kernelsDigest);
  auto add = [&](const plan::fb::Instruction &instruction) {
    key += '\n' + workOf(variant, instruction);
  };
  const plan::fb::Alternative &any = *choices.front();
  for (uint32_t i = 0; i < any.count(); ++i)
    add(*program.instructions()->Get(any.first() + i));
  for (const plan::fb::Alternative *choice : choices)
    for (const plan::fb::Instruction *instruction : *choice->instructions())
      add(*instruction);
  return key;
}

/// The instructions from `first` on, if others do the same and the device can
/// do those. Returns how many.
uint32_t Executor::Impl::addForms(const plan::fb::Program &program,
                                  uint32_t first, ProgramRunner &runner) {
  std::vector<const plan::fb::Alternative *> choices;
  std::vector<FormChoice::Form> others;
  if (program.alternatives())
    for (const plan::fb::Alternative *choice : *program.alternatives())
      if (choice->first() == first &&
          device.supports(choice->requires_() ? choice->requires_()->str()
                                              : "")) {
        choices.push_back(choice);
        others.push_back(makeForm(program, *choice));
      }
  if (choices.empty())
    return 0;
  const uint32_t count = choices.front()->count();
  std::vector<std::unique_ptr<Task>> tasks;
  std::vector<Task *> own;
  for (uint32_t i = first; i < first + count; ++i) {
    tasks.push_back(makeTask(program, *program.instructions()->Get(i)));
    own.push_back(tasks.back().get());
  }
  std::vector<BufferView> results;
  for (uint32_t buffer : *choices.front()->results())
    results.push_back(view(program, buffer));
  auto choice = std::make_shared<FormChoice>(
      std::move(own), std::move(others), std::move(results),
      keyOf(program, choices), device, [this] { waiter->waitForDevice(); });
  for (uint32_t i = 0; i < count; ++i)
    runner.add(first + i, std::make_unique<FormStep>(
                              choice, std::move(tasks[i]), i + 1 == count));
  return count;
}

/// In the plan's order. A transfer that no instruction waits for ends before
/// the next one.
void Executor::Impl::addTasks(const plan::fb::Program &program,
                              ProgramRunner &runner) {
  std::map<uint32_t, std::unique_ptr<Task>> unfinished; // by transfer
  const std::vector<bool> waitedFor = transfersWaitedFor(program);
  // A graph joins what it forks; collectives of the host cut a step into
  // several.
  const bool atOnce = device.stream() && !collectives && needsWorld(program);
  for (uint32_t i = 0; i < program.instructions()->size(); ++i) {
    const plan::fb::Instruction &instruction = *program.instructions()->Get(i);
    try {
      if (const auto *wait = instruction.operation_as_Wait()) {
        // What was done at once is not waited for.
        if (auto entry = unfinished.find(wait->transfer());
            entry != unfinished.end())
          runner.add(i, std::move(entry->second));
        continue;
      }
      if (uint32_t count = addForms(program, i, runner)) {
        i += count - 1;
        continue;
      }
      std::optional<EnqueuedTransfer> transfer =
          makeTransfer(program, instruction);
      if (!transfer) {
        runner.add(i, makeTask(program, instruction));
        continue;
      }
      runner.add(i, std::move(transfer->start));
      if (transfer->ran)
        runner.addTimes(i, std::move(transfer->ran));
      if (waitedFor[i] && !atOnce)
        unfinished[i] = std::move(transfer->finish);
      else
        runner.add(i, std::move(transfer->finish));
    } catch (const Error &error) {
      fail("{}: {}", runner.describe(i), error.what());
    }
  }
}

std::unique_ptr<Task>
Executor::Impl::makeBranchTask(BranchDevice &place,
                               const plan::fb::Program &program,
                               const plan::fb::Instruction &instruction) {
  if (const auto *op = instruction.operation_as_Launch())
    return place.makeLaunch(*op, arguments(program, *op));
  if (const auto *op = instruction.operation_as_Matmul())
    return place.makeMatmul(*op, view(program, op->lhs()),
                            view(program, op->rhs()), view(program, op->out()));
  const auto &op = *instruction.operation_as_Copy();
  return place.makeCopy(view(program, op.source()), view(program, op.target()));
}

void Executor::Impl::addBranches(const plan::fb::Program &program,
                                 ProgramRunner &runner) {
  if (!program.branches())
    return;
  for (const plan::fb::Branch *branch : *program.branches()) {
    ProgramRunner::Beside beside;
    if (BranchDevice *place = device.branch()) {
      for (uint32_t i = 0; i < branch->count(); ++i)
        beside.tasks.push_back(
            makeBranchTask(*place, program,
                           *program.instructions()->Get(branch->first() + i)));
      beside.fork = place->makeFork();
      beside.join = place->makeJoin();
    }
    runner.addBranch(*branch, std::move(beside));
  }
}

PreparedProgram &Executor::Impl::begin(const std::string &name) {
  PreparedProgram &prepared = program(name);
  if (constantsOf == &prepared)
    return prepared;
  forgetConstants();
  for (const Constant &constant : prepared.constants)
    device.upload(&constant.value, constant.buffer);
  constantsOf = &prepared;
  return prepared;
}

void Executor::Impl::enqueue(const std::string &name) {
  PreparedProgram &prepared = begin(name);
  if (profiling)
    prepared.runner->measure();
  else
    prepared.runner->enqueue();
}

void Executor::Impl::wait(const std::string &name) {
  naming(describe(name), [this] { waiter->waitForDevice(); });
}

/// "program 'embed', rank 0"
std::string Executor::Impl::describe(const std::string &program) const {
  return fmt::format("program '{}', rank {}", program, communicator.rank());
}

PreparedProgram &Executor::Impl::program(const std::string &name) {
  auto found = programs.find(name);
  require(found != programs.end(), "the plan has no program '{}'", name);
  return found->second;
}

const BufferView &
Executor::Impl::bound(const std::string &program, const char *kind,
                      const std::map<std::string, BufferView> &bindings,
                      const std::string &name) const {
  auto found = bindings.find(name);
  require(found != bindings.end(), "program '{}' has no {} '{}'", program, kind,
          name);
  return found->second;
}

PendingOutput::PendingOutput(std::unique_ptr<Download> download,
                             BufferView source, std::string origin,
                             std::shared_ptr<Waiter> waiter)
    : download(std::move(download)), source(std::move(source)),
      origin(std::move(origin)), waiter(std::move(waiter)) {}

std::vector<float> PendingOutput::wait() {
  const std::byte *bytes =
      naming(origin, [this] { return waiter->waitFor(*download); });
  std::vector<float> values(static_cast<size_t>(source.elements()));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(elementAt(bytes, source.dtype, i));
  return values;
}

Executor::Executor(const plan::fb::Plan &plan, const plan::fb::Variant &variant,
                   Device &device, Communicator &communicator,
                   const std::vector<std::string> &onlyPrograms)
    : impl(new Impl{plan, variant, device, communicator}) {
  std::vector<const plan::fb::Program *> chosen;
  bool anyWorldSize = !onlyPrograms.empty();
  for (const plan::fb::Program *program : *variant.programs()) {
    if (!onlyPrograms.empty() &&
        std::find(onlyPrograms.begin(), onlyPrograms.end(),
                  program->name()->str()) == onlyPrograms.end())
      continue;
    chosen.push_back(program);
    anyWorldSize &= !needsWorld(*program);
  }
  require(anyWorldSize || plan.world_size() == communicator.worldSize(),
          "the plan was compiled for {} rank(s), this job has {}: compile the "
          "spec with cluster.world_size = {}, or start {} rank(s)",
          plan.world_size(), communicator.worldSize(), communicator.worldSize(),
          plan.world_size());
  Doing doing(communicator.activity(), "compiling the plan's kernels",
              Activity::Kind::Slow);
  // Evaluating a network takes no class centers.
  StateMemory &memory = impl->memory;
  bool needsHost = std::any_of(chosen.begin(), chosen.end(), [&](auto *each) {
    const auto &buffers = *each->buffers();
    return std::any_of(buffers.begin(), buffers.end(),
                       [&](auto *buffer) { return memory.isHost(*buffer); });
  });
  memory.allocate(needsHost);
  device.loadKernels(variant);
  if (std::any_of(chosen.begin(), chosen.end(),
                  [](const auto *program) { return needsWorld(*program); }))
    impl->collectives = openDeviceCommunicator(device, communicator);
  impl->waiter =
      std::make_shared<Waiter>(device, communicator, impl->collectives.get());
  for (const plan::fb::Program *program : chosen)
    impl->prepare(*program);
  returnFreedMemory();
}

Executor::~Executor() = default;

void Executor::initializeState(uint64_t seed) {
  impl->memory.clearHost();
  for (const plan::fb::Variable *variable : *impl->variant.variables())
    if (!impl->memory.isHost(*variable)) // whose rows the step makes
      initializeVariable(*variable, seed, impl->communicator.rank(),
                         impl->device, impl->memory.view(*variable));
}

void Executor::clear() {
  impl->forgetConstants();
  impl->memory.clear();
}

double Executor::tryAllReduce() {
  using Clock = std::chrono::steady_clock;
  if (arena().bytes() < sizeof(float))
    return 0;
  BufferView number{arena().data, plan::fb::DType_F32, {1}};
  std::unique_ptr<Task> task, finish;
  if (impl->collectives) {
    EnqueuedTransfer enqueued = impl->collectives->makeCollective(
        plan::fb::CollectiveKind_AllReduceSum, number, number);
    task = std::move(enqueued.start);
    finish = std::move(enqueued.finish);
  } else {
    task = makeHostCollective(plan::fb::CollectiveKind_AllReduceSum, number,
                              number, impl->device, impl->communicator);
  }
  double seconds = 0;
  for (int i = 0; i < 2; ++i) {
    Doing doing(impl->communicator.activity(), "a first all_reduce",
                Activity::Kind::Waits);
    float value = 1;
    impl->device.upload(&value, number);
    Clock::time_point begin = Clock::now();
    task->execute();
    if (finish)
      finish->execute();
    impl->waiter->waitForDevice();
    seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    impl->device.download(number, &value);
    require(value == static_cast<float>(impl->communicator.worldSize()),
            "an all_reduce of ones over {} ranks gave {}: the network or its "
            "library does not work",
            impl->communicator.worldSize(), value);
  }
  return seconds;
}

void Executor::setInput(const std::string &program, const std::string &name,
                        const void *data, size_t bytes) {
  PreparedProgram &prepared = impl->program(program);
  const BufferView &input =
      impl->bound(program, "input", prepared.inputs, name);
  require(bytes == input.bytes(),
          "program '{}': input '{}' has {} bytes, got {}", program, name,
          input.bytes(), bytes);
  if (impl->constantsOf != &prepared)
    impl->forgetConstants();
  impl->device.upload(data, input);
}

void Executor::start(const std::string &name) { impl->enqueue(name); }

void Executor::run(const std::string &name) {
  impl->enqueue(name);
  impl->wait(name);
}

void Executor::runEach(const std::string &program,
                       const std::function<void(uint32_t instruction)> &before,
                       const std::function<void(uint32_t instruction)> &after) {
  impl->begin(program).runner->runEach(before, after);
}

ProgramRunner &Executor::runner(const std::string &program) {
  return *impl->program(program).runner;
}

BufferView Executor::buffer(const std::string &program, uint32_t index) const {
  return impl->view(impl->program(program).runner->program(), index);
}

BufferView Executor::arena() const {
  impl->forgetConstants();
  return impl->memory.device();
}

bool Executor::isHost(const std::string &program, uint32_t index) const {
  return impl->memory.isHost(
      *impl->program(program).runner->program().buffers()->Get(index));
}

StepTimes Executor::trace(const std::string &program) {
  return impl->begin(program).runner->trace();
}

void Executor::startProfiling() { impl->profiling = true; }

std::string Executor::profile(const std::string &name) const {
  const ProgramRunner &runner = *impl->program(name).runner;
  return profileTable(impl->variant, runner.program(), runner.profile());
}

PendingOutput Executor::startOutput(const std::string &program,
                                    const std::string &name) {
  const BufferView &view =
      impl->bound(program, "output", impl->program(program).outputs, name);
  std::string origin = impl->describe(program);
  return naming(origin, [&]() -> PendingOutput {
    return {impl->device.startDownload(view), view, origin, impl->waiter};
  });
}

std::vector<float> Executor::output(const std::string &program,
                                    const std::string &name) {
  return startOutput(program, name).wait();
}

bool Executor::hasProgram(const std::string &program) const {
  return impl->programs.count(program) != 0;
}

bool Executor::hasOutput(const std::string &program,
                         const std::string &name) const {
  return impl->program(program).outputs.count(name) != 0;
}

std::vector<int64_t> Executor::shapeOf(const std::string &program,
                                       const std::string &name) const {
  const PreparedProgram &prepared = impl->program(program);
  if (auto input = prepared.inputs.find(name); input != prepared.inputs.end())
    return input->second.shape;
  return impl->bound(program, "input or output", prepared.outputs, name).shape;
}

//===----------------------------------------------------------------------===//
// Variables
//===----------------------------------------------------------------------===//

std::vector<std::byte> Executor::readVariable(const std::string &name) const {
  std::vector<std::byte> bytes(impl->memory.bytesOf(name));
  impl->memory.read(name, 0, bytes);
  return bytes;
}

void Executor::readVariable(const std::string &name,
                            std::span<std::byte> to) const {
  uint64_t bytes = impl->memory.bytesOf(name);
  require(to.size() == bytes, "variable '{}' has {} bytes, not {}", name, bytes,
          to.size());
  impl->memory.read(name, 0, to);
}

void Executor::readVariablePart(const std::string &name, uint64_t first,
                                std::span<std::byte> to) const {
  impl->memory.read(name, first, to);
}

void Executor::readVariableInPieces(
    const std::string &name,
    const std::function<void(std::span<const std::byte>)> &sink,
    bool settled) const {
  impl->memory.readInPieces(name, sink, settled);
}

void Executor::writeVariable(const std::string &name, const void *data,
                             size_t bytes) {
  uint64_t wanted = impl->memory.bytesOf(name);
  require(bytes == wanted, "variable '{}' has {} bytes, got {}", name, wanted,
          bytes);
  impl->memory.write(name, 0, {static_cast<const std::byte *>(data), bytes});
}

void Executor::writeVariablePart(const std::string &name, uint64_t first,
                                 std::span<const std::byte> bytes) {
  impl->memory.write(name, first, bytes);
}

bool Executor::isInHostMemory(const std::string &name) const {
  return impl->memory.isHost(impl->memory.variable(name));
}

} // namespace pfc::rt
