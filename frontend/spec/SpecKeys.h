//===- SpecKeys.h - The one table of a spec's keys --------------*- C++ -*-===//
//
// Every key once: section, name, type, unit, default, range, help and the
// field that it sets. SpecParser.cpp checks files against it, SpecErrors.cpp
// suggests from it, SpecWriter.cpp prints specs and docs/spec.md from it.
// Adding a key is one field in TrainSpec.h and one line in SpecKeys.cpp.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_FRONTEND_SPEC_SPECKEYS_H
#define PFC_FRONTEND_SPEC_SPECKEYS_H

#include "frontend/spec/TrainSpec.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include <limits>
#include <variant>

namespace pfc {

/// Where a key's value goes; the alternative is also the key's type. uint8_t
/// is an enumeration, by the index of its name in `choices`.
using FieldRef =
    std::variant<int64_t *, double *, bool *, uint8_t *, std::string *,
                 std::vector<std::string> *, std::optional<int64_t> *,
                 std::optional<double> *, std::optional<bool> *,
                 std::optional<std::vector<int64_t>> *,
                 std::optional<std::vector<double>> *>;

/// The numbers that a key accepts.
struct SpecRange {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool minOpen = false; ///< min itself is not allowed
  bool maxOpen = false; ///< max itself is not allowed
  int64_t multipleOf = 1;

  bool contains(double value) const;
};

/// One key.
struct SpecKey {
  llvm::StringRef section; ///< "head.margin"
  llvm::StringRef name;    ///< "scale"
  llvm::StringRef unit;    ///< "", "steps", "pixels", …
  bool required;
  /// What an absent optional key means, when its field can't say it.
  llvm::StringRef defaultNote;
  SpecRange range;
  llvm::ArrayRef<llvm::StringRef> choices; ///< names or numbers; empty: any
  llvm::StringRef help;
  FieldRef (*field)(TrainSpec &);

  /// "head.margin.scale".
  std::string path() const { return (section + "." + name).str(); }
  /// "an integer", "a number", "true or false", "a string", ….
  llvm::StringRef typeName() const;
  /// What is allowed: "in [0, 1]", "one of \"fp32\", \"bf16\"", or "".
  std::string allowed() const;
};

/// One section, for the reference page.
struct SpecSection {
  llvm::StringRef name;
  llvm::StringRef help;
};

/// All sections and keys, in the order in which they are printed.
llvm::ArrayRef<SpecSection> specSections();
llvm::ArrayRef<SpecKey> specKeys();

/// The key at `path` ("head.classes"), or null.
const SpecKey *findSpecKey(llvm::StringRef path);
/// Whether `path` names a section.
bool isSpecSection(llvm::StringRef path);

/// The value of a field as TOML ("0.5", "\"cosface\"", "[]"), or "" where an
/// optional field is empty.
std::string fieldToToml(const SpecKey &key, FieldRef field);

/// The shortest that is read as this value; a float keeps a point or an
/// exponent.
std::string numberToToml(double value);
/// In double quotes.
std::string stringToToml(const std::string &value);

} // namespace pfc

#endif // PFC_FRONTEND_SPEC_SPECKEYS_H
