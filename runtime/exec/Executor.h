//===- Executor.h - Runs a plan's programs on one rank ----------*- C++ -*-===//
//
// prepare (constructor) -> initialize (state) -> execute (run). Knows plans;
// knows nothing of faces, epochs or learning rates.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_EXEC_EXECUTOR_H
#define PFC_RUNTIME_EXEC_EXECUTOR_H

#include "runtime/comm/Communicator.h"
#include "runtime/device/Device.h"
#include "runtime/trace/StepTrace.h"

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace pfc::rt {

/// The first variant of the plan that `device` supports; `precision` ("fp32",
/// "bf16" or "auto") narrows the choice.
const plan::fb::Variant &chooseVariant(const plan::fb::Plan &plan,
                                       const Capabilities &device,
                                       const std::string &precision);

/// The variants before `chosen`, the better ones, that `device` does not
/// support: "bf16 (needs sm_80)"; "" if it supports all.
std::string unsupportedBefore(const plan::fb::Plan &plan, const Device &device,
                              const plan::fb::Variant &chosen);

class ProgramRunner;
class Waiter;

/// An output on its way to the host.
class PendingOutput {
public:
  /// `origin` begins the message of a failure of what is waited for.
  PendingOutput(std::unique_ptr<Download> download, BufferView source,
                std::string origin, std::shared_ptr<Waiter> waiter);
  /// Waits for it; its elements as floats.
  std::vector<float> wait();

private:
  std::unique_ptr<Download> download;
  BufferView source;
  std::string origin;
  std::shared_ptr<Waiter> waiter;
};

class Executor {
public:
  /// Allocates the arena, builds the kernels and prepares every instruction.
  /// `plan` (validated) must outlive the executor. With `onlyPrograms` the
  /// others are left out, and the job may have any number of ranks if no
  /// instruction of those needs another rank.
  Executor(const plan::fb::Plan &plan, const plan::fb::Variant &variant,
           Device &device, Communicator &communicator,
           const std::vector<std::string> &onlyPrograms = {});
  ~Executor();

  /// Fills every variable from its initializer: a function of (seed, name,
  /// global index), the same at any world size.
  void initializeState(uint64_t seed);

  /// Zeros everywhere, so that nothing is left of what ran.
  void clear();

  /// Sums one number over the ranks, as the plan's collectives are done, and
  /// checks it; the seconds it takes, the second time. Overwrites the arena's
  /// first bytes. Collective.
  double tryAllReduce();

  /// Writes the input `name` of `program` from host memory; sizes must match.
  void setInput(const std::string &program, const std::string &name,
                const void *data, size_t bytes);

  /// Enqueues `program` once. A failure names the instruction, its location in
  /// the spec, and the rank.
  void start(const std::string &program);
  /// The same, to completion.
  void run(const std::string &program);

  /// Runs `program` once, with a visit before and after each instruction.
  void runEach(const std::string &program,
               const std::function<void(uint32_t instruction)> &before,
               const std::function<void(uint32_t instruction)> &after);

  /// What `program` consists of, to be looked at between its instructions.
  ProgramRunner &runner(const std::string &program);
  BufferView buffer(const std::string &program, uint32_t index) const;
  /// The device's part of the arena, to be written between runs.
  BufferView arena() const;
  /// Whether a buffer of `program` is in the host's part of the arena.
  bool isHost(const std::string &program, uint32_t index) const;

  /// Runs `program` once, to completion; when each instruction ran.
  StepTimes trace(const std::string &program);

  /// From now on measures every instruction; the first run, which touches new
  /// memory, does not count.
  void startProfiling();
  /// Where the time of `program` went since, for people; empty if it wasn't
  /// run twice.
  std::string profile(const std::string &program) const;

  /// Copies the output `name` of `program`, as the runs started so far leave
  /// it, to the host.
  PendingOutput startOutput(const std::string &program,
                            const std::string &name);
  std::vector<float> output(const std::string &program,
                            const std::string &name);

  bool hasProgram(const std::string &program) const;
  bool hasOutput(const std::string &program, const std::string &name) const;

  /// Shape of an input or output of `program`.
  std::vector<int64_t> shapeOf(const std::string &program,
                               const std::string &name) const;

  /// Local (this rank's) contents of a variable, and back.
  std::vector<std::byte> readVariable(const std::string &name) const;
  void readVariable(const std::string &name, std::span<std::byte> to) const;
  /// The same in order, some MiB at a time: of what has no room for a copy.
  /// Where nothing is enqueued (`settled`), what is in host memory can be read
  /// on any thread.
  void readVariableInPieces(
      const std::string &name,
      const std::function<void(std::span<const std::byte>)> &sink,
      bool settled = false) const;
  void writeVariable(const std::string &name, const void *data, size_t bytes);
  /// Of its bytes those from `first` on, and back.
  void readVariablePart(const std::string &name, uint64_t first,
                        std::span<std::byte> to) const;
  void writeVariablePart(const std::string &name, uint64_t first,
                         std::span<const std::byte> bytes);
  /// Whether a variable is in the host's part of the arena, where rows of zeros
  /// are those that no step has stored yet.
  bool isInHostMemory(const std::string &name) const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_EXEC_EXECUTOR_H
