#include "runtime/plan/PlanMemory.h"

#include "runtime/plan/InstructionBuffers.h"
#include "runtime/plan/Shape.h"

#include <algorithm>
#include <limits>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

namespace pfc::rt {
namespace {

using namespace plan::fb;

std::string_view textOf(const flatbuffers::String *text) {
  return text ? std::string_view(text->c_str(), text->size())
              : std::string_view();
}

Purpose purposeOf(const Variable &variable) {
  const bool head = variable.shard() != nullptr;
  switch (variable.role()) {
  case Role_Parameter:
    return head ? Purpose::ClassCenters : Purpose::Parameters;
  case Role_OptimizerState:
    return head ? Purpose::ClassCenterState : Purpose::ParameterState;
  case Role_Buffer:
    return Purpose::Statistics;
  }
  return Purpose::Other;
}

/// The extents that tell buffers apart.
struct StepShape {
  int64_t batch = 0;                            ///< images of the rank
  std::set<std::pair<int64_t, int64_t>> logits; ///< of the head's tiles
  std::set<std::string_view> variables;         ///< their names
  std::set<std::vector<int64_t>> parameters;    ///< their shapes
};

/// The head's products with a transposed table make logits.
StepShape stepShape(const Variant &variant, const Program &step,
                    int64_t batch) {
  StepShape shape;
  shape.batch = batch;
  for (const Variable *variable : *variant.variables()) {
    shape.variables.insert(textOf(variable->name()));
    if (variable->role() == Role_Parameter)
      shape.parameters.emplace(variable->shape()->begin(),
                               variable->shape()->end());
  }
  for (const Instruction *instruction : *step.instructions())
    if (const Matmul *product = instruction->operation_as_Matmul();
        product && product->batch() == 1 && product->transpose_rhs() &&
        belongsToHead(instruction->location()))
      shape.logits.emplace(product->m(), product->n());
  return shape;
}

/// By name and shape, as the compiler gives them: a gradient's name ends in
/// ".grad"; what has rows of images first is an activation.
Purpose purposeOf(const Buffer &buffer, const StepShape &step) {
  const auto &shape = *buffer.shape();
  if (belongsToHead(buffer.name())) {
    const bool logits = shape.size() == 2 &&
                        step.logits.count({shape.Get(0), shape.Get(1)}) != 0;
    return logits ? Purpose::Logits : Purpose::HeadRows;
  }
  // A network may have as many channels as the batch has images: then what has
  // a parameter's name or, of a filter, its shape is of that.
  const bool gradient = textOf(buffer.name()).ends_with(".grad");
  const bool ofParameter =
      step.variables.count(textOf(buffer.name())) != 0 ||
      ((gradient || shape.size() == 4) &&
       step.parameters.count({shape.begin(), shape.end()}) != 0);
  const bool perImage =
      shape.size() >= 2 && shape[0] % step.batch == 0 && !ofParameter;
  if (gradient)
    return perImage ? Purpose::ActivationGradients
                    : Purpose::ParameterGradients;
  return perImage ? Purpose::Activations : Purpose::Other;
}

struct Lifetime {
  uint32_t first = std::numeric_limits<uint32_t>::max(), last = 0;

  void include(uint32_t instruction) {
    first = std::min(first, instruction);
    last = std::max(last, instruction);
  }
  void include(const Lifetime &other) {
    first = std::min(first, other.first);
    last = std::max(last, other.last);
  }
  bool contains(uint32_t instruction) const {
    return first <= instruction && instruction <= last;
  }
};

std::vector<Lifetime> lifetimes(const Program &program) {
  std::vector<Lifetime> result(program.buffers()->size());
  const uint32_t count = program.instructions()->size();
  for (uint32_t i = 0; i < count; ++i)
    for (uint32_t buffer : buffersOf(*program.instructions()->Get(i)))
      result[buffer].include(i);
  if (program.alternatives())
    for (const Alternative *alternative : *program.alternatives())
      for (const Instruction *instruction : *alternative->instructions())
        for (uint32_t buffer : buffersOf(*instruction)) {
          result[buffer].include(alternative->first());
          result[buffer].include(alternative->first() + alternative->count() -
                                 1);
        }
  if (program.branches())
    for (const Branch *branch : *program.branches())
      for (uint32_t i = 0; i < branch->count(); ++i)
        for (uint32_t buffer :
             buffersOf(*program.instructions()->Get(branch->first() + i)))
          result[buffer].include(branch->end() - 1);
  for (const Binding *input : *program.inputs())
    result[input->buffer()].include(0);
  for (const Binding *output : *program.outputs())
    result[output->buffer()].include(count - 1);
  for (uint32_t i = 0; i < program.buffers()->size(); ++i)
    if (const auto *parts = program.buffers()->Get(i)->parts())
      for (uint32_t part : *parts)
        result[part].include(result[i]);
  return result;
}

/// No state, nothing of the host's, and no span, whose parts count.
bool isWorking(const Buffer &buffer, uint64_t persistentEnd,
               uint64_t arenaBytes) {
  return buffer.offset() >= persistentEnd && buffer.offset() < arenaBytes &&
         (!buffer.parts() || buffer.parts()->size() == 0);
}

/// The working part of the arena at each instruction.
class Timeline {
public:
  Timeline(const Variant &variant, const Program &program,
           uint64_t persistentEnd, uint64_t arenaBytes, int64_t batch)
      : program(program), lives(lifetimes(program)),
        shape(stepShape(variant, program, batch)) {
    for (uint32_t i = 0; i < program.buffers()->size(); ++i)
      if (isWorking(*program.buffers()->Get(i), persistentEnd, arenaBytes))
        byOffset.push_back(i);
    std::stable_sort(byOffset.begin(), byOffset.end(),
                     [&](uint32_t a, uint32_t b) {
                       return program.buffers()->Get(a)->offset() <
                              program.buffers()->Get(b)->offset();
                     });
  }

  /// Bytes in use while `instruction` runs. Views of the same bytes count
  /// once.
  MemoryUse at(uint32_t instruction) const {
    MemoryUse use;
    uint64_t end = 0;
    for (uint32_t index : byOffset) {
      if (!lives[index].contains(instruction))
        continue;
      const Buffer &buffer = *program.buffers()->Get(index);
      const uint64_t first = std::max(buffer.offset(), end);
      const uint64_t last =
          buffer.offset() + byteSize(*buffer.shape(), buffer.dtype());
      if (last <= first)
        continue;
      use[purposeOf(buffer, shape)] += last - first;
      end = last;
    }
    return use;
  }

private:
  const Program &program;
  std::vector<Lifetime> lives;
  std::vector<uint32_t> byOffset; // working buffers
  StepShape shape;
};

uint64_t total(const MemoryUse &use) {
  uint64_t sum = 0;
  for (uint64_t bytes : use.bytes)
    sum += bytes;
  return sum;
}

} // namespace

const char *purposeName(Purpose purpose) {
  switch (purpose) {
  case Purpose::ClassCenters:
    return "class centers";
  case Purpose::ClassCenterState:
    return "class centers' optimizer state";
  case Purpose::Parameters:
    return "backbone";
  case Purpose::ParameterState:
    return "backbone's optimizer state";
  case Purpose::Statistics:
    return "running statistics";
  case Purpose::Logits:
    return "logits, exponentials";
  case Purpose::HeadRows:
    return "sampled rows, embeddings";
  case Purpose::Activations:
    return "activations";
  case Purpose::ActivationGradients:
    return "activations' gradients";
  case Purpose::ParameterGradients:
    return "parameters' gradients";
  case Purpose::Other:
    return "16-bit weights, other";
  }
  return "";
}

bool isInHostMemory(const Variant &variant, uint64_t offset) {
  return variant.host_bytes() != 0 &&
         offset >= variant.arena_bytes() - variant.host_bytes();
}

bool belongsToHead(const flatbuffers::String *location) {
  const std::string_view text = textOf(location);
  return text == "loss" || text.starts_with("head.");
}

const Program *findProgram(const Variant &variant, const char *name) {
  for (const Program *program : *variant.programs())
    if (textOf(program->name()) == name)
      return program;
  return nullptr;
}

PlanMemory planMemory(const Variant &variant, int64_t batch) {
  PlanMemory memory;
  memory.host = variant.host_bytes();
  memory.arena = variant.arena_bytes() - memory.host;
  uint64_t persistentEnd = 0;
  for (const Variable *variable : *variant.variables()) {
    if (isInHostMemory(variant, variable->offset()))
      continue;
    const uint64_t bytes = byteSize(*variable->shape(), variable->dtype());
    memory.use[purposeOf(*variable)] += bytes;
    persistentEnd = std::max(persistentEnd, variable->offset() + bytes);
  }
  const MemoryUse persistent = memory.use;
  uint64_t most = 0;
  if (const Program *step = findProgram(variant, "train_step")) {
    Timeline timeline(variant, *step, persistentEnd, memory.arena, batch);
    MemoryUse peak;
    for (uint32_t i = 0; i < step->instructions()->size(); ++i) {
      MemoryUse use = timeline.at(i);
      memory.headPeak = std::max(memory.headPeak,
                                 use[Purpose::Logits] + use[Purpose::HeadRows]);
      memory.logitsPeak = std::max(memory.logitsPeak, use[Purpose::Logits]);
      if (uint64_t bytes = total(use); bytes > most) {
        most = bytes;
        peak = use;
        memory.peakInstruction = i;
      }
    }
    for (size_t i = 0; i < purposeCount; ++i)
      memory.use.bytes[i] += peak.bytes[i];
  }
  memory.unused = memory.arena - total(persistent) - most;
  return memory;
}

} // namespace pfc::rt
