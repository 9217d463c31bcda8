//===- PickleReader.h - A strict reader of Python pickles -------*- C++ -*-===//
//
// Reads two kinds of pickles (PickleUse):
//   verification sets (.bin): lists and tuples of byte strings, booleans and
//     numpy uint8/bool arrays, as Python 2 (protocols 0-2) and Python 3
//     (protocols 0-5) write them
//   PyTorch's weights (data.pkl of a .pt): dicts of tensors, which refer to
//     other entries of the archive, and plain values beside them
// A pickle is a program for a small stack machine; this machine knows only the
// opcodes those files use and a few callables by name (see PickleGlobal), none
// of which is executed: each is a case here that builds a value. Any other
// opcode or name, and one of the other kind of file, is an Error.
//
// Hostile input: a byte string is a view into the file, so no length field
// leads to an allocation; values, memo entries and decoded text have limits
// that follow from the file's size; nothing recurses, so nesting costs no
// stack.
//
// Source of the opcodes: CPython's Lib/pickletools.py.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_PICKLE_PICKLEREADER_H
#define PFC_RUNTIME_PICKLE_PICKLEREADER_H

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
  // Weights alone:
  Float,
  Dict,    ///< items alternate: key, value, …
  Storage, ///< torch's storage: an entry of the archive
  Tensor,  ///< torch.Tensor: a view of a storage
};

enum class PickleUse : uint8_t { VerificationSet, Weights };

/// The names a pickle may mention.
enum class PickleGlobal : uint8_t {
  NdArray,     ///< numpy.ndarray
  Dtype,       ///< numpy.dtype
  Reconstruct, ///< numpy.{core,_core}.multiarray._reconstruct
  Scalar,      ///< numpy.{core,_core}.multiarray.scalar
  FromBuffer,  ///< numpy.{core,_core}.numeric._frombuffer
  Encode,      ///< _codecs.encode: bytes in protocols below 3
  // Weights alone:
  OrderedDict,      ///< collections.OrderedDict
  RebuildTensor,    ///< torch._utils._rebuild_tensor_v2
  RebuildParameter, ///< torch._utils._rebuild_parameter
  StorageType,      ///< torch.FloatStorage, …
};

enum class PickleElement : uint8_t {
  UInt8,
  Bool,
  // Of storages alone:
  Int8,
  Int16,
  Int32,
  Int64,
  Float16,
  BFloat16,
  Float32,
  Float64,
};

/// A value's index in PickleDocument::values.
using PickleId = uint32_t;

struct PickleValue {
  PickleKind kind = PickleKind::None;
  /// Of a Dtype, an Array, a Storage or its type.
  PickleElement element = PickleElement::UInt8;
  /// False while an Array waits for the BUILD that gives it its contents.
  bool complete = true;
  /// A Bool's or Int's value; a Global's PickleGlobal; a Storage's elements;
  /// a Tensor's first element in its storage.
  int64_t number = 0;
  /// Contents of Bytes, Text and Array; a Storage's key: a view into the file
  /// or into PickleDocument::decoded.
  std::span<const uint8_t> bytes = {};
  /// Elements of a List, Tuple or Dict; extents of an Array. A Tensor's
  /// storage, extents and strides: {Storage, Tuple, Tuple}.
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
PickleDocument readPickle(std::span<const uint8_t> data, std::string_view name,
                          PickleUse use = PickleUse::VerificationSet);

} // namespace pfc::rt

#endif // PFC_RUNTIME_PICKLE_PICKLEREADER_H
