//===- DynamicLibrary.h - Plug-ins opened at run time -----------*- C++ -*-===//
#ifndef PFC_RUNTIME_BASE_DYNAMICLIBRARY_H
#define PFC_RUNTIME_BASE_DYNAMICLIBRARY_H

#include <string>

namespace pfc::rt {

/// A shared object opened for the life of the process.
class DynamicLibrary {
public:
  /// Opens `name` beside the running program, else by the system's search
  /// path. Throws an Error that says what is missing.
  static DynamicLibrary open(const std::string &name);

  /// The address of `symbol`; throws when the library lacks it.
  void *symbol(const char *symbol) const;

  template <typename Function>
  Function *function(const char *name) const {
    return reinterpret_cast<Function *>(symbol(name));
  }

private:
  DynamicLibrary(std::string name, void *handle)
      : name(std::move(name)), handle(handle) {}

  std::string name;
  void *handle;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_BASE_DYNAMICLIBRARY_H
