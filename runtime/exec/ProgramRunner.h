//===- ProgramRunner.h - Enqueues a program's tasks -------------*- C++ -*-===//
//
// The first run waits for each task, so that a failure names its instruction.
// From the second on, runs of tasks that only enqueue are recorded where the
// device can (a CUDA graph), and replayed: a whole step is then one graph, or
// one between any two collectives that wait for other ranks.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_EXEC_PROGRAMRUNNER_H
#define PFC_RUNTIME_EXEC_PROGRAMRUNNER_H

#include "runtime/comm/Activity.h"
#include "runtime/comm/DeviceCommunicator.h"
#include "runtime/device/Device.h"
#include "runtime/exec/Profile.h"
#include "runtime/trace/StepTrace.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace pfc::rt {

class ProgramRunner {
public:
  /// `wait` returns when the device has finished what was enqueued. `activity`
  /// is told which instruction is next.
  ProgramRunner(const plan::fb::Program &program, int rank, Device &device,
                Activity &activity, std::function<void()> wait);

  /// Appends a task of the program's instruction `instruction`. A collective's
  /// second is its computation's wait.
  void add(uint32_t instruction, std::unique_ptr<Task> task);
  /// Of a collective that goes on beside the tasks: when it last ran.
  using Ran = decltype(EnqueuedTransfer::ran);
  void addTimes(uint32_t collective, Ran ran);

  /// Enqueues every task.
  void enqueue();
  /// Executes every task, waits for each and adds up its time; the first run
  /// does not count.
  void measure();

  /// Executes every task, and says when each instruction ran. A device with a
  /// stream is waited for after each, so that none goes on under another.
  StepTimes trace();

  /// Called with the index of an instruction.
  using Visitor = std::function<void(uint32_t instruction)>;
  /// Executes every instruction and waits for it, between two visits. A
  /// transfer ends where it starts, and there is no visit to its wait.
  /// Instructions do what they say though a step may do it otherwise.
  void runEach(const Visitor &before, const Visitor &after);

  enum class As {
    Said, ///< an instruction does what it says
    Step  ///< or what a step does instead
  };
  using Chosen = std::function<bool(uint32_t instruction)>;
  /// What each of the chosen instructions takes, from `repetitions` of it at a
  /// time; 0 of others. Leaves the buffers as nobody can use them.
  std::vector<double> timeEach(int repetitions, As as, const Chosen &chosen);
  /// What the chosen instructions take in a step, one after the other with
  /// nothing else between: the median of `repetitions`. Leaves the buffers
  /// likewise.
  double timeTogether(int repetitions, const Chosen &chosen);

  const plan::fb::Program &program() const { return source; }
  const Profile &profile() const { return times; }

  /// "program 'embed', instruction 3 (bn1), rank 0"
  std::string describe(uint32_t instruction) const;

private:
  /// A transfer is two steps, the second one at its wait or right behind the
  /// first; anything else is one, and so is an exchange of one rank.
  enum class Role { Whole, Starts, Finishes };
  struct Step {
    uint32_t instruction;
    std::unique_ptr<Task> task;
    const Activity::Place *place;
    Role role = Role::Whole;
    size_t partner = 0; ///< of a transfer: the other step
  };
  /// Steps [begin, end); without `recorded` they are executed one by one.
  struct Segment {
    size_t begin, end;
    std::unique_ptr<Task> recorded;
  };

  void endTransfersWithWaits(StepTimes &times) const;
  Activity::Place placeOf(uint32_t instruction, const Task &task) const;
  void execute(size_t step, bool alone = false);
  void pair(size_t finish);
  bool isRecordable(size_t step, const Chosen &chosen) const;
  void replay(const Segment &segment);
  void recordSegments();
  std::function<void()> recordedOr(bool recordable,
                                   std::function<void()> enqueue);
  double secondsOf(const std::function<void()> &enqueue) const;

  const plan::fb::Program &source;
  int rank;
  Device &device;
  Activity &activity;
  std::function<void()> wait;
  std::vector<Step> steps;
  std::vector<Segment> segments;
  std::map<uint32_t, Ran> transfers; // by collective
  Profile times;
  bool ran = false;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_EXEC_PROGRAMRUNNER_H
