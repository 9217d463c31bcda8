#include "runtime/comm/Launcher.h"

#include "runtime/base/Error.h"
#include "runtime/comm/tcp/TcpCommunicator.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sys/ioctl.h>
#include <unistd.h>

namespace pfc::rt {
namespace {

bool inEnvironment(const char *variable) {
  const char *value = std::getenv(variable);
  return value && *value;
}

} // namespace

bool startedByMpi() {
  for (const char *variable : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"})
    if (inEnvironment(variable))
      return true;
  return false;
}

bool startedByLauncher() {
  if (startedByMpi() || tcpPlaceFromEnvironment())
    return true;
  // A batch script has SLURM_PROCID too, but is no step of several tasks.
  const char *tasks = std::getenv("SLURM_STEP_NUM_TASKS");
  require(
      !tasks || std::atoi(tasks) <= 1,
      "srun started {} tasks without PMIx, which Open MPI needs: use "
      "'srun --mpi=pmix', set RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT "
      "for each, or start pfc-run once and let it start the ranks",
      tasks ? tasks : "");
  return false;
}

std::vector<std::string>
launchCommand(int ranks, const std::vector<std::string> &arguments) {
  // Ranks on one machine share its processors by their thread counts, so they
  // are not bound, and may be more than the processors.
  std::vector<std::string> command = {
      "mpirun", "--quiet", "--oversubscribe",    "--bind-to",
      "none",   "-n",      std::to_string(ranks)};
  if (geteuid() == 0)
    command.push_back("--allow-run-as-root");
  command.push_back(std::filesystem::read_symlink("/proc/self/exe").string());
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

/// The ranks' output goes through mpirun, so they can't see the terminal.
static void passTerminal() {
  winsize size{};
  if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 &&
      size.ws_col > 0)
    setenv("PFC_TERMINAL_COLUMNS", std::to_string(size.ws_col).c_str(), 0);
}

void launchRanks(int ranks, const std::vector<std::string> &arguments) {
  std::vector<std::string> command = launchCommand(ranks, arguments);
  passTerminal();
  std::vector<char *> pointers;
  for (std::string &word : command)
    pointers.push_back(word.data());
  pointers.push_back(nullptr);
  execvp(pointers[0], pointers.data());
  fail("cannot start {} ranks: mpirun: {}; install Open MPI (Debian: "
       "openmpi-bin), or start the ranks with srun",
       ranks, std::strerror(errno));
}

} // namespace pfc::rt
