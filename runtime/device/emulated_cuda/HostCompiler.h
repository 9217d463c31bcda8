//===- HostCompiler.h - The machine's C++ compiler --------------*- C++ -*-===//
//
// Compiles a translation unit to a shared library at load, or finds it compiled
// already (see runtime/base/BuildCache.h).
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DEVICE_EMULATED_CUDA_HOSTCOMPILER_H
#define PFC_RUNTIME_DEVICE_EMULATED_CUDA_HOSTCOMPILER_H

#include <string>

namespace pfc::rt::emulated {

class HostCompiler {
public:
  /// $PFC_HOST_CXX, else the first of g++, c++, clang++ in PATH: clang
  /// announces all accesses but those of misaligned structures, before version
  /// 16 also not those of whole structures. Throws an Error that says what is
  /// missing.
  HostCompiler();

  const std::string &program() const { return path; }
  /// The first line that the compiler says about itself.
  const std::string &version() const { return versionLine; }

  /// The path of a shared library made of `source`; its memory accesses are
  /// announced (see KernelCalls.cpp) if `checked`.
  std::string sharedLibrary(const std::string &source, bool checked) const;

private:
  std::string build(const std::string &source, bool checked) const;

  std::string path, versionLine;
};

/// "line 12 (`y[i + 1] = x[i];`)" of `cuda`, the plan's text, for an address in
/// a library made of it; empty where it can't be found out.
std::string sourceLine(const void *address, const std::string &cuda);

} // namespace pfc::rt::emulated

#endif // PFC_RUNTIME_DEVICE_EMULATED_CUDA_HOSTCOMPILER_H
