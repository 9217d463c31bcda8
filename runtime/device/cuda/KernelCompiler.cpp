#include "runtime/device/cuda/KernelCompiler.h"

#include "runtime/base/BuildCache.h"
#include "runtime/base/Error.h"
#include "runtime/base/ParallelFor.h"
#include "runtime/device/Processors.h"
#include "runtime/device/cuda/Status.h"

#include <algorithm>
#include <fstream>
#include <iterator>

namespace pfc::rt::cuda {
namespace {

class Program {
public:
  explicit Program(const std::string &text) {
    check(nvrtc().nvrtcCreateProgram(&program, text.c_str(), "plan.cu", 0,
                                     nullptr, nullptr),
          "nvrtcCreateProgram");
  }
  ~Program() { nvrtc().nvrtcDestroyProgram(&program); }
  Program(const Program &) = delete;
  Program &operator=(const Program &) = delete;

  nvrtcResult compile(const std::vector<std::string> &options) {
    std::vector<const char *> pointers;
    for (const std::string &option : options)
      pointers.push_back(option.c_str());
    return nvrtc().nvrtcCompileProgram(
        program, static_cast<int>(pointers.size()), pointers.data());
  }

  std::string log() const {
    size_t size = 0;
    check(nvrtc().nvrtcGetProgramLogSize(program, &size),
          "nvrtcGetProgramLogSize");
    std::string text(size, '\0');
    check(nvrtc().nvrtcGetProgramLog(program, text.data()),
          "nvrtcGetProgramLog");
    return text.c_str();
  }

  std::string cubin() const {
    size_t size = 0;
    check(nvrtc().nvrtcGetCUBINSize(program, &size), "nvrtcGetCUBINSize");
    std::string bytes(size, '\0');
    check(nvrtc().nvrtcGetCUBIN(program, bytes.data()), "nvrtcGetCUBIN");
    return bytes;
  }

private:
  nvrtcProgram program = nullptr;
};

/// Kernels of a part: some 50 ms each, while CUDA's headers cost as much.
constexpr size_t kernelsOfPart = 16;

/// The first lines of a compiler's messages; it can say very much.
std::string firstLines(const std::string &log) {
  std::string text;
  size_t begin = 0;
  for (int line = 0; line < 8 && begin < log.size(); ++line) {
    size_t end = std::min(log.find('\n', begin), log.size());
    text += "\n  " + log.substr(begin, end - begin);
    begin = end + 1;
  }
  return text;
}

} // namespace

std::string compilerVersion() {
  int major = 0, minor = 0;
  check(nvrtc().nvrtcVersion(&major, &minor), "nvrtcVersion");
  return fmt::format("NVRTC {}.{}", major, minor);
}

std::vector<std::string> compilerOptions(const std::string &architecture) {
  std::vector<std::string> options = {"--gpu-architecture=" + architecture,
                                      "--std=c++17"};
  for (const std::string &folder : includeFolders())
    options.push_back("--include-path=" + folder);
  return options;
}

std::string compileCubin(const std::string &text,
                         const std::string &architecture) {
  Program program(text);
  nvrtcResult status = program.compile(compilerOptions(architecture));
  if (status == NVRTC_ERROR_INVALID_OPTION)
    fail("{} does not know {}: the chip needs a newer CUDA toolkit, or one "
         "before 7.5 CUDA 12 ({})",
         compilerVersion(), architecture, program.log());
  require(status == NVRTC_SUCCESS,
          "{} cannot compile the plan's kernels for {}: {}{}",
          compilerVersion(), architecture, nvrtc().nvrtcGetErrorString(status),
          firstLines(program.log()));
  return program.cubin();
}

std::string cachedCubin(const std::string &text,
                        const std::string &architecture) {
  std::string key = compilerVersion() + "\n";
  for (const std::string &option : compilerOptions(architecture))
    key += option + "\n";
  std::string path = BuildCache().file(
      key + text, ".cubin", [&] { return compileCubin(text, architecture); });
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> splitKernels(const std::string &text, size_t kernels) {
  const std::string begin = "\nextern \"C\" __global__";
  size_t first = text.find(begin);
  std::vector<std::string> parts;
  for (size_t at = first, number = 0; at != std::string::npos; ++number) {
    size_t next = text.find(begin, at + 1);
    if (number % kernels == 0)
      parts.push_back(text.substr(0, first));
    parts.back() += text.substr(at, next - at);
    at = next;
  }
  return parts.empty() ? std::vector{text} : parts;
}

std::vector<std::string> cachedCubins(const std::string &text,
                                      const std::string &architecture) {
  std::vector<std::string> parts = splitKernels(text, kernelsOfPart);
  std::vector<std::string> cubins(parts.size());
  const auto count = static_cast<int64_t>(parts.size());
  const auto threads =
      static_cast<int>(std::min<int64_t>(count, availableProcessors()));
  parallelFor(threads, count, [&](int, int64_t i) {
    const auto at = static_cast<size_t>(i);
    cubins[at] = cachedCubin(parts[at], architecture);
  });
  return cubins;
}

} // namespace pfc::rt::cuda
