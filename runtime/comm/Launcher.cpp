#include "runtime/comm/Launcher.h"

#include "runtime/base/Error.h"
#include "runtime/comm/tcp/TcpCommunicator.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace pfc::rt {
namespace {

/// What a shell says of a command it doesn't find.
constexpr int notFound = 127;

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
  std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  if (ranks == 1) {
    std::vector<std::string> alone = {self};
    alone.insert(alone.end(), arguments.begin(), arguments.end());
    return alone;
  }
  // Ranks on one machine share its processors by their thread counts, so they
  // are not bound, and may be more than the processors.
  std::vector<std::string> command = {
      "mpirun", "--quiet", "--oversubscribe",    "--bind-to",
      "none",   "-n",      std::to_string(ranks)};
  if (geteuid() == 0)
    command.push_back("--allow-run-as-root");
  command.push_back(self);
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

namespace {

volatile pid_t launcher = 0;               // 0: none runs
volatile std::sig_atomic_t isRank = false; // not mpirun, but a job of one
volatile std::sig_atomic_t interrupted = false, asked = false;

/// mpirun would kill its ranks a second after a SIGTERM or SIGINT, whatever
/// they are at; SIGUSR1 it passes on. A rank takes a SIGTERM for one more wish.
void askRanksToEnd(int signal) {
  asked = true;
  if (launcher <= 0)
    return; // between two starts
  const int insisting = isRank ? SIGKILL : SIGTERM;
  kill(launcher, signal == SIGINT && interrupted ? insisting : SIGUSR1);
  interrupted = signal == SIGINT;
}

/// In the child.
[[noreturn]] void becomeLauncher(std::vector<char *> &words) {
  prctl(PR_SET_PDEATHSIG, SIGTERM); // a job without its starter ends
  setpgid(0, 0); // a terminal's Ctrl-C is for the starter to pass on
  if (int null = open("/dev/null", O_RDONLY); null >= 0)
    dup2(null, STDIN_FILENO);
  execvp(words[0], words.data());
  _exit(notFound);
}

int waitFor(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    require(errno == EINTR, "cannot wait for mpirun: {}", std::strerror(errno));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

} // namespace

namespace {

/// A file's place that the ranks and no stranger can fill.
class LastWords {
public:
  LastWords() {
    std::string folder = std::filesystem::temp_directory_path() / "pfc-XXXXXX";
    if (mkdtemp(folder.data())) {
      path = folder + "/said";
      setenv(lastWordsVariable, path.c_str(), 1);
    }
  }
  ~LastWords() {
    std::error_code ignored;
    if (!path.empty())
      std::filesystem::remove_all(std::filesystem::path(path).parent_path(),
                                  ignored);
  }
  bool said() const {
    std::error_code ignored;
    return path.empty() || std::filesystem::exists(path, ignored);
  }

private:
  std::string path;
};

} // namespace

bool askedToEnd() { return asked; }

int launchRanks(int ranks, const std::vector<std::string> &arguments) {
  std::vector<std::string> command = launchCommand(ranks, arguments);
  passTerminal();
  LastWords lastWords;
  std::vector<char *> pointers;
  for (std::string &word : command)
    pointers.push_back(word.data());
  pointers.push_back(nullptr);
  isRank = ranks == 1;
  launcher = fork();
  require(launcher >= 0, "cannot start {} ranks: {}", ranks,
          std::strerror(errno));
  if (launcher == 0)
    becomeLauncher(pointers);
  for (int signal : {SIGTERM, SIGINT, SIGUSR1})
    std::signal(signal, askRanksToEnd);
  int status = waitFor(launcher);
  launcher = 0;
  require(status != notFound,
          "cannot start {} ranks: there is no mpirun; install Open MPI "
          "(Debian: openmpi-bin), or start the ranks with srun",
          ranks);
  if (status > 128 && !lastWords.said())
    fmt::print(stderr, "pfc-run: error: {} was ended by signal {} ({})\n",
               ranks == 1 ? "the run" : "mpirun, or a rank before it trained,",
               status - 128, strsignal(status - 128));
  return status;
}

} // namespace pfc::rt
