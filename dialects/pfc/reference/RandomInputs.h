//===- RandomInputs.h - Inputs to compare functions on ----------*- C++ -*-===//
//
// Functions of (seed, step, name): two modules get the same ones.
//
//   "lr"            0.1
//   "step"          the step, from 0
//   other integers  ui8, i8: uniform in [0, 256); others (labels): uniform in
//                   [0, classes)
//   other floats    standard normal
//
//===----------------------------------------------------------------------===//
#ifndef DIALECTS_PFC_REFERENCE_RANDOMINPUTS_H
#define DIALECTS_PFC_REFERENCE_RANDOMINPUTS_H

#include "dialects/pfc/reference/Tensor.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <optional>

namespace pfc::reference {

/// The number of classes: that of a sample_centers, else the rows of a sharded
/// variable.
std::optional<int64_t> classesOf(mlir::func::FuncOp function);

/// Logical inputs for `function`.
TensorMap randomInputs(mlir::func::FuncOp function, int64_t classes,
                       uint64_t seed, int64_t step);

/// A standard normal tensor; `stream` tells tensors of one seed apart.
Tensor randomNormal(std::vector<int64_t> shape, uint64_t seed, uint32_t stream);

} // namespace pfc::reference

#endif // DIALECTS_PFC_REFERENCE_RANDOMINPUTS_H
