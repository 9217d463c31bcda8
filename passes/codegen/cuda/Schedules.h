//===- Schedules.h - Which thread does what ---------------------*- C++ -*-===//
//
//   ScheduleFlat.cpp      element-wise ops: packs of neighbours by threads
//   ScheduleSums.cpp      channel sums and row sums, in two levels, of fixed
//                         order; sweeps: channel sums of what is written on the
//                         way
//   ScheduleRows.cpp      rows with data-dependent addresses: a block a row
//   ScheduleChannels.cpp  runs of small ops: a block has some channels
//   Products.h            a tile of a product and what becomes of it: a block
//   Schedule.cpp          chooses among them
//
// Each turns the body of a kernel as convert-pfc-to-plan outlines it for CUDA,
// one op over whole buffers or a run on channels, into a thread's code
// (DeviceCode.h) in place. Work is split into units that any block may do:
// blocks loop over them with the grid's stride.
//
//===----------------------------------------------------------------------===//
#ifndef PASSES_CODEGEN_CUDA_SCHEDULES_H
#define PASSES_CODEGEN_CUDA_SCHEDULES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace pfc::cuda {

/// Kernel.threads and Launch.extent of plan.fbs.
struct LaunchShape {
  int64_t threads = 0;
  int64_t work = 0;
};

/// Replaces `op` by a thread's code. Its loops are parallel.
LaunchShape scheduleFlat(mlir::linalg::GenericOp op);

/// Replaces an op whose loops are parallel … reduction … and one parallel last,
/// the channels, or a run of such (ChannelRuns.h). Results over all loops are
/// stored element by element.
mlir::FailureOr<LaunchShape>
scheduleChannelSums(llvm::ArrayRef<mlir::linalg::GenericOp> ops);

/// Replaces `op`, whose loops are parallel … reduction ….
mlir::FailureOr<LaunchShape> scheduleRowSums(mlir::linalg::GenericOp op);

/// Replaces `ops`, a run of small ops on `channels` channels (ChannelRuns.h).
mlir::FailureOr<LaunchShape>
scheduleChannelRun(llvm::ArrayRef<mlir::linalg::GenericOp> ops,
                   int64_t channels);

/// Whether every result that isn't stored element by element is the sum of a
/// term onto its argument, from zero, at the parallel loops in order.
llvm::LogicalResult requireSums(mlir::linalg::GenericOp op);

/// Replaces the loop over `rows` rows that is the kernel's body.
mlir::FailureOr<LaunchShape> scheduleRows(mlir::scf::ForOp loop, int64_t rows);

/// Frees a body that is a block's code already (Sampling.h, Products.h) from
/// its loop. Blocks share `units` of work.
LaunchShape scheduleBlock(mlir::scf::ForOp loop, int64_t threads,
                          int64_t units);

/// Chooses among these by the kernel's body, and drops the arguments `begin`
/// and `end`. `extent` is that of the kernel's launches.
mlir::FailureOr<LaunchShape> scheduleKernel(mlir::func::FuncOp kernel,
                                            int64_t extent);

} // namespace pfc::cuda

#endif // PASSES_CODEGEN_CUDA_SCHEDULES_H
