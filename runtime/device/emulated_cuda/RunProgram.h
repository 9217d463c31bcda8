//===- RunProgram.h - A program's exit status and output --------*- C++ -*-===//
#ifndef PFC_RUNTIME_DEVICE_EMULATED_CUDA_RUNPROGRAM_H
#define PFC_RUNTIME_DEVICE_EMULATED_CUDA_RUNPROGRAM_H

#include <string>
#include <vector>

namespace pfc::rt::emulated {

struct ProgramResult {
  bool succeeded;     // it started, and exited with status 0
  std::string output; // of both streams; why it did not start
};

/// Runs a program, found in PATH where its name has no slash, to its end.
ProgramResult runProgram(const std::vector<std::string> &command);

} // namespace pfc::rt::emulated

#endif // PFC_RUNTIME_DEVICE_EMULATED_CUDA_RUNPROGRAM_H
