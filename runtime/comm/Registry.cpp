//===- Registry.cpp - The communicator of the job we are in -----------------=//
#include "runtime/base/DynamicLibrary.h"
#include "runtime/comm/Communicator.h"
#include "runtime/comm/Launcher.h"
#include "runtime/comm/tcp/TcpCommunicator.h"

namespace pfc::rt {

std::unique_ptr<Communicator> openCommunicator() {
  if (!startedByLauncher())
    return makeSelfCommunicator();
  if (!startedByMpi())
    return makeTcpCommunicator(*tcpPlaceFromEnvironment());
  auto library = DynamicLibrary::open("libpfc_comm_mpi.so");
  auto *create = library.function<Communicator *()>("pfc_create_communicator");
  return std::unique_ptr<Communicator>(create());
}

} // namespace pfc::rt
