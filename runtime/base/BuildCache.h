//===- BuildCache.h - Compiled kernels, kept on disk ------------*- C++ -*-===//
//
// A folder of files that take long to make and follow from a key alone (source
// text, chip, compiler, options). An entry is <SHA-256 of the key><suffix>: the
// file's contents, then their SHA-256, so that a damaged entry is made anew;
// loaders of ELF files don't mind what follows. Ranks that want the same entry
// at once wait for the first to make it.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_BASE_BUILDCACHE_H
#define PFC_RUNTIME_BASE_BUILDCACHE_H

#include <functional>
#include <string>

namespace pfc::rt {

class BuildCache {
public:
  /// Makes the contents of an entry.
  using Build = std::function<std::string()>;

  /// Empty: $PFC_CACHE_DIR, else pfc in $XDG_CACHE_HOME or in ~/.cache.
  explicit BuildCache(std::string folder = {});

  /// The entry's path; calls `build` when the cache lacks it.
  std::string file(const std::string &key, const std::string &suffix,
                   const Build &build) const;

private:
  std::string folder;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_BASE_BUILDCACHE_H
