//===- StagedSet.h - A data set that is whole or not there ------*- C++ -*-===//
#ifndef PFC_RUNTIME_DATA_GLYPHS_STAGEDSET_H
#define PFC_RUNTIME_DATA_GLYPHS_STAGEDSET_H

#include <string>

namespace pfc::rt::data::glyphs {

/// A folder inside that of a data set, where a new one is made: what is there
/// stays until publish(), and what wasn't published goes.
class StagedSet {
public:
  /// Makes both folders.
  explicit StagedSet(const std::string &target);
  ~StagedSet();
  StagedSet(const StagedSet &) = delete;
  StagedSet &operator=(const StagedSet &) = delete;

  /// Where to write.
  const std::string &folder() const { return staging; }

  /// Everything that was written takes the place of what has its name.
  void publish();

private:
  std::string target, staging;
};

} // namespace pfc::rt::data::glyphs

#endif // PFC_RUNTIME_DATA_GLYPHS_STAGEDSET_H
