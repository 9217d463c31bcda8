#include "runtime/plan/ValidateOperation.h"

#include "runtime/base/Error.h"
#include "runtime/plan/InstructionBuffers.h"
#include "runtime/plan/Shape.h"

#include <initializer_list>

namespace pfc::rt {
namespace {

using namespace plan::fb;

/// Larger than any extent of a real plan; products of two still fit 64 bits.
constexpr int64_t maximumExtent = int64_t{1} << 31;

const plan::fb::Buffer &bufferAt(uint32_t index, const char *role,
                                 const OperationScope &scope) {
  const auto &buffers = *scope.program.buffers();
  require(index < buffers.size(),
          "{}: {} is buffer {}, but the program has {} buffers", scope.where,
          role, index, buffers.size());
  return *buffers[index];
}

bool sameBytes(const plan::fb::Buffer &a, const plan::fb::Buffer &b) {
  return a.offset() == b.offset() &&
         byteSize(*a.shape(), a.dtype()) == byteSize(*b.shape(), b.dtype());
}

/// Product of extents that were checked against maximumExtent.
void requireElements(const plan::fb::Buffer &buffer, const char *role,
                     std::initializer_list<int64_t> extents,
                     const OperationScope &scope) {
  int64_t expected = 1;
  for (int64_t extent : extents)
    require(!__builtin_mul_overflow(expected, extent, &expected),
            "{}: the size of {} overflows", scope.where, role);
  int64_t actual = *checkedElements(*buffer.shape());
  require(actual == expected,
          "{}: {} ({}) has {} elements, the operation needs {}", scope.where,
          role, shapeText(*buffer.shape(), buffer.dtype()), actual, expected);
}

void requireExtents(std::initializer_list<int64_t> extents, int64_t minimum,
                    const OperationScope &scope) {
  for (int64_t extent : extents)
    require(extent >= minimum && extent < maximumExtent,
            "{}: an extent of {} is out of range", scope.where, extent);
}

/// Products take fp32, or bf16 or fp16 with a result of fp32 or the same.
void requireProductTypes(const plan::fb::Buffer &lhs,
                         const plan::fb::Buffer &rhs,
                         const plan::fb::Buffer &result,
                         const OperationScope &scope) {
  bool fp32 = lhs.dtype() == DType_F32 && result.dtype() == DType_F32;
  bool narrow = (lhs.dtype() == DType_BF16 || lhs.dtype() == DType_F16) &&
                (result.dtype() == DType_F32 || result.dtype() == lhs.dtype());
  require(lhs.dtype() == rhs.dtype() && (fp32 || narrow),
          "{}: no product of {} and {} into {}", scope.where,
          dtypeName(lhs.dtype()), dtypeName(rhs.dtype()),
          dtypeName(result.dtype()));
  require(!overlap(result, lhs) && !overlap(result, rhs),
          "{}: the result overlaps an operand", scope.where);
}

/// What is copied in boxes must be a matrix that a chip's copies take.
void validateTensorMaps(const Launch &op, const Kernel &kernel,
                        const OperationScope &scope) {
  if (!kernel.tensor_maps())
    return;
  for (const TensorMap *map : *kernel.tensor_maps()) {
    const auto &matrix =
        bufferAt(op.arguments()->Get(map->argument()), "an argument", scope);
    uint64_t width = byteWidth(matrix.dtype());
    require(matrix.shape()->size() == 2 &&
                uint64_t(matrix.shape()->Get(1)) * width % 16 == 0 &&
                map->columns() * width == 128,
            "{}: kernel '{}' copies boxes of {} columns of argument {}; such a "
            "matrix has rows of multiples of 16 bytes, and a box 128 of them",
            scope.where, kernel.name()->str(), map->columns(), map->argument());
  }
}

void validate(const Launch &op, const OperationScope &scope) {
  const auto &kernels = *scope.variant.kernels();
  require(op.kernel() < kernels.size(),
          "{}: launches kernel {}, but the variant has {}", scope.where,
          op.kernel(), kernels.size());
  const Kernel &kernel = *kernels[op.kernel()];
  require(op.arguments()->size() == kernel.arguments(),
          "{}: kernel '{}' takes {} buffers, the launch gives {}", scope.where,
          kernel.name()->str(), kernel.arguments(), op.arguments()->size());
  for (uint32_t argument : *op.arguments())
    bufferAt(argument, "an argument", scope);
  auto count = [](const auto *list) { return list ? list->size() : 0; };
  require(count(op.numbers()) == count(kernel.numbers()),
          "{}: kernel '{}' takes {} numbers, the launch gives {}", scope.where,
          kernel.name()->str(), count(kernel.numbers()), count(op.numbers()));
  validateTensorMaps(op, kernel, scope);
  requireExtents({op.extent()}, 0, scope);
  require(op.transfer() || count(op.writes()) == 0,
          "{}: says what it writes, and is no transfer", scope.where);
  if (op.writes())
    for (uint32_t argument : *op.writes())
      require(argument < op.arguments()->size(), "{}: writes argument {} of {}",
              scope.where, argument, op.arguments()->size());
}

void validate(const Matmul &op, const OperationScope &scope) {
  const auto &lhs = bufferAt(op.lhs(), "lhs", scope);
  const auto &rhs = bufferAt(op.rhs(), "rhs", scope);
  const auto &out = bufferAt(op.out(), "out", scope);
  requireExtents({op.batch(), op.m(), op.n(), op.k()}, 1, scope);
  requireElements(lhs, "lhs", {op.batch(), op.m(), op.k()}, scope);
  requireElements(rhs, "rhs", {op.batch(), op.k(), op.n()}, scope);
  requireElements(out, "out", {op.batch(), op.m(), op.n()}, scope);
  requireProductTypes(lhs, rhs, out, scope);
  require(!op.accumulate() || out.dtype() == DType_F32,
          "{}: adds a product to {}, not to fp32", scope.where,
          dtypeName(out.dtype()));
}

void validate(const Conv &op, const OperationScope &scope) {
  require(op.kind() >= ConvKind_MIN && op.kind() <= ConvKind_MAX,
          "{}: unknown convolution kind {}", scope.where,
          static_cast<int>(op.kind()));
  requireExtents({op.batch(), op.in_height(), op.in_width(), op.in_channels(),
                  op.out_channels(), op.kernel(), op.stride(), op.groups()},
                 1, scope);
  require(op.in_channels() % op.groups() == 0 &&
              op.out_channels() % op.groups() == 0,
          "{}: {} groups of {} channels to {}", scope.where, op.groups(),
          op.in_channels(), op.out_channels());
  requireExtents({op.padding()}, 0, scope);
  require(op.padding() < op.kernel(),
          "{}: padding {} is not less than the kernel size {}", scope.where,
          op.padding(), op.kernel());
  require(op.in_height() + 2 * op.padding() >= op.kernel() &&
              op.in_width() + 2 * op.padding() >= op.kernel(),
          "{}: a kernel of {} is larger than the padded image", scope.where,
          op.kernel());
  int64_t outHeight =
      (op.in_height() + 2 * op.padding() - op.kernel()) / op.stride() + 1;
  int64_t outWidth =
      (op.in_width() + 2 * op.padding() - op.kernel()) / op.stride() + 1;

  const auto &lhs = bufferAt(op.lhs(), "lhs", scope);
  const auto &rhs = bufferAt(op.rhs(), "rhs", scope);
  const auto &result = bufferAt(op.result(), "result", scope);
  bool backwardData = op.kind() == ConvKind_BackwardData;
  bool backwardWeights = op.kind() == ConvKind_BackwardWeights;
  const auto &input = backwardData ? result : lhs;
  const auto &weights = backwardWeights ? result : rhs;
  const auto &output = backwardData ? lhs : backwardWeights ? rhs : result;
  requireElements(input, "the input",
                  {op.batch(), op.in_height(), op.in_width(), op.in_channels()},
                  scope);
  requireElements(weights, "the weight",
                  {op.out_channels(), op.kernel(), op.kernel(),
                   op.in_channels() / op.groups()},
                  scope);
  requireElements(output, "the output",
                  {op.batch(), outHeight, outWidth, op.out_channels()}, scope);
  requireProductTypes(lhs, rhs, result, scope);
}

void validate(const Copy &op, const OperationScope &scope) {
  const auto &source = bufferAt(op.source(), "source", scope);
  const auto &target = bufferAt(op.target(), "target", scope);
  require(byteSize(*source.shape(), source.dtype()) ==
              byteSize(*target.shape(), target.dtype()),
          "{}: copies {} to {}", scope.where,
          shapeText(*source.shape(), source.dtype()),
          shapeText(*target.shape(), target.dtype()));
  require(!overlap(source, target) || sameBytes(source, target),
          "{}: the target overlaps a part of the source", scope.where);
}

void validate(const Collective &op, const OperationScope &scope) {
  const auto &source = bufferAt(op.source(), "source", scope);
  const auto &target = bufferAt(op.target(), "target", scope);
  require(op.kind() >= CollectiveKind_MIN && op.kind() <= CollectiveKind_MAX,
          "{}: unknown collective {}", scope.where,
          static_cast<int>(op.kind()));
  require(source.dtype() == target.dtype(), "{}: source is {}, target is {}",
          scope.where, dtypeName(source.dtype()), dtypeName(target.dtype()));
  int64_t sourceElements = *checkedElements(*source.shape());
  int64_t targetElements = *checkedElements(*target.shape());
  if (op.kind() == CollectiveKind_AllGather) {
    requireElements(target, "target", {sourceElements, scope.worldSize}, scope);
    require(!overlap(source, target),
            "{}: the target of a gather overlaps its source", scope.where);
    return;
  }
  bool summable = source.dtype() == DType_F32 || source.dtype() == DType_BF16 ||
                  source.dtype() == DType_I64;
  require(summable, "{}: sums over ranks take f32, bf16 or i64, not {}",
          scope.where, dtypeName(source.dtype()));
  if (op.kind() == CollectiveKind_ReduceScatterSum) {
    requireElements(source, "source", {targetElements, scope.worldSize}, scope);
    return;
  }
  requireElements(target, "target", {sourceElements}, scope);
  require(!overlap(source, target) || sameBytes(source, target),
          "{}: the target overlaps a part of the source", scope.where);
}

} // namespace

void validateOperation(const Instruction &instruction,
                       const OperationScope &scope) {
  switch (instruction.operation_type()) {
  case Operation_Launch:
    return validate(*instruction.operation_as_Launch(), scope);
  case Operation_Matmul:
    return validate(*instruction.operation_as_Matmul(), scope);
  case Operation_Conv:
    return validate(*instruction.operation_as_Conv(), scope);
  case Operation_Copy:
    return validate(*instruction.operation_as_Copy(), scope);
  case Operation_Collective:
    return validate(*instruction.operation_as_Collective(), scope);
  case Operation_Wait:
    return; // ValidateWaits.h
  default:
    fail("{}: unknown operation {} (a plan of a newer pfcc?)", scope.where,
         static_cast<int>(instruction.operation_type()));
  }
}

} // namespace pfc::rt
