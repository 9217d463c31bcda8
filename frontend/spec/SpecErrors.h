//===- SpecErrors.h - Messages about a spec ---------------------*- C++ -*-===//
//
// Collects everything that is wrong with a spec and reports it as MLIR
// diagnostics in the order of the text, so that a person fixes a file once.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_FRONTEND_SPEC_SPECERRORS_H
#define PFC_FRONTEND_SPEC_SPECERRORS_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Location.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include <string>
#include <vector>

namespace pfc {

class SpecErrors {
public:
  void error(mlir::FileLineColLoc loc, std::string message);
  void warning(mlir::FileLineColLoc loc, std::string message);

  bool hasErrors() const { return numErrors != 0; }
  /// Emits everything, in the order of the text.
  void report();

private:
  struct Entry {
    mlir::FileLineColLoc loc;
    std::string message;
    bool isError;
  };
  std::vector<Entry> entries;
  size_t numErrors = 0;
};

/// `text` for a message: control characters replaced, at most about `limit`
/// bytes.
std::string printable(llvm::StringRef text, size_t limit = 60);

/// The end of a message about the unknown `name` in `section`: the nearest
/// known key or section by edit distance, wherever it lives, else what is
/// known in the section.
std::string suggestKey(llvm::StringRef section, llvm::StringRef name);

/// "; did you mean \"r50\"?" for the nearest of `choices`, or "".
std::string suggestChoice(llvm::ArrayRef<llvm::StringRef> choices,
                          llvm::StringRef value);

} // namespace pfc

#endif // PFC_FRONTEND_SPEC_SPECERRORS_H
