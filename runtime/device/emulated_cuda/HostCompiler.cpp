#include "runtime/device/emulated_cuda/HostCompiler.h"

#include "runtime/base/BuildCache.h"
#include "runtime/base/Error.h"
#include "runtime/device/emulated_cuda/RunProgram.h"

#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>

namespace pfc::rt::emulated {
namespace {

/// A folder that goes with this object.
class TemporaryFolder {
public:
  TemporaryFolder()
      : path((std::filesystem::temp_directory_path() / "pfc-XXXXXX").string()) {
    bool made = mkdtemp(path.data()) != nullptr;
    require(made, "{}: cannot be created: {}", path, std::strerror(errno));
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;

  std::string file(const std::string &name) const { return path + "/" + name; }

private:
  std::string path;
};

std::vector<std::string> compilerFlags(bool checked) {
  // CUDA reads 16 bytes through any pointer; the host's C++ must not mind.
  std::vector<std::string> flags = {"-std=gnu++17", "-O2", "-fPIC", "-w",
                                    "-fno-strict-aliasing"};
  if (checked)
    flags.insert(flags.end(), {"-fsanitize=thread,alignment", "-g1",
                               "-gdwarf-4", "-fno-optimize-sibling-calls"});
  return flags;
}

/// `--wrap` gives the device a name of its own to define: a program that is
/// under the undefined-behaviour sanitizer itself has that library's function.
const std::vector<std::string> linkerFlags = {
    "-shared", "-Wl,--wrap=__ubsan_handle_type_mismatch_v1"};

/// The first lines that matter; a compiler can say very much.
std::string firstErrors(const std::string &output) {
  std::string text;
  size_t begin = output.find("error:");
  begin = begin == std::string::npos ? 0 : output.rfind('\n', begin) + 1;
  for (int line = 0; line < 6 && begin < output.size(); ++line) {
    size_t end = std::min(output.find('\n', begin), output.size());
    text += "\n  " + output.substr(begin, end - begin);
    begin = end + 1;
  }
  return text;
}

void runCompiler(const std::vector<std::string> &command) {
  ProgramResult result = runProgram(command);
  require(result.succeeded, "cannot compile the plan's kernels with {}:{}",
          command.front(), firstErrors(result.output));
}

std::string contents(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Line `number` of a text, without what it is indented by.
std::string lineText(const std::string &text, size_t number) {
  std::istringstream lines(text);
  std::string line;
  while (number-- > 0 && std::getline(lines, line))
    ;
  size_t first = line.find_first_not_of(" \t");
  return first == std::string::npos ? "" : line.substr(first);
}

} // namespace

HostCompiler::HostCompiler() {
  const char *wanted = std::getenv("PFC_HOST_CXX");
  std::vector<std::string> candidates = {"g++", "c++", "clang++"};
  if (wanted && *wanted)
    candidates = {wanted};
  std::string why;
  for (const std::string &candidate : candidates) {
    ProgramResult result = runProgram({candidate, "--version"});
    if (result.succeeded) {
      path = candidate;
      versionLine = result.output.substr(0, result.output.find('\n'));
      return;
    }
    why += fmt::format("{}{}: {}", why.empty() ? "" : ", ", candidate,
                       result.output.substr(0, result.output.find('\n')));
  }
  fail("emulated-cuda compiles a plan's kernels with this machine's C++ "
       "compiler, and there is none ({}); install one, or set PFC_HOST_CXX",
       why);
}

std::string HostCompiler::sharedLibrary(const std::string &source,
                                        bool checked) const {
  std::string key = path + "\n" + versionLine + "\n";
  for (const auto &flags : {compilerFlags(checked), linkerFlags})
    for (const std::string &flag : flags)
      key += flag + "\n";
  return BuildCache().file(key + source, ".so",
                           [&] { return build(source, checked); });
}

/// In two commands: linking with -fsanitize would add the sanitizer's library.
std::string HostCompiler::build(const std::string &source, bool checked) const {
  TemporaryFolder folder;
  std::string text = folder.file("kernels.cpp");
  std::string object = folder.file("kernels.o");
  std::string library = folder.file("kernels.so");
  std::ofstream(text) << source;
  std::vector<std::string> command = {path};
  for (const std::string &flag : compilerFlags(checked))
    command.push_back(flag);
  command.insert(command.end(), {"-c", text, "-o", object});
  runCompiler(command);
  command = {path};
  command.insert(command.end(), linkerFlags.begin(), linkerFlags.end());
  command.insert(command.end(), {object, "-o", library});
  runCompiler(command);
  return contents(library);
}

std::string sourceLine(const void *address, const std::string &cuda) {
  Dl_info library;
  if (!dladdr(address, &library) || !library.dli_fname)
    return "";
  // A return address: the call is before it.
  auto offset = static_cast<const char *>(address) -
                static_cast<const char *>(library.dli_fbase) - 1;
  ProgramResult found = runProgram({"addr2line", "-s", "-e", library.dli_fname,
                                    fmt::format("{:#x}", offset)});
  std::smatch parts;
  if (!found.succeeded ||
      !std::regex_search(found.output, parts, std::regex(R"(plan\.cu:(\d+))")))
    return "";
  size_t number = std::stoul(parts[1]);
  return fmt::format("line {} (`{}`)", number, lineText(cuda, number));
}

} // namespace pfc::rt::emulated
