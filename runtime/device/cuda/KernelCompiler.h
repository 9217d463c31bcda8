//===- KernelCompiler.h - CUDA C++ text to a cubin --------------*- C++ -*-===//
//
// NVRTC needs neither a GPU nor a driver. Cubins are kept on disk, under the
// text, the architecture, NVRTC's version and the options (BuildCache.h).
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DEVICE_CUDA_KERNELCOMPILER_H
#define PFC_RUNTIME_DEVICE_CUDA_KERNELCOMPILER_H

#include <cstddef>
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

/// `text` as texts of at most `kernels` kernels. A kernel begins at a line that
/// begins with `extern "C" __global__`; what stands before the first is at the
/// top of each.
std::vector<std::string> splitKernels(const std::string &text, size_t kernels);

/// The cubins of a plan's text, in parts that are compiled, and cached, at
/// once on several threads.
std::vector<std::string> cachedCubins(const std::string &text,
                                      const std::string &architecture);

} // namespace pfc::rt::cuda

#endif // PFC_RUNTIME_DEVICE_CUDA_KERNELCOMPILER_H
