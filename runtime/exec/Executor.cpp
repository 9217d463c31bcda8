#include "runtime/exec/Executor.h"

#include "runtime/base/Bfloat16.h"
#include "runtime/base/Error.h"
#include "runtime/exec/Initializer.h"
#include "runtime/exec/Profile.h"
#include "runtime/plan/RankInteger.h"
#include "runtime/plan/Shape.h"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace pfc::rt {
namespace {

/// A collective, on the buffers of this rank.
class CollectiveTask : public Task {
public:
  CollectiveTask(plan::fb::CollectiveKind kind, BufferView source,
                 BufferView target, Device &device, Communicator &communicator)
      : kind(kind), source(std::move(source)), target(std::move(target)),
        device(device), communicator(communicator) {}

  void execute() override {
    device.synchronize();
    switch (kind) {
    case plan::fb::CollectiveKind_AllReduceSum:
      return communicator.allReduceSum(source, target);
    case plan::fb::CollectiveKind_AllGather:
      return communicator.allGather(source, target);
    case plan::fb::CollectiveKind_ReduceScatterSum:
      return communicator.reduceScatterSum(source, target);
    }
  }

private:
  plan::fb::CollectiveKind kind;
  BufferView source, target;
  Device &device;
  Communicator &communicator;
};

struct Constant {
  BufferView buffer;
  int64_t value;
};

/// A program, ready to run.
struct PreparedProgram {
  const plan::fb::Program *program = nullptr;
  std::vector<std::unique_ptr<Task>> tasks; // one an instruction
  std::map<std::string, BufferView> inputs, outputs;
  std::vector<Constant> constants;
  Profile profile;
  bool ran = false;
};

size_t byteCount(const BufferView &view) {
  return static_cast<size_t>(view.elements()) * byteWidth(view.dtype);
}

float toFloat(const std::byte *element, plan::fb::DType dtype) {
  auto as = [&]<typename T>(T value) {
    std::memcpy(&value, element, sizeof value);
    return value;
  };
  switch (dtype) {
  case plan::fb::DType_F32:
    return as(float{});
  case plan::fb::DType_BF16:
    return bfloat16ToFloat(as(uint16_t{}));
  case plan::fb::DType_I64:
    return static_cast<float>(as(int64_t{}));
  case plan::fb::DType_I32:
    return static_cast<float>(as(int32_t{}));
  case plan::fb::DType_U8:
    return static_cast<float>(as(uint8_t{}));
  default:
    fail("an output of {} cannot be read", dtypeName(dtype));
  }
}

} // namespace

struct Executor::Impl {
  const plan::fb::Plan &plan;
  const plan::fb::Variant &variant;
  Device &device;
  Communicator &communicator;
  std::byte *arena = nullptr;
  bool profiling = false;
  std::map<std::string, PreparedProgram> programs;
  std::map<std::string, const plan::fb::Variable *> variables;

  BufferView view(uint64_t offset, plan::fb::DType dtype,
                  const flatbuffers::Vector<int64_t> &shape) const {
    return {arena + offset, dtype, toVector(shape)};
  }

  BufferView view(const plan::fb::Program &program, uint32_t index) const {
    const plan::fb::Buffer &buffer = *program.buffers()->Get(index);
    return view(buffer.offset(), buffer.dtype(), *buffer.shape());
  }

  BufferView view(const plan::fb::Variable &variable) const {
    return view(variable.offset(), variable.dtype(), *variable.shape());
  }

  std::string describe(const plan::fb::Program &program, uint32_t index) const;
  std::unique_ptr<Task> makeTask(const plan::fb::Program &program,
                                 const plan::fb::Instruction &instruction);
  void prepare(const plan::fb::Program &program);
  void measure(PreparedProgram &program, uint32_t index);
  PreparedProgram &program(const std::string &name);
  const plan::fb::Variable &variable(const std::string &name) const;
  const BufferView &bound(const std::string &program, const char *kind,
                          const std::map<std::string, BufferView> &bindings,
                          const std::string &name) const;
};

/// "program 'embed', instruction 3 (bn1), rank 0"
std::string Executor::Impl::describe(const plan::fb::Program &program,
                                     uint32_t index) const {
  const plan::fb::Instruction &instruction =
      *program.instructions()->Get(index);
  std::string location;
  if (instruction.location() && instruction.location()->size() != 0)
    location = fmt::format(" ({})", instruction.location()->str());
  return fmt::format("program '{}', instruction {}{}, rank {}",
                     program.name()->str(), index, location,
                     communicator.rank());
}

std::unique_ptr<Task>
Executor::Impl::makeTask(const plan::fb::Program &program,
                         const plan::fb::Instruction &instruction) {
  switch (instruction.operation_type()) {
  case plan::fb::Operation_Launch: {
    const auto &op = *instruction.operation_as_Launch();
    std::vector<BufferView> args;
    for (uint32_t argument : *op.arguments())
      args.push_back(view(program, argument));
    return device.makeLaunch(op, std::move(args));
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
    return std::make_unique<CollectiveTask>(
        op.kind(), view(program, op.source()), view(program, op.target()),
        device, communicator);
  }
  }
}

void Executor::Impl::prepare(const plan::fb::Program &program) {
  PreparedProgram &prepared = programs[program.name()->str()];
  prepared.program = &program;
  for (const plan::fb::Binding *binding : *program.inputs())
    prepared.inputs[binding->name()->str()] = view(program, binding->buffer());
  for (const plan::fb::Binding *binding : *program.outputs())
    prepared.outputs[binding->name()->str()] = view(program, binding->buffer());
  for (const plan::fb::RankConstant *constant : *program.constants())
    prepared.constants.push_back(
        {view(program, constant->buffer()),
         rankInteger(*constant->value(), communicator.rank())});
  for (uint32_t i = 0; i < program.instructions()->size(); ++i) {
    try {
      prepared.tasks.push_back(
          makeTask(program, *program.instructions()->Get(i)));
    } catch (const Error &error) {
      fail("{}: {}", describe(program, i), error.what());
    }
  }
}

/// Executes an instruction, to completion, and adds up its time.
void Executor::Impl::measure(PreparedProgram &program, uint32_t index) {
  using Clock = std::chrono::steady_clock;
  program.profile.seconds.resize(program.tasks.size());
  Clock::time_point begin = Clock::now();
  program.tasks[index]->execute();
  device.synchronize();
  program.profile.seconds[index] +=
      std::chrono::duration<double>(Clock::now() - begin).count();
}

PreparedProgram &Executor::Impl::program(const std::string &name) {
  auto found = programs.find(name);
  require(found != programs.end(), "the plan has no program '{}'", name);
  return found->second;
}

const plan::fb::Variable &
Executor::Impl::variable(const std::string &name) const {
  auto found = variables.find(name);
  require(found != variables.end(), "the plan has no variable '{}'", name);
  return *found->second;
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

/// Programs without collectives run on any number of ranks.
static bool needsWorld(const plan::fb::Program &program) {
  for (const plan::fb::Instruction *instruction : *program.instructions())
    if (instruction->operation_type() == plan::fb::Operation_Collective)
      return true;
  return false;
}

Executor::Executor(const plan::fb::Plan &plan, const plan::fb::Variant &variant,
                   Device &device, Communicator &communicator,
                   const std::vector<std::string> &onlyPrograms)
    : impl(new Impl{
          plan, variant, device, communicator, nullptr, false, {}, {}}) {
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
  impl->arena = device.allocateArena(variant.arena_bytes());
  device.loadKernels(variant);
  for (const plan::fb::Variable *variable : *variant.variables())
    impl->variables[variable->name()->str()] = variable;
  for (const plan::fb::Program *program : chosen)
    impl->prepare(*program);
}

Executor::~Executor() = default;

void Executor::initializeState(uint64_t seed) {
  for (const plan::fb::Variable *variable : *impl->variant.variables())
    initializeVariable(*variable, seed, impl->communicator.rank(), impl->device,
                       impl->view(*variable));
}

void Executor::setInput(const std::string &program, const std::string &name,
                        const void *data, size_t bytes) {
  const BufferView &input =
      impl->bound(program, "input", impl->program(program).inputs, name);
  require(bytes == byteCount(input),
          "program '{}': input '{}' has {} bytes, got {}", program, name,
          byteCount(input), bytes);
  impl->device.upload(data, input);
}

void Executor::run(const std::string &name) {
  PreparedProgram &program = impl->program(name);
  // Another program may have used the same bytes of the arena.
  for (const Constant &constant : program.constants)
    impl->device.upload(&constant.value, constant.buffer);
  bool measure = impl->profiling && program.ran;
  for (uint32_t i = 0; i < program.tasks.size(); ++i) {
    try {
      if (measure)
        impl->measure(program, i);
      else
        program.tasks[i]->execute();
    } catch (const std::exception &error) {
      fail("{}: {}", impl->describe(*program.program, i), error.what());
    }
  }
  program.profile.runs += measure;
  program.ran = true;
  impl->device.synchronize();
}

void Executor::startProfiling() { impl->profiling = true; }

std::string Executor::profile(const std::string &name) const {
  const PreparedProgram &program = impl->program(name);
  return profileTable(impl->variant, *program.program, program.profile);
}

std::vector<float> Executor::output(const std::string &program,
                                    const std::string &name) const {
  const BufferView &view =
      impl->bound(program, "output", impl->program(program).outputs, name);
  std::vector<std::byte> bytes(byteCount(view));
  impl->device.download(view, bytes.data());
  std::vector<float> values(static_cast<size_t>(view.elements()));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = toFloat(bytes.data() + i * byteWidth(view.dtype), view.dtype);
  return values;
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

std::vector<std::byte> Executor::readVariable(const std::string &name) const {
  BufferView view = impl->view(impl->variable(name));
  std::vector<std::byte> bytes(byteCount(view));
  impl->device.download(view, bytes.data());
  return bytes;
}

void Executor::writeVariable(const std::string &name, const void *data,
                             size_t bytes) {
  BufferView view = impl->view(impl->variable(name));
  require(bytes == byteCount(view), "variable '{}' has {} bytes, got {}", name,
          byteCount(view), bytes);
  impl->device.upload(data, view);
}

} // namespace pfc::rt
