//===- PickleObjects.cpp - The callables that pickles may name ------------===//
//
// What GLOBAL, REDUCE and BUILD mean for the names allowed, and numpy's values.
// The argument tuples are numpy's pickling contract (ndarray.__reduce__,
// __reduce_ex__(5) and dtype.__reduce__); torch's are in PickleTensors.cpp.
//
//===----------------------------------------------------------------------===//
#include "runtime/pickle/PickleMachine.h"

#include <array>

namespace pfc::rt {
namespace {

struct Allowed {
  std::string_view module, name;
  PickleGlobal global;
  PickleElement element = PickleElement::UInt8; ///< of a storage
};

// numpy 2 renamed numpy.core to numpy._core.
constexpr std::array<Allowed, 9> allowedNames = {{
    {"numpy", "ndarray", PickleGlobal::NdArray},
    {"numpy", "dtype", PickleGlobal::Dtype},
    {"numpy.core.multiarray", "_reconstruct", PickleGlobal::Reconstruct},
    {"numpy._core.multiarray", "_reconstruct", PickleGlobal::Reconstruct},
    {"numpy.core.multiarray", "scalar", PickleGlobal::Scalar},
    {"numpy._core.multiarray", "scalar", PickleGlobal::Scalar},
    {"numpy.core.numeric", "_frombuffer", PickleGlobal::FromBuffer},
    {"numpy._core.numeric", "_frombuffer", PickleGlobal::FromBuffer},
    {"_codecs", "encode", PickleGlobal::Encode},
}};

constexpr std::array<Allowed, 13> weightNames = {{
    {"collections", "OrderedDict", PickleGlobal::OrderedDict},
    {"torch._utils", "_rebuild_tensor_v2", PickleGlobal::RebuildTensor},
    {"torch._utils", "_rebuild_parameter", PickleGlobal::RebuildParameter},
    {"torch", "FloatStorage", PickleGlobal::StorageType,
     PickleElement::Float32},
    {"torch", "DoubleStorage", PickleGlobal::StorageType,
     PickleElement::Float64},
    {"torch", "HalfStorage", PickleGlobal::StorageType, PickleElement::Float16},
    {"torch", "BFloat16Storage", PickleGlobal::StorageType,
     PickleElement::BFloat16},
    {"torch", "LongStorage", PickleGlobal::StorageType, PickleElement::Int64},
    {"torch", "IntStorage", PickleGlobal::StorageType, PickleElement::Int32},
    {"torch", "ShortStorage", PickleGlobal::StorageType, PickleElement::Int16},
    {"torch", "CharStorage", PickleGlobal::StorageType, PickleElement::Int8},
    {"torch", "ByteStorage", PickleGlobal::StorageType, PickleElement::UInt8},
    {"torch", "BoolStorage", PickleGlobal::StorageType, PickleElement::Bool},
}};

} // namespace

void PickleMachine::pushGlobal(std::string_view module, std::string_view name) {
  std::span<const Allowed> names = allowedNames;
  if (forWeights())
    names = weightNames;
  for (const Allowed &allowed : names)
    if (allowed.module == module && allowed.name == name)
      return push(make({.kind = PickleKind::Global,
                        .element = allowed.element,
                        .number = static_cast<int64_t>(allowed.global)}));
  error("it names {:.80}.{:.80}, which {} no use for; nothing was executed. Do "
        "not load this file with Python",
        module, name, forWeights() ? "weights have" : "a verification set has");
}

bool PickleMachine::isText(const PickleValue &value,
                           std::string_view text) const {
  if (value.kind != PickleKind::Text && value.kind != PickleKind::Bytes)
    return false;
  return std::string_view(reinterpret_cast<const char *>(value.bytes.data()),
                          value.bytes.size()) == text;
}

const PickleValue &PickleMachine::argument(const PickleValue &tuple,
                                           size_t index, PickleKind kind) {
  if (index >= tuple.items.size())
    error("argument {} is missing", index + 1);
  const PickleValue &value = document[tuple.items[index]];
  if (value.kind != kind)
    error("argument {} has the wrong type", index + 1);
  return value;
}

void PickleMachine::reduce() {
  Id argumentsId = pop();
  Id callableId = pop();
  if (document[callableId].kind != PickleKind::Global ||
      document[argumentsId].kind != PickleKind::Tuple)
    error("it calls something that is not one of the allowed names");
  auto callable = static_cast<PickleGlobal>(document[callableId].number);
  push(call(callable, argumentsId));
}

PickleId PickleMachine::call(PickleGlobal callable, Id argumentsId) {
  const PickleValue &arguments = document[argumentsId];
  switch (callable) {
  case PickleGlobal::Dtype:
    return makeDtype(arguments);
  case PickleGlobal::Reconstruct:
    return makeReconstructed(arguments);
  case PickleGlobal::Scalar:
    return makeScalar(arguments);
  case PickleGlobal::FromBuffer:
    return makeFromBuffer(arguments);
  case PickleGlobal::Encode:
    return makeEncoded(arguments);
  case PickleGlobal::OrderedDict:
    return makeDict(arguments);
  case PickleGlobal::RebuildTensor:
    return makeTensor(arguments);
  case PickleGlobal::RebuildParameter:
    return makeParameter(arguments);
  case PickleGlobal::NdArray:
    error("it calls numpy.ndarray, which pickles only name");
  case PickleGlobal::StorageType:
    error("it calls a type of storage, which pickles only name");
  }
  error("it calls something that is not one of the allowed names");
}

/// dtype(code, align, copy)
PickleId PickleMachine::makeDtype(const PickleValue &arguments) {
  if (arguments.items.empty())
    error("numpy.dtype without a type code");
  const PickleValue &code = document[arguments.items[0]];
  PickleValue dtype{.kind = PickleKind::Dtype};
  if (isText(code, "b1"))
    dtype.element = PickleElement::Bool;
  else if (!isText(code, "u1"))
    error("numpy.dtype is neither 'u1' (uint8) nor 'b1' (bool)");
  return make(std::move(dtype));
}

/// _reconstruct(ndarray, (0,), b'b'): an empty array that BUILD fills.
PickleId PickleMachine::makeReconstructed(const PickleValue &arguments) {
  const PickleValue &type = argument(arguments, 0, PickleKind::Global);
  if (type.number != static_cast<int64_t>(PickleGlobal::NdArray))
    error("_reconstruct of something else than numpy.ndarray");
  return make({.kind = PickleKind::Array, .complete = false});
}

/// scalar(dtype, b'\x01')
PickleId PickleMachine::makeScalar(const PickleValue &arguments) {
  const PickleValue &dtype = argument(arguments, 0, PickleKind::Dtype);
  const PickleValue &contents = argument(arguments, 1, PickleKind::Bytes);
  if (dtype.element != PickleElement::Bool || contents.bytes.size() != 1 ||
      contents.bytes[0] > 1)
    error("a numpy scalar that is not a bool");
  return contents.bytes[0] ? trueId : falseId;
}

/// _frombuffer(buffer, dtype, shape, order): protocol 5's array.
PickleId PickleMachine::makeFromBuffer(const PickleValue &arguments) {
  PickleValue array{.kind = PickleKind::Array};
  if (arguments.items.size() != 4 || !isText(document[arguments.items[3]], "C"))
    error("_frombuffer without C order");
  fillArray(array, argument(arguments, 2, PickleKind::Tuple),
            argument(arguments, 1, PickleKind::Dtype),
            argument(arguments, 0, PickleKind::Bytes));
  return make(std::move(array));
}

/// encode(text, 'latin1')
PickleId PickleMachine::makeEncoded(const PickleValue &arguments) {
  const PickleValue &text = argument(arguments, 0, PickleKind::Text);
  const PickleValue &codec = argument(arguments, 1, PickleKind::Text);
  if (!isText(codec, "latin1"))
    error("_codecs.encode to something else than latin1");
  return make({.kind = PickleKind::Bytes, .bytes = encodeLatin1(text.bytes)});
}

void PickleMachine::build() {
  Id stateId = pop();
  Id objectId = top();
  // A state dict's attributes (the versions of its modules) are no weights.
  if (forWeights() && document[objectId].kind == PickleKind::Dict &&
      document[stateId].kind == PickleKind::Dict)
    return;
  if (document[stateId].kind != PickleKind::Tuple)
    error("the state is not a tuple");
  switch (document[objectId].kind) {
  case PickleKind::Dtype:
    return buildDtype(document[stateId]);
  case PickleKind::Array:
    return buildArray(objectId, document[stateId]);
  default:
    error("it sets the state of something other than a numpy array or dtype");
  }
}

/// (3, '|', None, None, None, -1, -1, 0): one-byte types have no byte order,
/// and no subarray, names or fields.
void PickleMachine::buildDtype(const PickleValue &state) {
  if (state.items.size() < 5 || !isText(document[state.items[1]], "|"))
    error("a numpy dtype whose byte order is not '|'");
  for (size_t i = 2; i < 5; ++i)
    if (document[state.items[i]].kind != PickleKind::None)
      error("a numpy dtype with fields");
}

/// (1, shape, dtype, is_fortran, contents)
void PickleMachine::buildArray(Id array, const PickleValue &state) {
  PickleValue &value = document.values[array];
  if (value.complete)
    error("a numpy array gets its contents twice");
  if (state.items.size() != 5)
    error("a numpy array's state is not (version, shape, dtype, order, "
          "contents)");
  const PickleValue &order = document[state.items[3]];
  if (order.number != 0 ||
      (order.kind != PickleKind::Bool && order.kind != PickleKind::Int))
    error("a numpy array in Fortran order");
  fillArray(value, argument(state, 1, PickleKind::Tuple),
            argument(state, 2, PickleKind::Dtype),
            argument(state, 4, PickleKind::Bytes));
}

void PickleMachine::fillArray(PickleValue &array, const PickleValue &shape,
                              const PickleValue &dtype,
                              const PickleValue &contents) {
  constexpr size_t mostExtents = 32; // NumPy's
  if (shape.items.size() > mostExtents)
    error("a numpy array of {} dimensions", shape.items.size());
  // The product stays within the contents' size, so it cannot overflow.
  uint64_t count = 1;
  for (PickleId id : shape.items) {
    const PickleValue &extent = document[id];
    if (extent.kind != PickleKind::Int || extent.number < 1 ||
        static_cast<uint64_t>(extent.number) > contents.bytes.size() / count)
      error("a numpy array's shape does not fit its {} bytes",
            contents.bytes.size());
    count *= extent.number;
    array.items.push_back(static_cast<uint32_t>(extent.number));
  }
  if (count != contents.bytes.size() || count > UINT32_MAX)
    error("a numpy array's shape holds {} elements, its contents {} bytes",
          count, contents.bytes.size());
  array.element = dtype.element;
  array.bytes = contents.bytes;
  array.complete = true;
}

const char *pickleOpcodeName(uint8_t opcode) {
  static constexpr auto names = [] {
    std::array<const char *, 256> table{};
    for (const char *&name : table)
      name = "?";
    table['('] = "MARK", table['.'] = "STOP", table['0'] = "POP";
    table['1'] = "POP_MARK", table['2'] = "DUP", table['F'] = "FLOAT";
    table['I'] = "INT", table['J'] = "BININT", table['K'] = "BININT1";
    table['L'] = "LONG", table['M'] = "BININT2", table['N'] = "NONE";
    table['P'] = "PERSID", table['Q'] = "BINPERSID", table['R'] = "REDUCE";
    table['S'] = "STRING", table['T'] = "BINSTRING";
    table['U'] = "SHORT_BINSTRING", table['V'] = "UNICODE";
    table['X'] = "BINUNICODE", table['a'] = "APPEND", table['b'] = "BUILD";
    table['c'] = "GLOBAL", table['d'] = "DICT", table['}'] = "EMPTY_DICT";
    table['e'] = "APPENDS", table['g'] = "GET", table['h'] = "BINGET";
    table['i'] = "INST", table['j'] = "LONG_BINGET", table['l'] = "LIST";
    table[']'] = "EMPTY_LIST", table['o'] = "OBJ", table['p'] = "PUT";
    table['q'] = "BINPUT", table['r'] = "LONG_BINPUT";
    table['s'] = "SETITEM", table['t'] = "TUPLE", table[')'] = "EMPTY_TUPLE";
    table['u'] = "SETITEMS", table['G'] = "BINFLOAT";
    table['B'] = "BINBYTES", table['C'] = "SHORT_BINBYTES";
    table[0x80] = "PROTO", table[0x81] = "NEWOBJ", table[0x82] = "EXT1";
    table[0x83] = "EXT2", table[0x84] = "EXT4", table[0x85] = "TUPLE1";
    table[0x86] = "TUPLE2", table[0x87] = "TUPLE3", table[0x88] = "NEWTRUE";
    table[0x89] = "NEWFALSE", table[0x8a] = "LONG1", table[0x8b] = "LONG4";
    table[0x8c] = "SHORT_BINUNICODE", table[0x8d] = "BINUNICODE8";
    table[0x8e] = "BINBYTES8", table[0x8f] = "EMPTY_SET";
    table[0x90] = "ADDITEMS", table[0x91] = "FROZENSET";
    table[0x92] = "NEWOBJ_EX", table[0x93] = "STACK_GLOBAL";
    table[0x94] = "MEMOIZE", table[0x95] = "FRAME";
    table[0x96] = "BYTEARRAY8", table[0x97] = "NEXT_BUFFER";
    table[0x98] = "READONLY_BUFFER";
    return table;
  }();
  return names[opcode];
}

} // namespace pfc::rt
