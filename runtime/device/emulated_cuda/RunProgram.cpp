#include "runtime/device/emulated_cuda/RunProgram.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

namespace pfc::rt::emulated {
namespace {

/// This process's environment, but messages in English.
std::vector<char *> plainEnvironment() {
  static char plain[] = "LC_ALL=C";
  std::vector<char *> variables = {plain};
  for (char **variable = environ; *variable; ++variable)
    if (std::strncmp(*variable, "LC_ALL=", 7) != 0)
      variables.push_back(*variable);
  variables.push_back(nullptr);
  return variables;
}

/// Starts `command` with both output streams going to `output`. Returns 0 or an
/// error number.
int start(const std::vector<std::string> &command, int output, pid_t &child) {
  std::vector<char *> words;
  for (const std::string &word : command)
    words.push_back(const_cast<char *>(word.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
                                   O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
  int error = posix_spawnp(&child, words[0], &actions, nullptr, words.data(),
                           plainEnvironment().data());
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

std::string readAll(int input) {
  std::string all;
  char part[4096];
  for (;;) {
    ssize_t count = read(input, part, sizeof part);
    if (count > 0)
      all.append(part, static_cast<size_t>(count));
    else if (count == 0 || errno != EINTR)
      return all;
  }
}

} // namespace

ProgramResult runProgram(const std::vector<std::string> &command) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return {false, std::strerror(errno)};
  pid_t child = 0;
  int error = start(command, ends[1], child);
  close(ends[1]);
  std::string output = error == 0 ? readAll(ends[0]) : std::strerror(error);
  close(ends[0]);
  if (error != 0)
    return {false, output};
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR)
    ;
  return {WIFEXITED(status) && WEXITSTATUS(status) == 0, output};
}

} // namespace pfc::rt::emulated
