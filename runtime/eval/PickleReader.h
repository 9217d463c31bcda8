//===- PickleReader.h - A strict reader of Python pickles -------*- C++ -*-===//
//
// Reads the pickles that verification sets (.bin) are: lists and tuples of
// byte strings, booleans and numpy uint8/bool arrays, as Python 2 (protocols
// 0-2) and Python 3 (protocols 0-5) write them. A pickle is a program for a
// small stack machine; this machine knows only the opcodes those files use and
// six callables by name (see PickleGlobal), none of which is executed: each is
// a case here that builds a value. Any other opcode or name is an Error.
//
// Hostile input: a byte string is a view into the file, so no length field
// leads to an allocation; values, memo entries and decoded text have limits
// that follow from the file's size; nothing recurses, so nesting costs no
// stack.
//
// Source of the opcodes: CPython's Lib/pickletools.py.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_EVAL_PICKLEREADER_H
#define PFC_RUNTIME_EVAL_PICKLEREADER_H

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pfc::rt {

enum class PickleKind : uint8_t {
  None,
  Bool,
  Int,
  Bytes, ///< Python 3 bytes and bytearray, Python 2 str
  Text,  ///< Python 3 str, Python 2 unicode; held as UTF-8
  List,
  Tuple,
  Global, ///< a callable's or class's name
  Dtype,  ///< numpy.dtype of one byte: uint8 or bool
  Array,  ///< numpy.ndarray of such a dtype, C order
};

/// The names a verification set may mention.
enum class PickleGlobal : uint8_t {
  NdArray,     ///< numpy.ndarray
  Dtype,       ///< numpy.dtype
  Reconstruct, ///< numpy.{core,_core}.multiarray._reconstruct
  Scalar,      ///< numpy.{core,_core}.multiarray.scalar
  FromBuffer,  ///< numpy.{core,_core}.numeric._frombuffer
  Encode,      ///< _codecs.encode: bytes in protocols below 3
};

enum class PickleElement : uint8_t { UInt8, Bool };

/// A value's index in PickleDocument::values.
using PickleId = uint32_t;

struct PickleValue {
  PickleKind kind = PickleKind::None;
  /// Of a Dtype or an Array.
  PickleElement element = PickleElement::UInt8;
  /// False while an Array waits for the BUILD that gives it its contents.
  bool complete = true;
  /// A Bool's or Int's value; a Global's PickleGlobal.
  int64_t number = 0;
  /// Contents of Bytes, Text and Array: a view into the file or into
  /// PickleDocument::decoded.
  std::span<const uint8_t> bytes = {};
  /// Elements of a List or Tuple; extents of an Array.
  std::vector<uint32_t> items = {};
};

/// What a pickle holds. Views point into the bytes it was read from, which
/// must outlive it.
struct PickleDocument {
  std::deque<PickleValue> values; ///< references stay valid as it grows
  std::deque<std::string> decoded;
  PickleId root = 0;

  const PickleValue &operator[](PickleId id) const { return values[id]; }
};

/// Reads `data`, the whole contents of the file called `name` in messages.
/// Throws an Error that names the opcode and its offset.
PickleDocument readPickle(std::span<const uint8_t> data, std::string_view name);

} // namespace pfc::rt

#endif // PFC_RUNTIME_EVAL_PICKLEREADER_H
