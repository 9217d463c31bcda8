//===- CudaLibraries.h - NVIDIA's libraries, opened at run time -*- C++ -*-===//
//
// Nothing here is linked to CUDA: each library is opened when it is first
// needed, in $PFC_CUDA_LIBRARIES (folders, separated by colons), the system's
// library path, then $CUDA_HOME, or /usr/local/cuda. One that is missing is an
// Error that says what was looked for, where, and what to do.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DEVICE_CUDA_CUDALIBRARIES_H
#define PFC_RUNTIME_DEVICE_CUDA_CUDALIBRARIES_H

#include <cublasLt.h>
#include <cuda.h>
#include <cudnn.h>
#include <nvrtc.h>

#include <string>
#include <vector>

namespace pfc::rt::cuda {

#define PFC_SYMBOL(name) decltype(&::name) name;
struct DriverLibrary {
#include "cuda_symbols.inc"
};
struct NvrtcLibrary {
#include "nvrtc_symbols.inc"
};
struct CublasLtLibrary {
#include "cublaslt_symbols.inc"
};
struct CudnnLibrary {
#include "cudnn_symbols.inc"
};
#undef PFC_SYMBOL

const DriverLibrary &driver();
const NvrtcLibrary &nvrtc();
const CublasLtLibrary &cublasLt();
const CudnnLibrary &cudnn();

/// "9.19.1" of 91901, as cuBLASLt and cuDNN number themselves.
std::string versionText(size_t version);

/// Names of a library of the CUDA toolkit that a driver of this version (13000
/// for 13.0; 0: no driver) can run and that knows chips from `oldestChip` on
/// (70 for 7.0; 0: there is none), best first: "libnvrtc.so.13",
/// "libnvrtc.so.12".
std::vector<std::string> toolkitNames(const std::string &library,
                                      int driverVersion, int oldestChip);

/// Opens the first of `names` that is found; `missing` ends the message of the
/// Error that says none was.
void *openLibrary(const std::vector<std::string> &names,
                  const std::string &missing);
/// The address of `symbol` in a library that openLibrary opened as `name`.
void *symbolOf(void *library, const std::string &name, const char *symbol);

/// Folders with cuda_fp16.h and the like, for NVRTC.
std::vector<std::string> includeFolders();

} // namespace pfc::rt::cuda

#endif // PFC_RUNTIME_DEVICE_CUDA_CUDALIBRARIES_H
