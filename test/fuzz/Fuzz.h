//===- Fuzz.h - What the fuzz targets share ---------------------*- C++ -*-===//
//
// A target is a file with
//   int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
// that gives the bytes to a parser. The parser may throw an Error, which says
// what is wrong with them; anything else (a signal, another exception, a
// sanitizer's report, more than 1 GiB at once, no end) is a bug. corpus/TARGET
// holds the seeds. Two drivers call it: libFuzzer (PFC_FUZZ=ON, with clang),
// and Driver.cpp, a short run for the tests with any compiler.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_TEST_FUZZ_FUZZ_H
#define PFC_TEST_FUZZ_FUZZ_H

#include "runtime/base/Error.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

namespace pfc::fuzz {

/// Does `parse`; an Error is an answer.
template <typename Parse>
void expectErrorOrNothing(Parse parse) {
  try {
    parse();
  } catch (const rt::Error &) {
  }
}

/// A file in memory, for parsers that open one; the same all the time.
class MemoryFile {
public:
  MemoryFile() : descriptor(memfd_create("fuzz", 0)) {
    rt::require(descriptor >= 0, "memfd_create failed");
  }
  ~MemoryFile() { close(descriptor); }

  /// The path of a file with these contents.
  std::string with(std::span<const uint8_t> contents) {
    rt::require(ftruncate(descriptor, 0) == 0 &&
                    pwrite(descriptor, contents.data(), contents.size(), 0) ==
                        static_cast<ssize_t>(contents.size()),
                "the file in memory is full");
    return "/proc/self/fd/" + std::to_string(descriptor);
  }

private:
  int descriptor;
};

} // namespace pfc::fuzz

#endif // PFC_TEST_FUZZ_FUZZ_H
