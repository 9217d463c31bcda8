//===- RunningJob.h - A pfc-run to do harm to -------------------*- C++ -*-===//
#ifndef PFC_TEST_UNIT_RUNTIME_RUNNINGJOB_H
#define PFC_TEST_UNIT_RUNTIME_RUNNINGJOB_H

#include <string>
#include <sys/types.h>
#include <vector>

namespace pfc::rt::test {

using Words = std::vector<std::string>;

/// Processes of one job; whatever is left of them ends with this object.
class RunningJob {
public:
  /// Output goes to the file `log`.
  explicit RunningJob(std::string log) : log(std::move(log)) {}
  ~RunningJob();

  /// One more process, with these variables in its environment; its id.
  pid_t start(const Words &command, const Words &environment = {});

  /// Until the folder `out` tells of `steps` steps; false where the job ends
  /// before that.
  bool trains(const std::string &out, int64_t steps);

  /// The ranks that `starter` started, in order: its child's children.
  static std::vector<pid_t> ranksOf(pid_t starter);

  static std::vector<pid_t> childrenOf(pid_t process);

  bool hasEnded(pid_t process);
  /// A process's exit status, once it has ended; 128 + signal; -1: it doesn't.
  int status(pid_t process, int patience = 90);

  std::string output() const;

private:
  std::string log;
  std::vector<pid_t> running;
  std::vector<std::pair<pid_t, int>> statuses;
};

/// Whether it exists, and is no zombie that its new parent doesn't ask after.
bool alive(pid_t process);

/// `condition()` within as many seconds as a loaded machine may need.
template <typename Condition>
bool soon(Condition condition, int patience = 90);

/// TCP's place of a rank.
Words tcpPlace(int rank, int worldSize, int port);

} // namespace pfc::rt::test

#include <chrono>
#include <thread>

template <typename Condition>
bool pfc::rt::test::soon(Condition condition, int patience) {
  auto deadline =
      std::chrono::steady_clock::now() + std::chrono::seconds(patience);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline)
      return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

#endif // PFC_TEST_UNIT_RUNTIME_RUNNINGJOB_H
