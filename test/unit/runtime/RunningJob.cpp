#include "RunningJob.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <sstream>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace pfc::rt::test {
namespace {

std::string readAll(const std::string &path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

} // namespace

std::vector<pid_t> RunningJob::childrenOf(pid_t process) {
  std::istringstream words(
      readAll(fmt::format("/proc/{0}/task/{0}/children", process)));
  std::vector<pid_t> children;
  for (pid_t child; words >> child;)
    children.push_back(child);
  return children;
}

RunningJob::~RunningJob() {
  for (pid_t process : running)
    if (!hasEnded(process)) {
      for (pid_t rank : ranksOf(process))
        kill(rank, SIGKILL);
      kill(process, SIGKILL);
      waitpid(process, nullptr, 0);
    }
}

pid_t RunningJob::start(const Words &command, const Words &environment) {
  pid_t process = fork();
  if (process == 0) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    int file = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
    std::vector<char *> words;
    for (const std::string &word : command)
      words.push_back(const_cast<char *>(word.c_str()));
    words.push_back(nullptr);
    for (const std::string &variable : environment)
      putenv(const_cast<char *>(variable.c_str()));
    execv(words[0], words.data());
    _exit(127);
  }
  running.push_back(process);
  return process;
}

bool RunningJob::trains(const std::string &out, int64_t steps) {
  auto steptext = fmt::format("\"kind\":\"step\",\"step\":{},", steps);
  bool alive = true;
  return soon([&] {
           alive =
               std::none_of(running.begin(), running.end(),
                            [&](pid_t process) { return hasEnded(process); });
           return !alive || readAll(out + "/metrics.jsonl").find(steptext) !=
                                std::string::npos;
         }) &&
         alive;
}

std::vector<pid_t> RunningJob::ranksOf(pid_t starter) {
  std::vector<pid_t> launchers = childrenOf(starter);
  return launchers.empty() ? launchers : childrenOf(launchers[0]);
}

bool RunningJob::hasEnded(pid_t process) {
  for (const auto &[known, status] : statuses)
    if (known == process)
      return true;
  int status = 0;
  if (waitpid(process, &status, WNOHANG) != process)
    return false;
  statuses.emplace_back(process, WIFEXITED(status) ? WEXITSTATUS(status)
                                                   : 128 + WTERMSIG(status));
  return true;
}

int RunningJob::status(pid_t process, int patience) {
  if (!soon([&] { return hasEnded(process); }, patience))
    return -1;
  for (const auto &[known, status] : statuses)
    if (known == process)
      return status;
  return -1;
}

std::string RunningJob::output() const { return readAll(log); }

bool alive(pid_t process) {
  std::string stat = readAll(fmt::format("/proc/{}/stat", process));
  size_t name = stat.rfind(") ");
  return name != std::string::npos && stat[name + 2] != 'Z' &&
         stat[name + 2] != 'X';
}

Words tcpPlace(int rank, int worldSize, int port) {
  return {fmt::format("RANK={}", rank), fmt::format("WORLD_SIZE={}", worldSize),
          "MASTER_ADDR=localhost", fmt::format("MASTER_PORT={}", port)};
}

} // namespace pfc::rt::test
