// libnccl.so.2: one rank of a job whose other ranks contribute the same.
#include "FakeCuda.h"

#include <nccl.h>

#include <cstring>

struct ncclComm {
  int ranks;
  ncclResult_t failure = ncclSuccess;
};

namespace {

ncclComm *current = nullptr;

template <typename Body>
ncclResult_t enqueue(const char *call, cudaStream_t stream, Body body) {
  fakecuda::calls().push_back(call);
  fakecuda::enqueue(reinterpret_cast<CUstream>(stream), [call, body] {
    fakecuda::calls().push_back(std::string("run ") + call);
    body();
    return CUDA_SUCCESS;
  });
  return ncclSuccess;
}

} // namespace

/// From now on the job has failed.
extern "C" void fakeNcclFail(int status) {
  current->failure = static_cast<ncclResult_t>(status);
}

extern "C" {

const char *ncclGetErrorString(ncclResult_t) { return "remote process exited"; }
const char *ncclGetLastError(ncclComm_t) { return "as the test wants it"; }
ncclResult_t ncclGetUniqueId(ncclUniqueId *id) {
  std::memset(id, 1, sizeof *id);
  return ncclSuccess;
}
ncclResult_t ncclCommInitRank(ncclComm_t *communicator, int ranks, ncclUniqueId,
                              int) {
  fakecuda::calls().push_back("ncclCommInitRank " + std::to_string(ranks));
  *communicator = current = new ncclComm{ranks};
  return ncclSuccess;
}
ncclResult_t ncclCommDestroy(ncclComm_t communicator) {
  fakecuda::calls().push_back("ncclCommDestroy");
  delete communicator;
  return ncclSuccess;
}
ncclResult_t ncclCommGetAsyncError(ncclComm_t communicator,
                                   ncclResult_t *status) {
  *status = communicator->failure;
  return ncclSuccess;
}

ncclResult_t ncclAllReduce(const void *source, void *target, size_t count,
                           ncclDataType_t type, ncclRedOp_t,
                           ncclComm_t communicator, cudaStream_t stream) {
  if (type != ncclFloat32)
    return ncclInvalidArgument;
  int ranks = communicator->ranks;
  return enqueue("ncclAllReduce", stream, [=] {
    auto *from = static_cast<const float *>(fakecuda::host(source));
    auto *to = static_cast<float *>(fakecuda::host(target));
    for (size_t i = 0; i < count; ++i)
      to[i] = static_cast<float>(ranks) * from[i];
  });
}
ncclResult_t ncclAllGather(const void *source, void *target, size_t count,
                           ncclDataType_t, ncclComm_t communicator,
                           cudaStream_t stream) {
  int ranks = communicator->ranks;
  return enqueue("ncclAllGather", stream, [=] {
    for (int rank = 0; rank < ranks; ++rank)
      std::memcpy(static_cast<float *>(fakecuda::host(target)) + rank * count,
                  fakecuda::host(source), count * sizeof(float));
  });
}
ncclResult_t ncclReduceScatter(const void *source, void *target, size_t count,
                               ncclDataType_t type, ncclRedOp_t op,
                               ncclComm_t communicator, cudaStream_t stream) {
  return ncclAllReduce(source, target, count, type, op, communicator, stream);
}

} // extern "C"
