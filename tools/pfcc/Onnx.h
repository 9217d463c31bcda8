//===- Onnx.h - pfcc onnx ---------------------------------------*- C++ -*-===//
#ifndef TOOLS_PFCC_ONNX_H
#define TOOLS_PFCC_ONNX_H

#include "mlir/Support/LLVM.h"

#include <string>

namespace pfc {

/// Prints a trained network, the --out of a run or a checkpoint, as an ONNX
/// model. Errors are in `message`, or diagnostics if it stays empty.
mlir::LogicalResult exportTrained(llvm::StringRef path, llvm::raw_ostream &os,
                                  std::string &message);

} // namespace pfc

#endif // TOOLS_PFCC_ONNX_H
