#include "runtime/device/cuda/CudaLibraries.h"

#include "runtime/base/Error.h"

#include <climits>
#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <sstream>

namespace pfc::rt::cuda {
namespace {

std::string environment(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

/// Folders to look in; an empty one stands for the system's library path.
std::vector<std::string> libraryFolders() {
  std::vector<std::string> folders;
  std::istringstream wanted(environment("PFC_CUDA_LIBRARIES"));
  for (std::string folder; std::getline(wanted, folder, ':');)
    if (!folder.empty())
      folders.push_back(folder);
  folders.emplace_back();
  if (std::string home = environment("CUDA_HOME"); !home.empty())
    folders.push_back(home + "/lib64");
  else
    folders.push_back("/usr/local/cuda/lib64");
  return folders;
}

std::string foldersText() {
  std::string text;
  for (const std::string &folder : libraryFolders())
    text += fmt::format("{}{}", text.empty() ? "" : ", ",
                        folder.empty() ? "the library path" : folder);
  return text;
}

/// 0 without a driver: compiling needs none.
int driverVersion() {
  int version = 0;
  try {
    driver().cuDriverGetVersion(&version);
  } catch (const Error &) {
  }
  return version;
}

/// Of the chips that the driver shows, the least compute capability, as 75; 0
/// without any.
int oldestChip() {
  int oldest = 0;
  try {
    int count = 0;
    if (driver().cuDeviceGetCount(&count) != CUDA_SUCCESS)
      return 0;
    for (int number = 0; number < count; ++number) {
      CUdevice device = 0;
      int major = 0, minor = 0;
      if (driver().cuDeviceGet(&device, number) != CUDA_SUCCESS)
        continue;
      driver().cuDeviceGetAttribute(
          &major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device);
      driver().cuDeviceGetAttribute(
          &minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device);
      int chip = 10 * major + minor;
      oldest = oldest == 0 ? chip : std::min(oldest, chip);
    }
  } catch (const Error &) {
  }
  return oldest;
}

/// Remedies, for the message of a missing library.
constexpr const char *noDriver =
    "there is no NVIDIA driver here (in a container: start it with --gpus all "
    "and the NVIDIA container toolkit); without a GPU, run a plan for the CPU "
    "with --device=cpu, or this one with --device=emulated-cuda";
constexpr const char *noToolkit =
    "install the CUDA toolkit (12.4 or newer), or give its folder in "
    "CUDA_HOME; plans for the CPU run with --device=cpu";
constexpr const char *noCudnn =
    "install cuDNN 9 for this CUDA, or give its folder in PFC_CUDA_LIBRARIES; "
    "plans for the CPU run with --device=cpu";

/// Where `library` was found.
std::string folderOf(void *library) {
  std::string folder(PATH_MAX, '\0');
  if (dlinfo(library, RTLD_DI_ORIGIN, folder.data()) != 0)
    return "";
  return folder.c_str();
}

/// NVRTC opens a library of its own by name, when it first compiles. If it is
/// in no folder that the loader looks in (those of 13.0's Python package don't
/// say that it is beside them), that fails, unless it is open already.
void openBuiltins(void *library, const NvrtcLibrary &nvrtc) {
  int major = 0, minor = 0;
  if (nvrtc.nvrtcVersion(&major, &minor) == NVRTC_SUCCESS)
    dlopen(fmt::format("{}/libnvrtc-builtins.so.{}.{}", folderOf(library),
                       major, minor)
               .c_str(),
           RTLD_NOW | RTLD_LOCAL);
}

} // namespace

void *openLibrary(const std::vector<std::string> &names,
                  const std::string &missing) {
  std::string refused;
  for (const std::string &folder : libraryFolders())
    for (const std::string &name : names) {
      std::string path = folder.empty() ? name : folder + "/" + name;
      if (!folder.empty() && !std::filesystem::exists(path))
        continue;
      if (void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL))
        return library;
      if (!folder.empty())
        refused = fmt::format("; {}", dlerror());
    }
  fail("cannot open {} (looked in {}{}): {}", fmt::join(names, " or "),
       foldersText(), refused, missing);
}

void *symbolOf(void *library, const std::string &name, const char *symbol) {
  void *address = dlsym(library, symbol);
  require(address != nullptr,
          "{} has no function {}: it is too old; CUDA 12.4, cuDNN 9 and NCCL "
          "2.18 or newer are needed",
          name, symbol);
  return address;
}

std::vector<std::string> toolkitNames(const std::string &library,
                                      int driverVersion, int oldestChip) {
  // A driver runs what its own and older toolkits compiled; CUDA 13 has left
  // out chips before 7.5.
  std::vector<std::string> names;
  int newest = driverVersion == 0 ? CUDA_VERSION : driverVersion;
  if (oldestChip > 0 && oldestChip < 75)
    newest = std::min(newest, 12999);
  for (int major = newest / 1000; major >= 12; --major)
    names.push_back(fmt::format("{}.so.{}", library, major));
  return names;
}

std::vector<std::string> includeFolders() {
  std::vector<std::string> candidates, found;
  if (std::string own = environment("PFC_CUDA_INCLUDE"); !own.empty())
    candidates.push_back(own);
  if (std::string home = environment("CUDA_HOME"); !home.empty())
    candidates.push_back(home + "/include");
  else
    candidates.push_back("/usr/local/cuda/include");
  candidates.push_back("/usr/include");
  for (const std::string &folder : candidates)
    if (std::filesystem::exists(folder + "/cuda_fp16.h"))
      found.push_back(folder);
  return found;
}

// `#name` alone would not see cuda.h's new names.
#define PFC_STRING(name) #name
#define PFC_SYMBOL(name)                                                       \
  loaded.name = reinterpret_cast<decltype(loaded.name)>(                       \
      symbolOf(library, names.front(), PFC_STRING(name)));

const DriverLibrary &driver() {
  static const DriverLibrary table = [] {
    std::vector<std::string> names = {"libcuda.so.1"};
    void *library = openLibrary(names, noDriver);
    DriverLibrary loaded;
#include "cuda_symbols.inc"
    return loaded;
  }();
  return table;
}

const NvrtcLibrary &nvrtc() {
  static const NvrtcLibrary table = [] {
    auto names = toolkitNames("libnvrtc", driverVersion(), oldestChip());
    void *library = openLibrary(names, noToolkit);
    NvrtcLibrary loaded;
#include "nvrtc_symbols.inc"
    openBuiltins(library, loaded);
    return loaded;
  }();
  return table;
}

const CublasLtLibrary &cublasLt() {
  static const CublasLtLibrary table = [] {
    auto names = toolkitNames("libcublasLt", driverVersion(), oldestChip());
    void *library = openLibrary(names, noToolkit);
    CublasLtLibrary loaded;
#include "cublaslt_symbols.inc"
    return loaded;
  }();
  return table;
}

const CudnnLibrary &cudnn() {
  static const CudnnLibrary table = [] {
    std::vector<std::string> names = {"libcudnn.so.9"};
    void *library = openLibrary(names, noCudnn);
    CudnnLibrary loaded;
#include "cudnn_symbols.inc"
    return loaded;
  }();
  return table;
}

#undef PFC_SYMBOL
#undef PFC_STRING

std::string versionText(size_t version) {
  return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100,
                     version % 100);
}

} // namespace pfc::rt::cuda
