//===- NumpyFile.h - Numbers for numpy.load ---------------------*- C++ -*-===//
#ifndef PFC_RUNTIME_EVAL_NUMPYFILE_H
#define PFC_RUNTIME_EVAL_NUMPYFILE_H

#include "runtime/base/AtomicFile.h"

#include <span>

namespace pfc::rt {

/// Writes a vector of float64 in NumPy's format 1.0, and commits the file.
void writeNumpy(AtomicFile &file, std::span<const double> values);

} // namespace pfc::rt

#endif // PFC_RUNTIME_EVAL_NUMPYFILE_H
