//===- SpecErrors.cpp - Messages about a spec -----------------------------===//
#include "frontend/spec/SpecErrors.h"
#include "frontend/spec/SpecKeys.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <tuple>

using namespace pfc;
using llvm::StringRef;
using mlir::FileLineColLoc;

void SpecErrors::error(FileLineColLoc loc, std::string message) {
  entries.push_back({loc, std::move(message), true});
  ++numErrors;
}

void SpecErrors::warning(FileLineColLoc loc, std::string message) {
  entries.push_back({loc, std::move(message), false});
}

void SpecErrors::report() {
  // The file's errors come before those of the command line.
  auto position = [](const Entry &entry) {
    return std::make_tuple(entry.loc.getFilename() == "--set",
                           entry.loc.getLine(), entry.loc.getColumn());
  };
  llvm::stable_sort(entries, [&](const Entry &a, const Entry &b) {
    return position(a) < position(b);
  });
  for (const Entry &entry : entries) {
    if (entry.isError)
      mlir::emitError(entry.loc) << entry.message;
    else
      mlir::emitWarning(entry.loc) << entry.message;
  }
  entries.clear();
}

/// Edits that still count as a slip: a third of the word, rounded up, so that
/// two swapped letters of a short word do.
static unsigned tolerance(StringRef word) { return (word.size() + 2) / 3; }

std::string pfc::printable(StringRef text, size_t limit) {
  std::string shown;
  for (unsigned char c : text) {
    // Only a byte that begins a code point may be the first one left out.
    if (shown.size() >= limit && (c & 0xc0) != 0x80)
      return shown + "…";
    shown += c < 0x20 || c == 0x7f ? '?' : char(c);
  }
  return shown;
}

namespace {
/// Remembers the candidate nearest to a word. Long words are not compared:
/// nobody mistypes a kilobyte, and the distance is quadratic.
class Nearest {
public:
  explicit Nearest(StringRef word)
      : word(word), bound(word.size() > 64 ? 0 : tolerance(word) + 1) {}

  void offer(StringRef candidate, std::string text) {
    if (bound == 0)
      return;
    unsigned distance =
        word.lower() == candidate.lower()
            ? 0
            : word.edit_distance(candidate, /*AllowReplacements=*/true, bound);
    if (distance >= bound)
      return;
    bound = distance;
    best = std::move(text);
  }

  const std::string &get() const { return best; }

private:
  StringRef word;
  unsigned bound; // one more than the largest distance still of interest
  std::string best;
};
} // namespace

std::string pfc::suggestKey(StringRef section, StringRef name) {
  Nearest nearest(name);
  // The section's own keys first: they win a tie.
  for (const SpecKey &key : specKeys())
    if (key.section == section)
      nearest.offer(key.name, ("'" + key.name + "'").str());
  for (const SpecSection &known : specSections()) {
    StringRef leaf = known.name.rsplit('.').second;
    nearest.offer(leaf.empty() ? known.name : leaf,
                  ("section [" + known.name + "]").str());
  }
  for (const SpecKey &key : specKeys())
    if (key.section != section)
      nearest.offer(key.name,
                    ("'" + key.name + "' of [" + key.section + "]").str());
  if (!nearest.get().empty())
    return "; did you mean " + nearest.get() + "?";

  llvm::SmallVector<StringRef> known;
  for (const SpecKey &key : specKeys())
    if (key.section == section)
      known.push_back(key.name);
  if (known.empty()) // the top level has sections only
    for (const SpecSection &each : specSections())
      known.push_back(each.name);
  return "; known: " + llvm::join(known, ", ");
}

std::string pfc::suggestChoice(llvm::ArrayRef<StringRef> choices,
                               StringRef value) {
  if (value == "gpu" && llvm::is_contained(choices, "cuda"))
    return "; did you mean \"cuda\"?";
  Nearest nearest(value);
  for (StringRef choice : choices)
    nearest.offer(choice, ("\"" + choice + "\"").str());
  return nearest.get().empty() ? "" : "; did you mean " + nearest.get() + "?";
}
