//===- ClassMap.h - Other classes than those of the weights -----*- C++ -*-===//
//
// Fine-tuning changes the identities: some stay, some go, others come. A class
// map says for each class of the new training set which old class's center it
// starts from. Text, a line each, in any order; '#' begins a comment:
//
//   NEW OLD           class NEW starts from class OLD
//   NEW new           class NEW is a new identity
//   FIRST-LAST OLD    classes FIRST to LAST from OLD, OLD + 1, ...
//   FIRST-LAST new
//
// Every new class has one line. An old class may be used by several, or by
// none: it is dropped.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_TRAIN_CHECKPOINT_CLASSMAP_H
#define PFC_RUNTIME_TRAIN_CHECKPOINT_CLASSMAP_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pfc::rt {

/// Classes [first, first + count) start from old classes [from, from + count),
/// or anew.
struct ClassRun {
  int64_t first = 0, count = 0;
  int64_t from = -1; ///< -1: new

  bool isNew() const { return from < 0; }
  int64_t end() const { return first + count; }
};

class ClassMap {
public:
  /// Class i from class i: `classes` of them.
  explicit ClassMap(int64_t classes);

  /// Checks `text`, the contents of `path`; throws an Error that names the
  /// line.
  static ClassMap parse(std::string_view text, const std::string &path);
  static ClassMap read(const std::string &path);

  /// How many new classes it has.
  int64_t classes() const { return runs.empty() ? 0 : runs.back().end(); }
  int64_t newClasses() const;
  /// How many old classes it takes, one that is taken twice counted twice.
  int64_t oldClasses() const { return classes() - newClasses(); }

  /// Throws unless all old classes are below `oldClasses`.
  void checkOld(int64_t oldClasses) const;

  /// What classes [first, first + count) start from, in their order.
  std::vector<ClassRun> cut(int64_t first, int64_t count) const;

private:
  ClassMap() = default;

  std::string path;
  std::vector<ClassRun> runs; ///< from class 0 on, without gaps
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_CHECKPOINT_CLASSMAP_H
