//===- FakeCuda.h - A CUDA driver without a GPU -----------------*- C++ -*-===//
//
// libcuda.so.1, libcublasLt.so.13 and libcudnn.so.9 look-alikes: they check
// what a real driver checks, record the calls, and do on the host what a GPU
// would do, as late as it may:
// - a stream does nothing until somebody waits for it or asks, so that bytes
//   handed over too early, or reused too soon, are wrong;
// - device addresses are none of the host's, so that touching them ends the
//   test;
// - while a stream is captured, calls that CUDA refuses then are refused;
// - kernels are functions that a test gives by name; others only count.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_TEST_UNIT_CUDA_FAKE_FAKECUDA_H
#define PFC_TEST_UNIT_CUDA_FAKE_FAKECUDA_H

#include <cuda.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace fakecuda {

/// The host's address of a device address.
template <typename T>
T *host(T *device) {
  return reinterpret_cast<T *>(reinterpret_cast<uintptr_t>(device) -
                               (uintptr_t{1} << 56));
}

/// Puts work at the end of a stream, or into the graph it is captured into.
void enqueue(CUstream stream, std::function<CUresult()> work);

/// Names of the calls since the last clear; a launch is "cuLaunchKernel scale
/// 132x256", and what a stream does appears as "run scale".
std::vector<std::string> &calls();
/// How often `call` is among them.
size_t count(const std::string &call);

/// The next call of that name, after `skip` more, returns `status`.
void failNext(const std::string &call, CUresult status, int skip = 0);

/// What a CUtensorMap holds here.
struct TensorMap {
  const void *matrix; ///< the host's address
  CUtensorMapDataType type;
  uint64_t columns, rows, rowBytes;
  uint32_t boxColumns, boxRows;
};
static_assert(sizeof(TensorMap) <= sizeof(CUtensorMap));

/// What the kernel `name` does, with its arguments as host addresses, the bytes
/// of a number, or the address of a TensorMap.
using Kernel = std::function<CUresult(const std::vector<void *> &arguments)>;
void define(const std::string &name, Kernel kernel);

/// Forgets calls, failures and kernels.
void reset();

} // namespace fakecuda

#endif // PFC_TEST_UNIT_CUDA_FAKE_FAKECUDA_H
