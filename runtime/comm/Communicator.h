//===- Communicator.h - Collectives between the ranks of a job --*- C++ -*-===//
//
// Equivalent to MPI_Comm / ncclComm_t. Every rank issues the same collectives
// in the same order. Sums are formed in rank order, so that every rank gets
// the same bits and a run can be repeated bit for bit.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_COMM_COMMUNICATOR_H
#define PFC_RUNTIME_COMM_COMMUNICATOR_H

#include "runtime/comm/Activity.h"
#include "runtime/device/Device.h"

#include <cstddef>
#include <memory>
#include <string>

namespace pfc::rt {

class Communicator {
public:
  virtual ~Communicator() = default;

  virtual int rank() const = 0;
  virtual int worldSize() const = 0;
  /// Ranks of this job on this machine.
  virtual int localRanks() const = 0;
  /// This rank's number among them.
  virtual int localRank() const = 0;

  /// target = element-wise sum over ranks of source; may alias.
  virtual void allReduceSum(BufferView source, BufferView target) = 0;
  /// target = concatenation of the ranks' sources along dimension 0.
  virtual void allGather(BufferView source, BufferView target) = 0;
  /// target = this rank's slice, along dimension 0, of the sum of sources.
  virtual void reduceScatterSum(BufferView source, BufferView target) = 0;
  /// One of these three.
  void exchange(plan::fb::CollectiveKind kind, const BufferView &source,
                const BufferView &target) {
    switch (kind) {
    case plan::fb::CollectiveKind_AllReduceSum:
      return allReduceSum(source, target);
    case plan::fb::CollectiveKind_AllGather:
      return allGather(source, target);
    case plan::fb::CollectiveKind_ReduceScatterSum:
      return reduceScatterSum(source, target);
    }
  }
  virtual void broadcast(void *bytes, size_t size, int root) = 0;
  virtual void barrier() = 0;

  /// What carries the bytes, which all ranks must share: ", Open MPI 4.1.4".
  virtual std::string library() const { return {}; }

  /// Throws an Error where another rank is known to have ended.
  virtual void checkRanks() {}

  /// What this rank is at, for those who watch over the job.
  Activity &activity() { return ownActivity; }

  /// Ends the whole job, every rank, with a message and a non-zero status.
  [[noreturn]] virtual void abort(const std::string &why) = 0;

private:
  Activity ownActivity;
};

/// A job of one process.
std::unique_ptr<Communicator> makeSelfCommunicator();

/// Joins the job this process was started in (mpirun, srun, torchrun); a
/// process started alone is a job of one. Opens libpfc_comm_mpi.so only when
/// MPI started it.
std::unique_ptr<Communicator> openCommunicator();

} // namespace pfc::rt

#endif // PFC_RUNTIME_COMM_COMMUNICATOR_H
