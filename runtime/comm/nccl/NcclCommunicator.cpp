//===- NcclCommunicator.cpp - Collectives between GPUs ----------------------=//
//
// On a stream of its own (device/cuda/Transfer.h). NCCL adds in an order of its
// own, the same whenever the ranks and their machines are.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/Error.h"
#include "runtime/comm/DeviceCommunicator.h"
#include "runtime/comm/nccl/NcclLibrary.h"
#include "runtime/device/cuda/Transfer.h"

#include <exception>

namespace pfc::rt {
namespace {

ncclDataType_t ncclType(plan::fb::DType dtype) {
  switch (dtype) {
  case plan::fb::DType_F32:
    return ncclFloat32;
  case plan::fb::DType_BF16:
    return ncclBfloat16;
  case plan::fb::DType_F16:
    return ncclFloat16;
  case plan::fb::DType_I64:
    return ncclInt64;
  case plan::fb::DType_I32:
    return ncclInt32;
  case plan::fb::DType_U8:
    return ncclUint8;
  }
  fail("NCCL carries no elements of type {}", static_cast<int>(dtype));
}

class Collective : public Task {
public:
  Collective(plan::fb::CollectiveKind kind, const BufferView &source,
             const BufferView &target, ncclComm_t communicator, CUstream stream)
      : kind(kind), source(source), target(target), communicator(communicator),
        stream(reinterpret_cast<cudaStream_t>(stream)) {}

  void execute() override {
    auto elements = static_cast<size_t>(source.elements());
    ncclDataType_t type = ncclType(source.dtype);
    switch (kind) {
    case plan::fb::CollectiveKind_AllReduceSum:
      return checkNccl(nccl().ncclAllReduce(source.data, target.data, elements,
                                            type, ncclSum, communicator,
                                            stream),
                       "ncclAllReduce", communicator);
    case plan::fb::CollectiveKind_AllGather:
      return checkNccl(nccl().ncclAllGather(source.data, target.data, elements,
                                            type, communicator, stream),
                       "ncclAllGather", communicator);
    case plan::fb::CollectiveKind_ReduceScatterSum:
      return checkNccl(
          nccl().ncclReduceScatter(source.data, target.data,
                                   static_cast<size_t>(target.elements()), type,
                                   ncclSum, communicator, stream),
          "ncclReduceScatter", communicator);
    }
  }

private:
  plan::fb::CollectiveKind kind;
  BufferView source, target;
  ncclComm_t communicator;
  cudaStream_t stream;
};

class NcclCommunicator : public DeviceCommunicator {
public:
  NcclCommunicator(Device &device, Communicator &host)
      : device(static_cast<CUstream>(device.stream())) {
    ncclUniqueId id{};
    if (host.rank() == 0)
      checkNccl(nccl().ncclGetUniqueId(&id), "ncclGetUniqueId", nullptr);
    host.broadcast(&id, sizeof id, 0);
    checkNccl(nccl().ncclCommInitRank(&communicator, host.worldSize(), id,
                                      host.rank()),
              "ncclCommInitRank", nullptr);
  }

  /// After a failure nothing is destroyed: ncclCommDestroy waits for the other
  /// ranks of the machine, and ncclCommAbort for CUDA graphs, which are still
  /// there. The process ends.
  ~NcclCommunicator() override {
    if (communicator && std::uncaught_exceptions() == exceptions && !failed)
      nccl().ncclCommDestroy(communicator);
  }

  EnqueuedTransfer makeCollective(plan::fb::CollectiveKind kind,
                                  BufferView source,
                                  BufferView target) override {
    return cuda::makeTransfer(std::make_unique<Collective>(kind, source, target,
                                                           communicator,
                                                           own.get()),
                              device, own.get());
  }

  void check() override {
    ncclResult_t status = ncclSuccess;
    checkNccl(nccl().ncclCommGetAsyncError(communicator, &status),
              "ncclCommGetAsyncError", communicator);
    if (status == ncclSuccess || status == ncclInProgress)
      return;
    failed = true;
    fail("NCCL: {}: another rank has ended, or the network between them has "
         "failed; NCCL_DEBUG=INFO tells more",
         nccl().ncclGetErrorString(status));
  }

private:
  CUstream device;
  cuda::Stream own;
  ncclComm_t communicator = nullptr;
  bool failed = false;
  int exceptions = std::uncaught_exceptions();
};

} // namespace
} // namespace pfc::rt

extern "C" pfc::rt::DeviceCommunicator *
pfc_create_device_communicator(pfc::rt::Device *device,
                               pfc::rt::Communicator *host) {
  return new pfc::rt::NcclCommunicator(*device, *host);
}
