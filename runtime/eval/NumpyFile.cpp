#include "runtime/eval/NumpyFile.h"

#include <fmt/format.h>

#include <string>

namespace pfc::rt {

/// The magic, a version, the length of a header that is a Python dictionary,
/// and the header, filled with blanks so that the data begins at 128.
void writeNumpy(AtomicFile &file, std::span<const double> values) {
  constexpr size_t begin = 128, fixed = 10;
  std::string header = fmt::format(
      "{{'descr': '<f8', 'fortran_order': False, 'shape': ({},), }}",
      values.size());
  header.resize(begin - fixed - 1, ' ');
  header += '\n';
  std::string start("\x93NUMPY\x01\x00", 8);
  start += static_cast<char>(header.size());
  start += '\0';
  start += header;
  file.write(start.data(), start.size());
  file.write(values.data(), values.size_bytes());
  file.commit();
}

} // namespace pfc::rt
