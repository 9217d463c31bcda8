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

/// In the environment of ranks that launchRanks() started: the file whose being
/// there says that a rank has told people why the job ends.
constexpr const char *lastWordsVariable = "PFC_LAST_WORDS";

/// The file beside it whose being there says that the starter was asked to end.
constexpr const char *askedName = "asked";

bool inEnvironment(const char *variable) {
  const char *value = std::getenv(variable);
  return value && *value;
}

} // namespace

void markLastWords() {
  if (const char *path = std::getenv(lastWordsVariable))
    if (int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        file >= 0)
      close(file);
}

bool starterAskedToEnd() {
  const char *path = std::getenv(lastWordsVariable);
  return path &&
         access(std::filesystem::path(path).replace_filename(askedName).c_str(),
                F_OK) == 0;
}

/// This program's file, as it was called when it started: it may be replaced
/// while ranks train, and start again with the new one.
static const std::string &ownProgram() {
  static const std::string program = [] {
    std::string path = std::filesystem::read_symlink("/proc/self/exe").string();
    constexpr std::string_view replaced = " (deleted)";
    if (path.ends_with(replaced) && !std::filesystem::exists(path))
      path.resize(path.size() - replaced.size());
    return path;
  }();
  return program;
}

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
  const std::string &self = ownProgram();
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
  // When a rank is lost mpirun kills the others, but not before they have found
  // out and one has said what happened: that takes more than its one second
  // where the processors are busy.
  command.insert(command.end(), {"--mca", "odls_base_sigkill_timeout", "2"});
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
char askedFile[4096] = {}; // a handler can reach nothing but a global

/// mpirun would kill its ranks soon after a SIGTERM or SIGINT, whatever they
/// are at; SIGUSR1 it passes on, but not before it has started them: those find
/// the file. A rank takes a SIGTERM for one more wish.
void askRanksToEnd(int signal) {
  asked = true;
  if (int file = open(askedFile, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
      file >= 0)
    close(file);
  if (launcher <= 0)
    return; // between two starts
  const int insisting = isRank ? SIGKILL : SIGTERM;
  kill(launcher, signal == SIGINT && interrupted ? insisting : SIGUSR1);
  interrupted = signal == SIGINT;
}

/// In the child.
[[noreturn]] void becomeLauncher(const std::vector<char *> &words) {
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
      const std::string beside = folder + "/" + askedName;
      beside.copy(askedFile, sizeof askedFile - 1);
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

namespace {

/// While one lives, no signal to end comes between a look and a deed.
class SignalsWait {
public:
  SignalsWait() {
    sigset_t ending;
    sigemptyset(&ending);
    for (int signal : {SIGTERM, SIGINT, SIGUSR1})
      sigaddset(&ending, signal);
    sigprocmask(SIG_BLOCK, &ending, &before);
  }
  ~SignalsWait() { release(); }
  void release() const { sigprocmask(SIG_SETMASK, &before, nullptr); }
  SignalsWait(const SignalsWait &) = delete;
  SignalsWait &operator=(const SignalsWait &) = delete;

private:
  sigset_t before{};
};

/// The process that is the launcher or the rank, and hears of signals from now
/// on; 0 where one came before.
pid_t startLauncher(const std::vector<std::string> &command) {
  std::vector<char *> pointers;
  for (const std::string &word : command)
    pointers.push_back(const_cast<char *>(word.c_str()));
  pointers.push_back(nullptr);
  SignalsWait wait;
  if (asked)
    return 0;
  pid_t child = fork();
  require(child >= 0, "cannot start {}: {}", command[0], std::strerror(errno));
  if (child == 0) {
    wait.release();
    becomeLauncher(pointers);
  }
  launcher = child;
  for (int signal : {SIGTERM, SIGINT, SIGUSR1})
    std::signal(signal, askRanksToEnd);
  return child;
}

/// What nobody else said of ranks that ended so.
std::string unsaid(int ranks, int status) {
  const char *who = ranks == 1 ? "the run"
                               : "mpirun, or a rank before it "
                                 "trained,";
  if (status > 128)
    return fmt::format("{} was ended by signal {} ({})", who, status - 128,
                       strsignal(status - 128));
  return fmt::format("{} ended with status {} and no word: 'mpirun -n {} true' "
                     "may say why",
                     who, status, ranks);
}

} // namespace

int launchRanks(int ranks, const std::vector<std::string> &arguments) {
  std::vector<std::string> command = launchCommand(ranks, arguments);
  passTerminal();
  LastWords lastWords;
  isRank = ranks == 1;
  pid_t child = startLauncher(command);
  if (child == 0)
    return 128 + SIGTERM;
  int status = waitFor(child);
  launcher = 0;
  require(status != notFound,
          "cannot start {} ranks: there is no mpirun; install Open MPI "
          "(Debian: openmpi-bin), or start the ranks with srun",
          ranks);
  if (status != 0 && !lastWords.said())
    fmt::print(stderr, "pfc-run: error: {}\n", unsaid(ranks, status));
  return status;
}

} // namespace pfc::rt
