//===- SetFiles.h - The files of a data set ---------------------*- C++ -*-===//
#ifndef PFC_TOOLS_PFCDATA_SETFILES_H
#define PFC_TOOLS_PFCDATA_SETFILES_H

#include "runtime/data/Dataset.h"

#include <string>
#include <vector>

namespace pfc::tools {

/// Files of the set that `out` might be: of a folder's pictures those that have
/// its name.
std::vector<std::string> filesOf(const rt::data::Dataset &set,
                                 const std::string &out);

} // namespace pfc::tools

#endif // PFC_TOOLS_PFCDATA_SETFILES_H
