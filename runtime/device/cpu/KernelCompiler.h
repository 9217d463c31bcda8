//===- KernelCompiler.h - LLVM IR text to machine code ----------*- C++ -*-===//
//
// Optimises a plan's kernels for the processor found: O2 with the loop and SLP
// vectorisers at the processor's full width, and calls of exp, log, sin, ...
// turned into glibc's vector versions (libmvec, at most 4 ulp).
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DEVICE_CPU_KERNELCOMPILER_H
#define PFC_RUNTIME_DEVICE_CPU_KERNELCOMPILER_H

#include <llvm/ADT/StringRef.h>
#include <llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h>
#include <llvm/Support/MemoryBuffer.h>

#include <memory>
#include <string>
#include <vector>

namespace pfc::rt {

/// Host CPU, features and options that kernels are compiled with.
llvm::orc::JITTargetMachineBuilder hostTarget();

/// Compiles the functions named `kernels` of the module `ir`, on up to
/// `threads` threads, into one object file per thread. Throws an Error when
/// the text is no valid module, or lacks a kernel.
std::vector<std::unique_ptr<llvm::MemoryBuffer>>
compileKernels(llvm::StringRef ir, const std::vector<std::string> &kernels,
               int threads);

} // namespace pfc::rt

#endif // PFC_RUNTIME_DEVICE_CPU_KERNELCOMPILER_H
