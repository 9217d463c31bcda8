#include "runtime/comm/nccl/NcclLibrary.h"

#include "runtime/base/Error.h"
#include "runtime/device/cuda/CudaLibraries.h"

namespace pfc::rt {

const NcclLibrary &nccl() {
  static const NcclLibrary table = [] {
    const std::string name = "libnccl.so.2";
    void *library = cuda::openLibrary(
        {name}, "install NCCL 2.18 or newer for this CUDA, give its folder in "
                "PFC_CUDA_LIBRARIES, or set PFC_NCCL=off, which sends "
                "collectives through host memory");
    NcclLibrary loaded;
#define PFC_SYMBOL(symbol)                                                     \
  loaded.symbol = reinterpret_cast<decltype(loaded.symbol)>(                   \
      cuda::symbolOf(library, name, #symbol));
#include "nccl_symbols.inc"
#undef PFC_SYMBOL
    return loaded;
  }();
  return table;
}

void checkNccl(ncclResult_t status, const char *call, ncclComm_t communicator) {
  if (status == ncclSuccess)
    return;
  const char *last = nccl().ncclGetLastError(communicator);
  fail("{}: {}{}{}", call, nccl().ncclGetErrorString(status),
       last && *last ? ": " : "", last ? last : "");
}

} // namespace pfc::rt
