#include "runtime/base/DynamicLibrary.h"

#include "runtime/base/Error.h"

#include <dlfcn.h>
#include <filesystem>

namespace pfc::rt {

DynamicLibrary DynamicLibrary::open(const std::string &name) {
  std::error_code ignored;
  std::filesystem::path self =
      std::filesystem::read_symlink("/proc/self/exe", ignored);
  std::filesystem::path beside = self.parent_path() / name;
  if (std::filesystem::exists(beside, ignored)) {
    if (void *handle = dlopen(beside.c_str(), RTLD_NOW | RTLD_LOCAL))
      return DynamicLibrary(name, handle);
    fail("cannot open the plug-in {}: {}", beside.string(), dlerror());
  }
  if (void *handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL))
    return DynamicLibrary(name, handle);
  fail("cannot find the plug-in {} (looked beside {} and in the system's "
       "library path)",
       name, self.string());
}

void *DynamicLibrary::symbol(const char *symbol) const {
  dlerror();
  void *address = dlsym(handle, symbol);
  if (!address)
    fail("{} has no symbol '{}': is it from another version of pfc?", name,
         symbol);
  return address;
}

} // namespace pfc::rt
