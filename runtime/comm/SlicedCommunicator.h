//===- SlicedCommunicator.h - Sums, a slice on each rank --------*- C++ -*-===//
//
// Libraries add in any order, and in another one on the next machine. Here
// every rank owns a slice of a sum, receives that slice of all ranks, adds them
// in rank order, and for an all-reduce sends the sum to all. That moves as many
// bytes as a ring does: 2 (W - 1) / W of the buffer from each of W ranks.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_COMM_SLICEDCOMMUNICATOR_H
#define PFC_RUNTIME_COMM_SLICEDCOMMUNICATOR_H

#include "runtime/comm/Communicator.h"

#include <vector>

namespace pfc::rt {

/// Where each rank's part of a buffer is, in elements, by rank.
struct Slices {
  std::vector<int64_t> counts, offsets;
};

/// Makes sums of two collectives that only move bytes.
class SlicedCommunicator : public Communicator {
public:
  void allReduceSum(BufferView source, BufferView target) final;
  void reduceScatterSum(BufferView source, BufferView target) final;
  void allGather(BufferView source, BufferView target) final;

protected:
  /// Sends slice r of `source`, of elements of `width` bytes, to rank r;
  /// `received` is then the ranks' shares of this rank's slice, in rank order.
  virtual void exchangeSlices(const std::byte *source, const Slices &slices,
                              size_t width, std::byte *received) = 0;
  /// `target` gets every rank's slice; this rank's is `own`, which may lie in
  /// it, at its place.
  virtual void gatherSlices(const std::byte *own, const Slices &slices,
                            size_t width, std::byte *target) = 0;

private:
  void reducePiece(const std::byte *source, std::byte *target, int64_t elements,
                   plan::fb::DType dtype);
  void reduceAtOnce(const std::byte *source, std::byte *target,
                    int64_t elements, plan::fb::DType dtype);

  std::vector<std::byte> received, sum; // grow once, then stay
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_COMM_SLICEDCOMMUNICATOR_H
