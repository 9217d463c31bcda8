//===- Paths.h - Which file a name is -----------------------------*- C++ -*-=//
#ifndef PFC_RUNTIME_BASE_PATHS_H
#define PFC_RUNTIME_BASE_PATHS_H

#include <string>
#include <vector>

namespace pfc::rt {

/// Where symbolic links lead from `path`, be there a file or not. A link to one
/// of this process's own descriptors (/dev/stdout) ends at isDescriptor().
std::string fileBehind(const std::string &path);

/// Whether `path` is one of this process's open files: /proc/self/fd/1.
bool isDescriptor(const std::string &path);
int descriptorNumber(const std::string &path);

/// Whether writing one would change the other: two names of a file, which need
/// not be there yet. Never of devices and pipes.
bool sameFile(const std::string &a, const std::string &b);

/// Throws where writing `output` would destroy an input: one of these files, or
/// a file that is anywhere in one of these folders. `option` is what named the
/// output.
void protectInputs(const std::string &option, const std::string &output,
                   const std::vector<std::string> &inputs);

} // namespace pfc::rt

#endif // PFC_RUNTIME_BASE_PATHS_H
