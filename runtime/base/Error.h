//===- Error.h - The runtime's one error type -------------------*- C++ -*-===//
//
// Everything in runtime/ reports failure by throwing pfc::rt::Error. A message
// says what is wrong, where (file and offset, instruction, rank) and what to
// do. The tools' main prints
// the whole as one line and exits with status 1.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_BASE_ERROR_H
#define PFC_RUNTIME_BASE_ERROR_H

#include <fmt/format.h>
#include <stdexcept>
#include <string>

namespace pfc::rt {

/// A failure a person can act on.
class Error : public std::runtime_error {
public:
  explicit Error(const std::string &message) : std::runtime_error(message) {}
};

/// One that another start of the job would meet again.
class LastingError : public Error {
public:
  using Error::Error;
};

/// Throws an Error with a formatted message:
///   fail("{}: record at offset {} is truncated", path, offset);
template <typename... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args &&...args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

/// Throws unless `condition` holds.
template <typename... Args>
void require(bool condition, fmt::format_string<Args...> format,
             Args &&...args) {
  if (!condition)
    fail(format, std::forward<Args>(args)...);
}

/// Runs a tool's body and turns any exception into `<tool>: error: <message>`
/// on stderr and exit status 1.
int runTool(const char *tool, int (*body)(int, char **), int argc, char **argv);

} // namespace pfc::rt

#endif // PFC_RUNTIME_BASE_ERROR_H
