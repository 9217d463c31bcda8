//===- RunPlan.cpp - A plan in memory, run on R threads -------------------===//
#include "test/numerics/RunPlan.h"
#include "runtime/base/Bfloat16.h"
#include "runtime/base/Error.h"
#include "runtime/base/Float16.h"
#include "runtime/exec/Executor.h"
#include "runtime/plan/PlanFile.h"
#include "runtime/plan/RankInteger.h"
#include "runtime/plan/Shape.h"
#include "test/numerics/RankGroup.h"
#include <cstring>

using namespace pfc::rt;
namespace fb = pfc::plan::fb;

namespace pfc::test {

//===----------------------------------------------------------------------===//
// Bytes and tensors
//===----------------------------------------------------------------------===//

template <typename T>
static void append(std::vector<std::byte> &bytes, T value) {
  const auto *begin = reinterpret_cast<const std::byte *>(&value);
  bytes.insert(bytes.end(), begin, begin + sizeof value);
}

static std::vector<std::byte> toBytes(const Tensor &tensor, fb::DType dtype) {
  std::vector<std::byte> bytes;
  for (double x : tensor.reals) {
    auto single = static_cast<float>(x);
    if (dtype == fb::DType_F32)
      append(bytes, single);
    else
      append(bytes, dtype == fb::DType_F16 ? floatToFloat16(single)
                                           : floatToBfloat16(single));
  }
  for (int64_t x : tensor.integers) {
    if (dtype == fb::DType_I64)
      append(bytes, x);
    else
      append(bytes, static_cast<uint8_t>(x));
  }
  return bytes;
}

static Tensor toTensor(std::vector<int64_t> shape, fb::DType dtype,
                       const std::vector<std::byte> &bytes) {
  std::vector<double> reals;
  std::vector<int64_t> integers;
  for (size_t at = 0; at < bytes.size(); at += byteWidth(dtype)) {
    auto as = [&]<typename T>(T value) {
      std::memcpy(&value, bytes.data() + at, sizeof value);
      return value;
    };
    switch (dtype) {
    case fb::DType_F32:
      reals.push_back(as(float()));
      break;
    case fb::DType_BF16:
      reals.push_back(bfloat16ToFloat(as(uint16_t())));
      break;
    case fb::DType_I64:
      integers.push_back(as(int64_t()));
      break;
    default:
      fail("no test reads tensors of {}", dtypeName(dtype));
    }
  }
  return integers.empty()
             ? Tensor::ofReals(std::move(shape), std::move(reals))
             : Tensor::ofIntegers(std::move(shape), std::move(integers));
}

//===----------------------------------------------------------------------===//
// Memory that shows where nothing was written
//===----------------------------------------------------------------------===//

namespace {

/// A device whose arena starts as NaN instead of zero.
class PoisonedDevice : public Device {
public:
  explicit PoisonedDevice(std::unique_ptr<Device> device)
      : device(std::move(device)) {}

  std::string describe() const override { return device->describe(); }
  bool supports(const std::string &feature) const override {
    return device->supports(feature);
  }
  /// But for the host's memory, whose zeros mean something.
  Arena allocateArena(uint64_t bytes, uint64_t hostBytes) override {
    Arena arena = device->allocateArena(bytes, hostBytes);
    std::memset(arena.device, 0xFF, bytes);
    return arena;
  }
  void clearHostMemory() override { device->clearHostMemory(); }
  HostExtent hostExtent(const std::byte *at, uint64_t bytes) const override {
    return device->hostExtent(at, bytes);
  }
  EnqueuedTransfer makeTransfer(const fb::Launch &op,
                                std::vector<BufferView> args) override {
    return device->makeTransfer(op, std::move(args));
  }
  void loadKernels(const fb::Variant &variant) override {
    device->loadKernels(variant);
  }
  std::unique_ptr<Task> makeLaunch(const fb::Launch &op,
                                   std::vector<BufferView> args) override {
    return device->makeLaunch(op, std::move(args));
  }
  std::unique_ptr<Task> makeMatmul(const fb::Matmul &op, BufferView lhs,
                                   BufferView rhs, BufferView out) override {
    return device->makeMatmul(op, lhs, rhs, out);
  }
  std::unique_ptr<Task> makeConv(const fb::Conv &op, BufferView lhs,
                                 BufferView rhs, BufferView result) override {
    return device->makeConv(op, lhs, rhs, result);
  }
  std::unique_ptr<Task> makeCopy(BufferView source,
                                 BufferView target) override {
    return device->makeCopy(source, target);
  }
  void upload(const void *host, BufferView target) override {
    device->upload(host, target);
  }
  void download(BufferView source, void *host) override {
    device->download(source, host);
  }
  void synchronize() override { device->synchronize(); }

private:
  std::unique_ptr<Device> device;
};

/// One rank's part of the job.
class RankRun {
public:
  RankRun(const fb::Plan &plan, Communicator &communicator,
          const std::string &deviceName, int threads)
      : variant(*plan.variants()->Get(0)), rank(communicator.rank()),
        device(openDevice(deviceName, DeviceOptions{threads})),
        executor(plan, variant, device, communicator) {}

  void writeState(const TensorMap &state);
  CallResult call(const ProgramCall &call);

private:
  /// Rows of a variable that this rank has and uses, in the job's table.
  struct Rows {
    int64_t first, count;
  };
  Rows rowsOf(const fb::Variable &variable) const;
  void setInputs(const fb::Program &program, const TensorMap &inputs);
  RankTensors outputs(const fb::Program &program);
  RankTensors variables() const;

  const fb::Variant &variant;
  int rank;
  PoisonedDevice device;
  Executor executor;
};

} // namespace

//===----------------------------------------------------------------------===//
// One rank
//===----------------------------------------------------------------------===//

RankRun::Rows RankRun::rowsOf(const fb::Variable &variable) const {
  if (const fb::RowShard *shard = variable.shard())
    return {rankInteger(*shard->first(), rank),
            rankInteger(*shard->count(), rank)};
  return {0, variable.shape()->Get(0)};
}

void RankRun::writeState(const TensorMap &state) {
  for (const fb::Variable *variable : *variant.variables()) {
    std::string name = variable->name()->str();
    auto value = state.find(name);
    require(value != state.end(), "the state has no variable '{}'", name);
    Rows rows = rowsOf(*variable);
    std::vector<std::byte> bytes =
        toBytes(reference::slice(value->second, 0, rows.first, rows.count),
                variable->dtype());
    bytes.resize(byteSize(*variable->shape(), variable->dtype()),
                 std::byte{0xFF});
    executor.writeVariable(name, bytes.data(), bytes.size());
  }
}

void RankRun::setInputs(const fb::Program &program, const TensorMap &inputs) {
  for (const fb::Binding *binding : *program.inputs()) {
    std::string name = binding->name()->str();
    auto input = inputs.find(name);
    require(input != inputs.end(), "there is no input '{}'", name);
    const fb::Buffer &buffer = *program.buffers()->Get(binding->buffer());
    int64_t rows = buffer.shape()->Get(0);
    const Tensor &whole = input->second;
    std::vector<std::byte> bytes = toBytes(
        whole.rows() == rows ? whole
                             : reference::slice(whole, 0, rank * rows, rows),
        buffer.dtype());
    executor.setInput(program.name()->str(), name, bytes.data(), bytes.size());
  }
}

RankTensors RankRun::outputs(const fb::Program &program) {
  RankTensors result;
  for (const fb::Binding *binding : *program.outputs()) {
    std::string name = binding->name()->str();
    const fb::Buffer &buffer = *program.buffers()->Get(binding->buffer());
    // As floats, which hold the integers of these tests exactly.
    std::vector<float> values = executor.output(program.name()->str(), name);
    std::vector<int64_t> shape = toVector(*buffer.shape());
    result[name].push_back(
        buffer.dtype() == fb::DType_I64
            ? Tensor::ofIntegers(shape, {values.begin(), values.end()})
            : Tensor::ofReals(shape, {values.begin(), values.end()}));
  }
  return result;
}

RankTensors RankRun::variables() const {
  RankTensors result;
  for (const fb::Variable *variable : *variant.variables()) {
    std::string name = variable->name()->str();
    Tensor all = toTensor(toVector(*variable->shape()), variable->dtype(),
                          executor.readVariable(name));
    result[name].push_back(
        reference::slice(all, 0, 0, rowsOf(*variable).count));
  }
  return result;
}

CallResult RankRun::call(const ProgramCall &call) {
  for (const fb::Program *program : *variant.programs())
    if (program->name()->str() == call.program) {
      setInputs(*program, call.inputs);
      executor.run(call.program);
      return {outputs(*program), variables()};
    }
  fail("the plan has no program '{}'", call.program);
}

//===----------------------------------------------------------------------===//
// The job
//===----------------------------------------------------------------------===//

static void merge(RankTensors &all, RankTensors one) {
  for (auto &[name, tensors] : one)
    all[name].push_back(std::move(tensors.front()));
}

std::vector<CallResult> runPlan(const std::string &planBytes,
                                const TensorMap &state,
                                const std::vector<ProgramCall> &calls,
                                const std::string &device, int threads) {
  const fb::Plan &plan =
      verifyPlan(reinterpret_cast<const std::byte *>(planBytes.data()),
                 planBytes.size(), "the plan");
  int ranks = static_cast<int>(plan.world_size());
  std::vector<std::vector<CallResult>> byRank(ranks);
  RankGroup group(ranks);
  group.run([&](Communicator &communicator) {
    RankRun run(plan, communicator, device, threads);
    run.writeState(state);
    for (const ProgramCall &call : calls)
      byRank[communicator.rank()].push_back(run.call(call));
  });
  std::vector<CallResult> results(calls.size());
  for (std::vector<CallResult> &rank : byRank)
    for (size_t i = 0; i < calls.size(); ++i) {
      merge(results[i].outputs, std::move(rank[i].outputs));
      merge(results[i].variables, std::move(rank[i].variables));
    }
  return results;
}

Tensor logicalTensor(const std::string &name, const std::vector<Tensor> &ranks,
                     int64_t rows) {
  if (ranks.front().rows() != rows)
    return reference::concatenate(ranks, 0);
  for (size_t rank = 1; rank < ranks.size(); ++rank)
    require(ranks[rank].identical(ranks.front()),
            "'{}' differs between ranks 0 and {}", name, rank);
  return ranks.front();
}

bool cpuHas(const std::string &feature) {
  return openDevice("cpu", DeviceOptions{1})->supports(feature);
}

} // namespace pfc::test
