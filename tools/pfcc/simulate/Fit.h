//===- Fit.h - Constants from published rows --------------------*- C++ -*-===//
//
// Of the fitted rows alone. Memory: base_mib, then data_buffers of the rows of
// data parallel, for the least squares of relative errors. Time: Levenberg-
// Marquardt on all the other constants at once, in logarithms, on the
// logarithms of images/s.
//
//===----------------------------------------------------------------------===//
#ifndef TOOLS_PFCC_SIMULATE_FIT_H
#define TOOLS_PFCC_SIMULATE_FIT_H

#include "Published.h"

namespace pfc::simulate {

/// Backbones by name.
using Networks = std::map<std::string, EagerNetwork>;

/// What the framework of `table` is predicted to take for `row`, as a relative
/// error: 0.01 is 1 % more than published.
double memoryError(const Constants &constants, const Networks &networks,
                   const PublishedTable &table, const PublishedRow &row);
double throughputError(const Constants &constants, const Networks &networks,
                       const PublishedTable &table, const PublishedRow &row);

/// `start` with its fitted constants replaced.
Constants fitConstants(const Constants &start, const Networks &networks,
                       const std::vector<PublishedTable> &tables);

} // namespace pfc::simulate

#endif // TOOLS_PFCC_SIMULATE_FIT_H
