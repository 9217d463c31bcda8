//===- Output.h - Files that pfcc writes ------------------------*- C++ -*-===//
#ifndef TOOLS_PFCC_OUTPUT_H
#define TOOLS_PFCC_OUTPUT_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>

namespace pfc {

/// An Error if `path` is one of the files `inputs`, by whatever names: what is
/// read from is not to be written over.
llvm::Error refuseInputs(llvm::StringRef path,
                         llvm::ArrayRef<std::string> inputs);

/// Writes `bytes` to `path`; "-" is stdout. A file that is there is replaced by
/// a whole one, so that whoever has it open keeps it, and a failure leaves it.
/// So is the file that a link names. A device or a pipe is written to.
llvm::Error writeOutput(llvm::StringRef path, llvm::StringRef bytes);

} // namespace pfc

#endif // TOOLS_PFCC_OUTPUT_H
