//===- ProgramRunner.h - Enqueues a program's tasks -------------*- C++ -*-===//
//
// The first run waits for each task, so that a failure names its instruction.
// From the second on, runs of tasks that only enqueue are recorded where the
// device can (a CUDA graph), and replayed: a whole step is then one graph, or
// one between any two collectives that wait for other ranks.
//
// Where a program has branches and the device a place for them, the next runs
// are recorded and timed both ways, in the order in which the instructions
// stand and with the branches beside the others; the faster is kept. The bits
// are the same. $PFC_BRANCHES says otherwise: "measured"; "inline", in order;
// "beside"; or "late", on any device: in order, but each branch when others
// need it to be done, as late as a plan allows it.
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
#include <limits>
#include <map>
#include <memory>
#include <optional>
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

  /// A branch of the program, all of whose instructions have their tasks, and
  /// those that do the same beside others; without a place for them, none.
  struct Beside {
    std::vector<std::unique_ptr<Task>> tasks;
    std::unique_ptr<Task> fork, join;
  };
  void addBranch(const plan::fb::Branch &branch, Beside beside);

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

  /// Steps [begin, end), which step `joined` comes after.
  struct Branch {
    size_t begin, end, joined;
    Beside beside;
  };
  /// How branches are done.
  enum class Way { Inline, Beside, Late };
  /// A whole run, done in one way.
  struct Recording {
    std::vector<Segment> segments;
    double seconds = std::numeric_limits<double>::infinity(); ///< the least
  };

  void enqueueSteps(size_t begin, size_t end, Way way);
  void fork(const Branch &branch);
  void join(const Branch &branch, Way way);
  std::optional<Way> decidedWay() const;
  void measureWays();
  void run(Way way);
  size_t firstStepOf(uint32_t instruction) const;
  void endTransfersWithWaits(StepTimes &times) const;
  Activity::Place placeOf(uint32_t instruction, const Task &task) const;
  void execute(size_t step, bool alone = false);
  template <typename Body>
  void naming(size_t step, Body body);
  void pair(size_t finish);
  bool isRecordable(size_t step, const Chosen &chosen) const;
  void replay(const Segment &segment, Way way);
  void recordSegments(Way way);
  std::function<void()> recordedOr(bool recordable,
                                   std::function<void()> enqueue);
  double secondsOf(const std::function<void()> &enqueue) const;

  const plan::fb::Program &source;
  int rank;
  Device &device;
  Activity &activity;
  std::function<void()> wait;
  std::vector<Step> steps;
  std::vector<Branch> branches;
  std::optional<Way> way; ///< once it is known
  int measured = 0;       ///< runs
  std::map<Way, Recording> recordings;
  std::map<uint32_t, Ran> transfers; // by collective
  Profile times;
  bool ran = false;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_EXEC_PROGRAMRUNNER_H
