//===- NumpyFile.h - Numbers for numpy.load ---------------------*- C++ -*-===//
#ifndef PFC_RUNTIME_EVAL_NUMPYFILE_H
#define PFC_RUNTIME_EVAL_NUMPYFILE_H

#include <span>
#include <string>

namespace pfc::rt {

/// Writes a vector of float64 in NumPy's format 1.0. Throws an Error that names
/// the file where it can't be written.
void writeNumpy(const std::string &path, std::span<const double> values);

} // namespace pfc::rt

#endif // PFC_RUNTIME_EVAL_NUMPYFILE_H
