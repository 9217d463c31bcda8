//===- PlanMemory.h - What a rank's memory is for ---------------*- C++ -*-===//
//
// A rank allocates one arena. Its first part is persistent state, the rest is
// shared by buffers that are not needed at the same time. This takes a plan
// apart again: which bytes are for what at the instruction that needs most.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_PLAN_PLANMEMORY_H
#define PFC_RUNTIME_PLAN_PLANMEMORY_H

#include "runtime/plan/plan_generated.h"

#include <array>
#include <cstdint>

namespace pfc::rt {

/// What bytes of the arena are for.
enum class Purpose {
  // persistent
  ClassCenters,     ///< the rank's rows of W
  ClassCenterState, ///< the optimizer's: momentum, AdamW's moments
  Parameters,       ///< of the backbone
  ParameterState,   ///< the optimizer's
  Statistics,       ///< running means and variances
  // while a step runs
  Logits,      ///< batch × sampled classes, and its exponentials
  HeadRows,    ///< sampled rows, embeddings, and their gradients
  Activations, ///< what the backward pass reads again
  ActivationGradients,
  ParameterGradients,
  Other, ///< 16-bit weights, batch statistics, inputs
};
constexpr size_t purposeCount = static_cast<size_t>(Purpose::Other) + 1;

/// "class centers", "activations", …
const char *purposeName(Purpose purpose);

struct MemoryUse {
  std::array<uint64_t, purposeCount> bytes{};

  uint64_t &operator[](Purpose p) { return bytes[static_cast<size_t>(p)]; }
  uint64_t operator[](Purpose p) const { return bytes[static_cast<size_t>(p)]; }
};

struct PlanMemory {
  MemoryUse use;           ///< persistent, and at the peak of the step
  uint64_t unused = 0;     ///< of the arena, then: alignment, gaps
  uint64_t arena = 0;      ///< all of the above
  uint64_t host = 0;       ///< class centers and their state in host memory
  uint64_t headPeak = 0;   ///< most that Logits and HeadRows take, ever
  uint64_t logitsPeak = 0; ///< most that Logits take
  uint32_t peakInstruction = 0; ///< of train_step
};

/// Takes `variant` (validated) apart, for a batch of `batch` images a rank.
PlanMemory planMemory(const plan::fb::Variant &variant, int64_t batch);

/// Whether byte `offset` of the arena is the host's memory.
bool isInHostMemory(const plan::fb::Variant &variant, uint64_t offset);

/// Whether an instruction or a buffer belongs to the head: "head.cosine".
bool belongsToHead(const flatbuffers::String *location);

/// The program of that name; null when the variant has none.
const plan::fb::Program *findProgram(const plan::fb::Variant &variant,
                                     const char *name);

} // namespace pfc::rt

#endif // PFC_RUNTIME_PLAN_PLANMEMORY_H
