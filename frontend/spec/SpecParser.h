//===- SpecParser.h - A .spec file becomes a TrainSpec ----------*- C++ -*-===//
//
//   llvm::SourceMgr sources;
//   if (!addSpecFile(path, sources, llvm::errs())) return 1;
//   mlir::SourceMgrDiagnosticHandler handler(sources, &context);
//   std::optional<LoadedSpec> loaded = parseSpec(sources, overrides, context);
//
// Errors are MLIR diagnostics at FileLineColLocs, all of a file at once.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_FRONTEND_SPEC_SPECPARSER_H
#define PFC_FRONTEND_SPEC_SPECPARSER_H

#include "frontend/spec/TrainSpec.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Location.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/SourceMgr.h"

namespace pfc {

/// Where each key and section stands in the text.
class SpecLocations {
public:
  explicit SpecLocations(mlir::FileLineColLoc fileStart)
      : fileStart(fileStart) {}

  void set(llvm::StringRef path, mlir::FileLineColLoc loc) {
    entries.insert_or_assign(path, loc);
  }
  void erase(llvm::StringRef path) { entries.erase(path); }
  bool contains(llvm::StringRef path) const { return entries.contains(path); }

  /// The location of the value at `path` ("head.margin.m2"), else of the
  /// section around it, else the start of the file.
  mlir::FileLineColLoc of(llvm::StringRef path) const;

private:
  mlir::FileLineColLoc fileStart;
  llvm::StringMap<mlir::FileLineColLoc> entries;
};

/// A complete, valid spec: every default is filled in.
struct LoadedSpec {
  TrainSpec spec;
  SpecLocations locations;
};

/// Reads a file into `sources` as its main buffer. Prints
/// `path:1:1: error: …` and returns false when it can't be read.
bool addSpecFile(llvm::StringRef path, llvm::SourceMgr &sources,
                 llvm::raw_ostream &errors);

/// The same with a text that is in memory; `path` is its name in messages.
bool addSpecText(llvm::StringRef text, llvm::StringRef path,
                 llvm::SourceMgr &sources, llvm::raw_ostream &errors);

/// Parses the main buffer of `sources`, then each override ("head.classes=9"),
/// and checks the whole. Overrides are added to `sources` as buffer `--set`,
/// one line each. Returns nothing after reporting at least one error.
std::optional<LoadedSpec> parseSpec(llvm::SourceMgr &sources,
                                    llvm::ArrayRef<std::string> overrides,
                                    mlir::MLIRContext &context);

} // namespace pfc

#endif // PFC_FRONTEND_SPEC_SPECPARSER_H
