//===- KernelCompiler.h - CUDA C++ text to a cubin --------------*- C++ -*-===//
//
// NVRTC needs neither a GPU nor a driver. Cubins are kept on disk, under the
// text, the architecture, NVRTC's version and the options (BuildCache.h).
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DEVICE_CUDA_KERNELCOMPILER_H
#define PFC_RUNTIME_DEVICE_CUDA_KERNELCOMPILER_H

#include <string>
#include <vector>

namespace pfc::rt::cuda {

/// "NVRTC 13.0"
std::string compilerVersion();

/// What the text of a plan is compiled with.
std::vector<std::string> compilerOptions(const std::string &architecture);

/// Compiles `text` for `architecture` ("sm_80"). An Error has the compiler's
/// first messages.
std::string compileCubin(const std::string &text,
                         const std::string &architecture);

/// The same, from the cache where it is there.
std::string cachedCubin(const std::string &text,
                        const std::string &architecture);

} // namespace pfc::rt::cuda

#endif // PFC_RUNTIME_DEVICE_CUDA_KERNELCOMPILER_H
