#include "runtime/device/emulated_cuda/KernelLibrary.h"

#include "runtime/base/Error.h"
#include "runtime/device/emulated_cuda/HostCompiler.h"
#include "runtime/device/emulated_cuda/KernelSource.h"

#include <dlfcn.h>
#include <link.h>

namespace pfc::rt::emulated {
namespace {

/// Kernels call the functions of KernelCalls.cpp by name, but plug-ins are
/// opened without showing their names to others.
void showOwnSymbols() {
  Dl_info self;
  bool shown = dladdr(reinterpret_cast<void *>(&showOwnSymbols), &self) &&
               dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
  require(shown, "cannot show the emulated device's functions to kernels");
}

std::vector<KernelName> kernelNames(const plan::fb::Variant &variant) {
  std::vector<KernelName> names;
  auto count = [](const auto *list) { return list ? list->size() : 0; };
  for (const plan::fb::Kernel *kernel : *variant.kernels())
    names.push_back({kernel->name()->str(), kernel->arguments() +
                                                count(kernel->tensor_maps()) +
                                                count(kernel->numbers())});
  return names;
}

/// The addresses of the library that has `symbol`.
AddressRange addressesAbout(const void *symbol) {
  struct Search {
    const void *symbol;
    AddressRange found;
  } search{symbol, {}};
  auto look = [](dl_phdr_info *library, size_t, void *data) {
    auto &search = *static_cast<Search *>(data);
    auto *base = reinterpret_cast<const std::byte *>(library->dlpi_addr);
    AddressRange range;
    for (unsigned i = 0; i < library->dlpi_phnum; ++i) {
      const auto &segment = library->dlpi_phdr[i];
      if (segment.p_type == PT_LOAD)
        range = {base, base + segment.p_vaddr + segment.p_memsz};
    }
    if (range.has(search.symbol))
      search.found = range;
    return 0;
  };
  dl_iterate_phdr(look, &search);
  return search.found;
}

} // namespace

void KernelLibrary::Close::operator()(void *handle) const { dlclose(handle); }

KernelLibrary::KernelLibrary(const plan::fb::Variant &variant, bool checked) {
  if (variant.kernels()->size() == 0)
    return;
  require(variant.kernel_cuda() && variant.kernel_cuda()->size() != 0,
          "the plan has no CUDA kernels: compile its spec with "
          "cluster.device = \"cuda\", or run it with --device=cpu");
  text = variant.kernel_cuda()->str();
  std::vector<KernelName> names = kernelNames(variant);
  showOwnSymbols();
  std::string path =
      HostCompiler().sharedLibrary(translationUnit(text, names), checked);
  library.reset(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL));
  require(library != nullptr, "cannot load the compiled kernels: {}",
          dlerror());
  table = static_cast<const emulation::Kernel *>(
      dlsym(library.get(), "pfc_kernels"));
  require(table != nullptr, "{} has no table of kernels", path);
  loadedAt = addressesAbout(table);
  for (size_t i = 0; i < names.size(); ++i)
    require(table[i].arguments == names[i].arguments,
            "kernel '{}' takes {} arguments, the plan gives it {}",
            names[i].name, table[i].arguments, names[i].arguments);
}

} // namespace pfc::rt::emulated
