//===- TcpCommunicator.h - Ranks that only know an address ------*- C++ -*-===//
//
// Where no MPI started the ranks. They meet at rank 0, whose address all know,
// and then every two have a connection, so that a sum takes as much of every
// rank's network (comm/SlicedCommunicator.h).
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_COMM_TCP_TCPCOMMUNICATOR_H
#define PFC_RUNTIME_COMM_TCP_TCPCOMMUNICATOR_H

#include "runtime/comm/Communicator.h"

#include <memory>
#include <optional>

namespace pfc::rt {

/// A rank's place, as torchrun and Kubernetes' training operators tell it.
struct TcpPlace {
  int rank, worldSize;
  std::string host; ///< of rank 0
  int port;
};

/// From RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT; nothing unless all are
/// set. torchrun itself listens at MASTER_PORT: there the next one is used.
std::optional<TcpPlace> tcpPlaceFromEnvironment();

std::unique_ptr<Communicator> makeTcpCommunicator(const TcpPlace &place);

} // namespace pfc::rt

#endif // PFC_RUNTIME_COMM_TCP_TCPCOMMUNICATOR_H
