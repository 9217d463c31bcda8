//===- Launcher.h - Who starts the ranks of a job ---------------*- C++ -*-===//
//
// A rank is started by mpirun or srun, or by torchrun or anything else that
// sets the variables it does; all say so in the environment. A tool started by
// hand with a plan for several ranks starts them itself, by becoming
// mpirun with its own command line.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_COMM_LAUNCHER_H
#define PFC_RUNTIME_COMM_LAUNCHER_H

#include <string>
#include <vector>

namespace pfc::rt {

/// Whether MPI did.
bool startedByMpi();

/// Whether a launcher started this process as a rank of a job. Throws when
/// srun did, but without the PMIx service that Open MPI needs.
bool startedByLauncher();

/// The command that starts `ranks` copies of this program with `arguments`
/// (without the program's own name).
std::vector<std::string>
launchCommand(int ranks, const std::vector<std::string> &arguments);

/// Runs that command, or one rank without a launcher; its exit status. SIGTERM
/// and SIGINT reach the ranks as SIGUSR1, and they have all the time they need;
/// a second SIGINT ends them.
int launchRanks(int ranks, const std::vector<std::string> &arguments);

/// Whether such a signal has come.
bool askedToEnd();

/// In a rank that launchRanks() started on this machine: whether one has come
/// to the starter, be it before there was a rank to pass it on to.
bool starterAskedToEnd();

/// In a rank that launchRanks() started: people have been told why the job
/// ends, so that it need not say so.
void markLastWords();

} // namespace pfc::rt

#endif // PFC_RUNTIME_COMM_LAUNCHER_H
