#include "runtime/eval/NumpyFile.h"

#include "runtime/base/Error.h"

#include <fstream>

namespace pfc::rt {

/// The magic, a version, the length of a header that is a Python dictionary,
/// and the header, filled with blanks so that the data begins at 128.
void writeNumpy(const std::string &path, std::span<const double> values) {
  constexpr size_t begin = 128, fixed = 10;
  std::string header = fmt::format(
      "{{'descr': '<f8', 'fortran_order': False, 'shape': ({},), }}",
      values.size());
  header.resize(begin - fixed - 1, ' ');
  header += '\n';
  std::ofstream out(path, std::ios::binary);
  out.write("\x93NUMPY\x01\x00", 8);
  out.put(static_cast<char>(header.size()));
  out.put(0);
  out << header;
  out.write(reinterpret_cast<const char *>(values.data()),
            static_cast<std::streamsize>(values.size_bytes()));
  out.close();
  require(out.good(), "{}: cannot write", path);
}

} // namespace pfc::rt
