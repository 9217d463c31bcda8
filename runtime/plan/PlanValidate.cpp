#include "runtime/plan/PlanValidate.h"

#include "runtime/base/Error.h"
#include "runtime/plan/InstructionBuffers.h"
#include "runtime/plan/PlanFile.h"
#include "runtime/plan/RankInteger.h"
#include "runtime/plan/Shape.h"
#include "runtime/plan/ValidateBranches.h"
#include "runtime/plan/ValidateOperation.h"
#include "runtime/plan/ValidateWaits.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <set>

namespace pfc::rt {
namespace {

using namespace plan::fb;

constexpr uint64_t bufferAlignment = 64;
constexpr uint64_t hostAlignment = 64 << 10;
constexpr int64_t maximumWorldSize = int64_t{1} << 20;
constexpr uint64_t maximumArenaBytes = uint64_t{1} << 42;

/// Bytes [begin, end) of the arena.
struct Range {
  uint64_t begin, end;
};

/// Where the host's memory begins in the arena: at its end if there is none.
uint64_t hostBegin(const Variant &variant) {
  return variant.arena_bytes() - variant.host_bytes();
}

/// What lies in the device's memory and the host's lies in none.
void validatePlacement(Range range, const Variant &variant,
                       const std::string &where) {
  require(range.end <= hostBegin(variant) || range.begin >= hostBegin(variant),
          "{} (bytes {}..{}) lies across byte {}, where the host's memory "
          "begins",
          where, range.begin, range.end, hostBegin(variant));
}

/// Only transfers and the host itself reach the host's memory.
void validateHostBuffers(const Instruction &instruction, const Program &program,
                         const Variant &variant, const std::string &where) {
  if (const Launch *launch = instruction.operation_as_Launch();
      launch && launch->transfer())
    return;
  for (uint32_t index : buffersOf(instruction)) {
    const Buffer &buffer = *program.buffers()->Get(index);
    require(variant.host_bytes() == 0 || buffer.offset() < hostBegin(variant),
            "{}: buffer {} is in the host's memory, which only a transfer "
            "may take",
            where, index);
  }
}

Range validateStorage(DType dtype, const flatbuffers::Vector<int64_t> &shape,
                      uint64_t offset, uint64_t arenaBytes,
                      const std::string &where) {
  require(dtype >= DType_MIN && dtype <= DType_MAX,
          "{} has an unknown element type {}", where, static_cast<int>(dtype));
  std::optional<int64_t> elements = checkedElements(shape);
  uint64_t bytes = 0;
  require(elements && !__builtin_mul_overflow(static_cast<uint64_t>(*elements),
                                              byteWidth(dtype), &bytes),
          "{}: shape {} is impossible", where, shapeText(shape, dtype));
  require(offset % bufferAlignment == 0,
          "{} starts at byte {}, which is not a multiple of {}", where, offset,
          bufferAlignment);
  uint64_t end = 0;
  require(!__builtin_add_overflow(offset, bytes, &end) && end <= arenaBytes,
          "{} ends at byte {}, beyond the arena of {} bytes", where,
          offset + bytes, arenaBytes);
  return {offset, end};
}

/// The formulas are linear in the rank up to one below their thresholds, and
/// from there on: what is so of these ranks and those behind them is so of all.
std::vector<int64_t>
decidingRanks(int64_t worldSize,
              std::initializer_list<const RankInteger *> formulas) {
  std::set<int64_t> ranks;
  auto take = [&](int64_t rank) {
    if (rank >= 0 && rank < worldSize)
      ranks.insert(rank);
  };
  for (int64_t rank : {int64_t{0}, worldSize - 2, worldSize - 1})
    take(rank);
  for (const RankInteger *formula : formulas) {
    int64_t threshold = std::clamp(formula->threshold(), int64_t{0}, worldSize);
    for (int64_t rank = threshold - 2; rank <= threshold; ++rank)
      take(rank);
  }
  return {ranks.begin(), ranks.end()};
}

void validateShard(const RowShard &shard, const Variable &variable,
                   int64_t worldSize, const std::string &where) {
  require(variable.shape()->size() >= 1, "{}: a shard needs rows", where);
  int64_t capacity = variable.shape()->Get(0);
  auto rowsOf = [&](int64_t rank) {
    std::optional<int64_t> first = checkedRankInteger(*shard.first(), rank);
    std::optional<int64_t> count = checkedRankInteger(*shard.count(), rank);
    int64_t end = 0;
    require(first && count && *count >= 0 && *count <= capacity &&
                !__builtin_add_overflow(*first, *count, &end),
            "{}: rank {} would hold {} rows of at most {}", where, rank,
            count.value_or(-1), capacity);
    return std::pair(*first, end);
  };
  auto startsAt = [&](int64_t rank, int64_t row) {
    require(rowsOf(rank).first == row,
            "{}: rank {} starts at row {}, the ranks before it end at {}",
            where, rank, rowsOf(rank).first, row);
  };
  startsAt(0, 0);
  for (int64_t rank :
       decidingRanks(worldSize, {shard.first(), shard.count()})) {
    int64_t end = rowsOf(rank).second;
    if (rank + 1 < worldSize)
      startsAt(rank + 1, end);
    else
      require(end == shard.rows(), "{}: the ranks hold {} rows of {}", where,
              end, shard.rows());
  }
}

/// How a variable is written to a state dict: view, transpose, reshape. A
/// sharded variable keeps its rows; views describe replicated ones.
void validateExport(const Variable &variable, const std::string &where) {
  const auto *view = variable.export_view();
  const auto *permutation = variable.export_perm();
  const auto *shape = variable.export_shape();
  int64_t elements = *checkedElements(*variable.shape());
  for (const auto *extents : {view, shape})
    require(!extents || extents->size() == 0 ||
                checkedElements(*extents) == elements,
            "{}: its export shape has another number of elements", where);
  if (!permutation || permutation->size() == 0)
    return;
  const auto &permuted = view && view->size() != 0 ? *view : *variable.shape();
  std::set<int32_t> axes(permutation->begin(), permutation->end());
  require(axes.size() == permutation->size() &&
              permutation->size() == permuted.size() && *axes.begin() == 0 &&
              *axes.rbegin() == static_cast<int32_t>(permuted.size()) - 1,
          "{}: export_perm is no permutation of its {} axes", where,
          permuted.size());
}

Range validateVariable(const Variable &variable, const Variant &variant,
                       int64_t worldSize, const std::string &where) {
  Range range =
      validateStorage(variable.dtype(), *variable.shape(), variable.offset(),
                      variant.arena_bytes(), where);
  require(variable.role() >= Role_MIN && variable.role() <= Role_MAX,
          "{} has an unknown role {}", where,
          static_cast<int>(variable.role()));
  const Init &init = *variable.init();
  require(init.kind() >= InitKind_MIN && init.kind() <= InitKind_MAX,
          "{} has an unknown initializer {}", where,
          static_cast<int>(init.kind()));
  require(std::isfinite(init.a()) && std::isfinite(init.b()),
          "{}: its initializer is not finite", where);
  if (variable.shard())
    validateShard(*variable.shard(), variable, worldSize, where);
  validateExport(variable, where);
  validatePlacement(range, variant, where);
  return range;
}

std::vector<Range> validateVariables(const Variant &variant, int64_t worldSize,
                                     const std::string &where) {
  struct Placed {
    Range range;
    std::string name;
  };
  std::vector<Placed> placed;
  std::set<std::string> names;
  for (const Variable *variable : *variant.variables()) {
    std::string name = variable->name()->str();
    std::string what = fmt::format("{}: variable '{}'", where, name);
    require(!name.empty(), "{}: a variable has no name", where);
    require(names.insert(name).second, "{} is there twice", what);
    placed.push_back(
        {validateVariable(*variable, variant, worldSize, what), name});
  }
  std::sort(placed.begin(), placed.end(), [](const Placed &a, const Placed &b) {
    return a.range.begin < b.range.begin;
  });
  for (size_t i = 1; i < placed.size(); ++i)
    require(placed[i - 1].range.end <= placed[i].range.begin,
            "{}: variables '{}' and '{}' overlap", where, placed[i - 1].name,
            placed[i].name);
  std::vector<Range> ranges;
  for (const Placed &variable : placed)
    ranges.push_back(variable.range);
  return ranges;
}

/// A buffer is working memory (touches no variable), a view of a variable, or
/// one of a run of whole variables; anything else would be a planner's slip.
void validateAgainstState(Range buffer, const std::vector<Range> &state,
                          const std::string &where) {
  auto first = std::partition_point(
      state.begin(), state.end(),
      [&](const Range &variable) { return variable.end <= buffer.begin; });
  auto end =
      std::partition_point(first, state.end(), [&](const Range &variable) {
        return variable.begin < buffer.end;
      });
  if (first == end)
    return;
  // Those between the outermost ones it is around.
  for (const Range &variable : {*first, *std::prev(end)}) {
    bool inside = variable.begin <= buffer.begin && buffer.end <= variable.end;
    bool around = buffer.begin <= variable.begin && variable.end <= buffer.end;
    require(inside || around,
            "{} (bytes {}..{}) covers a part of the variable at bytes {}..{}",
            where, buffer.begin, buffer.end, variable.begin, variable.end);
  }
}

/// A span covers its parts, one behind the other, and nothing else.
void validateSpan(const Buffer &span, const Program &program,
                  const std::string &where) {
  if (!span.parts() || span.parts()->size() == 0)
    return;
  const auto &buffers = *program.buffers();
  uint64_t next = span.offset();
  for (uint32_t index : *span.parts()) {
    require(index < buffers.size(),
            "{}: a part is buffer {}, but the program has {} buffers", where,
            index, buffers.size());
    const Buffer &part = *buffers.Get(index);
    require(!part.parts() || part.parts()->size() == 0,
            "{}: its part, buffer {}, has parts itself", where, index);
    require(part.dtype() == span.dtype() && part.offset() == next,
            "{}: its part, buffer {}, is {} at byte {}; {} at byte {} would "
            "come next",
            where, index, dtypeName(part.dtype()), part.offset(),
            dtypeName(span.dtype()), next);
    next += byteSize(*part.shape(), part.dtype());
  }
  require(next == span.offset() + byteSize(*span.shape(), span.dtype()),
          "{}: its parts end at byte {}, it at byte {}", where, next,
          span.offset() + byteSize(*span.shape(), span.dtype()));
}

void validateBindings(
    const flatbuffers::Vector<flatbuffers::Offset<Binding>> &bindings,
    const char *kind, const Program &program, const std::string &where) {
  std::set<std::string> names;
  for (const Binding *binding : bindings) {
    std::string name = binding->name()->str();
    require(names.insert(name).second, "{}: {} '{}' is there twice", where,
            kind, name);
    require(binding->buffer() < program.buffers()->size(),
            "{}: {} '{}' is buffer {}, but the program has {} buffers", where,
            kind, name, binding->buffer(), program.buffers()->size());
  }
}

void validateConstants(const Program &program, int64_t worldSize,
                       const std::string &where) {
  for (const RankConstant *constant : *program.constants()) {
    require(constant->buffer() < program.buffers()->size(),
            "{}: a constant is buffer {}, but the program has {} buffers",
            where, constant->buffer(), program.buffers()->size());
    const auto &buffer = *program.buffers()->Get(constant->buffer());
    require(buffer.dtype() == DType_I64 &&
                *checkedElements(*buffer.shape()) == 1,
            "{}: the constant in buffer {} is not one i64", where,
            constant->buffer());
    for (int64_t rank : decidingRanks(worldSize, {constant->value()}))
      require(checkedRankInteger(*constant->value(), rank).has_value(),
              "{}: the constant in buffer {} overflows on rank {}", where,
              constant->buffer(), rank);
  }
}

/// An instruction's name for messages.
std::string placeOf(const Instruction &instruction, const std::string &where) {
  return instruction.location()
             ? fmt::format("{} ({})", where, instruction.location()->str())
             : where;
}

/// Of a form, which is no transfer and waits for none.
void validateFormInstruction(const Instruction &instruction,
                             const std::string &where) {
  require(!isTransfer(instruction) &&
              instruction.operation_type() != Operation_Wait,
          "{}: a form can't have transfers or waits", where);
}

void validateReplaced(const Alternative &alternative, const Program &program,
                      const std::string &where) {
  uint32_t count = program.instructions()->size();
  require(alternative.first() < count && alternative.count() >= 1 &&
              alternative.count() <= count - alternative.first(),
          "{}: is for {} instructions from {} on, but the program has {}",
          where, alternative.count(), alternative.first(), count);
  for (uint32_t i = 0; i < alternative.count(); ++i)
    validateFormInstruction(
        *program.instructions()->Get(alternative.first() + i), where);
}

void validateAlternative(const Alternative &alternative, OperationScope scope,
                         const std::string &where) {
  const Program &program = scope.program;
  uint32_t number = 0;
  for (const Instruction *instruction : *alternative.instructions()) {
    scope.where = placeOf(*instruction,
                          fmt::format("{}, instruction {}", where, number++));
    validateOperation(*instruction, scope);
    validateFormInstruction(*instruction, scope.where);
    validateHostBuffers(*instruction, program, scope.variant, scope.where);
  }
  for (uint32_t buffer : *alternative.results())
    require(buffer < program.buffers()->size(),
            "{}: a result is buffer {}, but the program has {} buffers", where,
            buffer, program.buffers()->size());
}

/// No instruction is in two choices.
void validateAlternatives(const Program &program, const OperationScope &scope,
                          const std::string &where) {
  if (!program.alternatives())
    return;
  uint32_t first = 0, end = 0; // of the choice before
  for (uint32_t i = 0; i < program.alternatives()->size(); ++i) {
    const Alternative &alternative = *program.alternatives()->Get(i);
    std::string what = fmt::format("{}, alternative {}", where, i);
    const bool another = i == 0 || alternative.first() != first ||
                         alternative.count() != end - first;
    if (another)
      validateReplaced(alternative, program, what);
    validateAlternative(alternative, scope, what);
    uint32_t last = alternative.first() + alternative.count();
    require(!another || alternative.first() >= end,
            "{}: is for instructions {} to {}, and one before it for {} to {}",
            what, alternative.first(), last - 1, first, end - 1);
    first = alternative.first();
    end = last;
  }
}

void validateProgram(const Program &program, const Variant &variant,
                     const std::vector<Range> &state, int64_t worldSize,
                     const std::string &where) {
  for (uint32_t i = 0; i < program.buffers()->size(); ++i) {
    const auto &buffer = *program.buffers()->Get(i);
    std::string what = fmt::format("{}: buffer {}", where, i);
    if (buffer.name() && buffer.name()->size() != 0)
      what += fmt::format(" ({})", buffer.name()->str());
    Range range = validateStorage(buffer.dtype(), *buffer.shape(),
                                  buffer.offset(), variant.arena_bytes(), what);
    validateAgainstState(range, state, what);
    validatePlacement(range, variant, what);
  }
  for (uint32_t i = 0; i < program.buffers()->size(); ++i)
    validateSpan(*program.buffers()->Get(i), program,
                 fmt::format("{}: span {}", where, i));
  validateBindings(*program.inputs(), "input", program, where);
  validateBindings(*program.outputs(), "output", program, where);
  validateConstants(program, worldSize, where);
  OperationScope scope{variant, program, worldSize, {}};
  for (uint32_t i = 0; i < program.instructions()->size(); ++i) {
    const Instruction &instruction = *program.instructions()->Get(i);
    scope.where =
        placeOf(instruction, fmt::format("{}, instruction {}", where, i));
    validateOperation(instruction, scope);
    validateHostBuffers(instruction, program, variant, scope.where);
  }
  validateWaits(program, where);
  validateAlternatives(program, scope, where);
  validateBranches(program, where);
}

/// On CUDA a kernel says what it is launched with; no chip takes blocks of more
/// threads.
void validateBlocks(const Kernel &kernel, const std::string &where) {
  require(kernel.threads() >= 1 && kernel.threads() <= 1024,
          "{}: kernel '{}' wants blocks of {} threads; a block has 1 to 1024",
          where, kernel.name()->str(), kernel.threads());
  require(kernel.shared() <= 227 << 10,
          "{}: kernel '{}' wants {} bytes of shared memory; a block has up to "
          "{}",
          where, kernel.name()->str(), kernel.shared(), 227 << 10);
}

void validateKernel(const Kernel &kernel, const Variant &variant,
                    const std::string &where) {
  if (variant.kernel_cuda() && variant.kernel_cuda()->size() != 0)
    validateBlocks(kernel, where);
  if (kernel.tensor_maps())
    for (const TensorMap *map : *kernel.tensor_maps())
      require(map->argument() < kernel.arguments() && map->rows() >= 1 &&
                  map->rows() <= 256 && map->columns() >= 1 &&
                  map->columns() <= 256,
              "{}: kernel '{}' copies boxes of {} x {} of argument {}; it has "
              "{} arguments, and a box 1 to 256 rows and columns",
              where, kernel.name()->str(), map->rows(), map->columns(),
              map->argument(), kernel.arguments());
  if (kernel.numbers())
    for (auto type : *kernel.numbers())
      require(type == DType_I32 || type == DType_I64 || type == DType_F32,
              "{}: kernel '{}' takes a number of type {}; there are i32, i64 "
              "and f32",
              where, kernel.name()->str(), static_cast<int>(type));
}

void validateVariant(const Variant &variant, int64_t worldSize,
                     const std::string &where) {
  require(variant.arena_bytes() <= maximumArenaBytes,
          "{}: an arena of {} bytes is impossible", where,
          variant.arena_bytes());
  require(variant.host_bytes() <= variant.arena_bytes() &&
              (variant.host_bytes() == 0 ||
               hostBegin(variant) % hostAlignment == 0),
          "{}: {} bytes of host memory at the end of an arena of {} are "
          "impossible",
          where, variant.host_bytes(), variant.arena_bytes());
  std::vector<Range> state = validateVariables(variant, worldSize, where);
  std::set<std::string> kernels, programs;
  for (const Kernel *kernel : *variant.kernels()) {
    require(kernel->name()->size() != 0 &&
                kernels.insert(kernel->name()->str()).second,
            "{}: kernel '{}' is there twice, or has no name", where,
            kernel->name()->str());
    validateKernel(*kernel, variant, where);
  }
  for (const Program *program : *variant.programs()) {
    std::string name = program->name()->str();
    require(programs.insert(name).second, "{}: program '{}' is there twice",
            where, name);
    validateProgram(*program, variant, state, worldSize,
                    fmt::format("{}: program '{}'", where, name));
  }
}

/// Whether there are any; each must lie behind the one before.
template <typename T>
bool hasMilestones(const flatbuffers::Vector<T> *milestones,
                   const std::string &name) {
  if (!milestones)
    return false;
  T last = 0;
  for (T milestone : *milestones) {
    require(milestone > last && std::isfinite(static_cast<double>(milestone)),
            "{}: the schedule's milestones must ascend: {} follows {}", name,
            milestone, last);
    last = milestone;
  }
  return milestones->size() != 0;
}

void validateMilestones(const Settings &settings, const std::string &name) {
  bool steps = hasMilestones(settings.milestone_steps(), name);
  bool epochs = hasMilestones(settings.milestone_epochs(), name);
  require(!steps || !epochs, "{}: milestones in steps and in epochs", name);
  double gamma = settings.schedule_gamma();
  bool falls = steps || epochs;
  require(falls ? gamma > 0 && gamma <= 1 : gamma == 0,
          "{}: a schedule {} milestones falls by {} at each", name,
          falls ? "with" : "without", gamma);
}

void validateSettings(const Settings &settings, const std::string &name) {
  // Products of a size with the number of ranks stay far below 64 bits.
  constexpr int64_t largest = std::numeric_limits<int64_t>::max(),
                    largestSize = std::numeric_limits<int32_t>::max();
  struct {
    const char *what;
    int64_t value, minimum, maximum = largest;
  } const checks[] = {
      {"embedding_size", settings.embedding_size(), 1, largestSize},
      {"input_height", settings.input_height(), 1, largestSize},
      {"input_width", settings.input_width(), 1, largestSize},
      {"input_channels", settings.input_channels(), 1, largestSize},
      {"classes", settings.classes(), 1},
      {"batch_per_rank", settings.batch_per_rank(), 1, largestSize},
      {"steps", settings.steps(), 0},
      {"log_every", settings.log_every(), 0},
      {"warmup_steps", settings.warmup_steps(), 0},
      {"verify_every", settings.verify_every(), 0},
      {"max_bad_records", settings.max_bad_records(), 0},
      {"data_threads", settings.data_threads(), 0},
  };
  for (const auto &check : checks) {
    require(check.value >= check.minimum, "{}: setting {} is {}, less than {}",
            name, check.what, check.value, check.minimum);
    require(check.value <= check.maximum, "{}: setting {} is {}, more than {}",
            name, check.what, check.value, check.maximum);
  }
  for (double value : {settings.epochs(), settings.warmup_epochs(),
                       settings.learning_rate(), settings.schedule_power()})
    require(std::isfinite(value) && value >= 0,
            "{}: a setting of the schedule is {}", name, value);
  validateMilestones(settings, name);
}

} // namespace

void validatePlan(const plan::fb::Plan &plan, const std::string &name) {
  require(plan.format_version() >= 1 &&
              plan.format_version() <= planFormatVersion,
          "{}: plan format {} is newer than this program's ({}): use a newer "
          "pfc, or compile the spec with this one",
          name, plan.format_version(), planFormatVersion);
  require(plan.world_size() >= 1 && plan.world_size() <= maximumWorldSize,
          "{}: a world size of {} is impossible", name, plan.world_size());
  validateSettings(*plan.settings(), name);
  require(plan.variants()->size() != 0, "{}: the plan has no variant", name);
  for (const Variant *variant : *plan.variants()) {
    std::string where = name;
    if (plan.variants()->size() > 1)
      where += fmt::format(": variant {}", variant->precision()->str());
    validateVariant(*variant, plan.world_size(), where);
  }
}

} // namespace pfc::rt
