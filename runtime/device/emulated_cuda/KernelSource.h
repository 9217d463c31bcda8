//===- KernelSource.h - A plan's CUDA C++ as a C++ source file --*- C++ -*-===//
//
//   EmulationAbi.h, cuda_emulation.h      compiled into this plug-in as text
//   #line 1 "plan.cu"
//   the plan's text                       with three things changed, see below
//   the table of kernels
//
// Changed, within their lines, so that line numbers stay the plan's:
// - `__shared__ T name[2][3];` (one name a declaration) becomes a reference to
//   memory of the running block: `T (&name)[2][3] = shared<T[2][3]>(…)`; and
//   `extern __shared__ T name[];` a pointer to the launch's.
// - includes of CUDA's own headers go: cuda_emulation.h has what they declare.
// - comments go, with what they might say of the two above.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DEVICE_EMULATED_CUDA_KERNELSOURCE_H
#define PFC_RUNTIME_DEVICE_EMULATED_CUDA_KERNELSOURCE_H

#include <string>
#include <vector>

namespace pfc::rt::emulated {

struct KernelName {
  std::string name;
  unsigned arguments;
};

/// The plan's text, changed as above.
std::string asHostCpp(const std::string &cuda);

/// The whole source file.
std::string translationUnit(const std::string &cuda,
                            const std::vector<KernelName> &kernels);

} // namespace pfc::rt::emulated

#endif // PFC_RUNTIME_DEVICE_EMULATED_CUDA_KERNELSOURCE_H
