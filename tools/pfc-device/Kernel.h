//===- Kernel.h - One CUDA kernel, executed alone ---------------*- C++ -*-===//
#ifndef PFC_TOOLS_PFC_DEVICE_KERNEL_H
#define PFC_TOOLS_PFC_DEVICE_KERNEL_H

#include <cstdint>
#include <string>
#include <vector>

namespace pfc::rt {

struct KernelRun {
  std::string file;   ///< CUDA C++ text, as a plan has it
  std::string kernel; ///< of the text
  std::string device = "emulated-cuda";
  unsigned threads = 32; ///< of a block
  uint64_t blocks = 1;   ///< at most: a device may launch fewer
  /// A buffer for each argument, one behind the other in the arena: "64xf32";
  /// then numbers: "i32=7", "f32=0.5".
  std::vector<std::string> arguments;
};

/// Compiles the text and launches the kernel once, on buffers whose element i
/// is i. Returns a line for each buffer: its first elements afterwards.
/// Throws an Error where an argument can't be read, and what the device throws.
std::vector<std::string> runKernel(const KernelRun &run);

} // namespace pfc::rt

#endif // PFC_TOOLS_PFC_DEVICE_KERNEL_H
