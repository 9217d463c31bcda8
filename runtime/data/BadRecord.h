//===- BadRecord.h - Damage in a data set that can be skipped ---*- C++ -*-===//
//
// Everything that is wrong with one record (its framing, its label, its image)
// is thrown as a BadRecord, so that a loader can count and skip it. Any other
// Error ends the run.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DATA_BADRECORD_H
#define PFC_RUNTIME_DATA_BADRECORD_H

#include "runtime/base/Error.h"

namespace pfc::rt::data {

/// One unusable record. The low-level readers throw the bare reason; the data
/// set prefixes where it is (file, offset, key) before it lets one escape.
class BadRecord : public Error {
public:
  using Error::Error;
};

template <typename... Args>
[[noreturn]] void failRecord(fmt::format_string<Args...> format,
                             Args &&...args) {
  throw BadRecord(fmt::format(format, std::forward<Args>(args)...));
}

} // namespace pfc::rt::data

#endif // PFC_RUNTIME_DATA_BADRECORD_H
