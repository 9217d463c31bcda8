#include "runtime/pickle/PickleMachine.h"

#include <algorithm>
#include <charconv>

namespace pfc::rt {
namespace {

// One value or memo entry costs memory out of proportion to the byte that
// asks for it. Real sets need at most ten a picture, so this is enough for
// 400,000 pictures.
constexpr size_t maxValues = size_t{1} << 22;

constexpr int newestProtocol = 5;

} // namespace

PickleMachine::PickleMachine(Bytes data, std::string_view name, PickleUse use)
    : data(data), name(name), use(use) {
  none = make({});
  falseId = make({.kind = PickleKind::Bool, .number = 0});
  trueId = make({.kind = PickleKind::Bool, .number = 1});
}

//===----------------------------------------------------------------------===//
// Input
//===----------------------------------------------------------------------===//

PickleMachine::Bytes PickleMachine::take(uint64_t count) {
  if (count > data.size() - offset)
    error("wants {} bytes, but the file ends after {}; it is truncated or "
          "corrupt",
          count, data.size() - offset);
  Bytes bytes = data.subspan(offset, count);
  offset += count;
  return bytes;
}

uint8_t PickleMachine::byte() { return take(1)[0]; }

uint64_t PickleMachine::littleEndian(int bytes) {
  uint64_t value = 0;
  Bytes field = take(bytes);
  for (int i = 0; i < bytes; ++i)
    value |= uint64_t{field[i]} << (8 * i);
  return value;
}

std::string_view PickleMachine::line() {
  Bytes rest = data.subspan(offset);
  auto end = std::find(rest.begin(), rest.end(), '\n');
  if (end == rest.end())
    error("its line does not end; the file is truncated or corrupt");
  size_t length = end - rest.begin();
  offset += length + 1;
  return {reinterpret_cast<const char *>(rest.data()), length};
}

int64_t PickleMachine::decimalLine() {
  std::string_view text = line();
  if (!text.empty() && text.back() == 'L') // Python 2's long
    text.remove_suffix(1);
  int64_t value = 0;
  auto [end, code] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size())
    error("'{:.40}' is no 64-bit integer", text);
  return value;
}

//===----------------------------------------------------------------------===//
// Stack and memo
//===----------------------------------------------------------------------===//

PickleId PickleMachine::make(PickleValue value) {
  if (document.values.size() >= maxValues)
    error("the file holds more than {} values", maxValues);
  document.values.push_back(std::move(value));
  return static_cast<Id>(document.values.size() - 1);
}

void PickleMachine::pushNumber(PickleKind kind, int64_t number) {
  if (kind == PickleKind::Bool)
    push(number ? trueId : falseId);
  else
    push(make({.kind = kind, .number = number}));
}

void PickleMachine::pushBytes(PickleKind kind, Bytes bytes) {
  push(make({.kind = kind, .bytes = bytes}));
}

PickleId PickleMachine::top() {
  if (stack.size() <= (marks.empty() ? 0 : marks.back()))
    error("the stack is empty");
  return stack.back();
}

PickleId PickleMachine::pop() {
  Id id = top();
  stack.pop_back();
  return id;
}

size_t PickleMachine::popMark() {
  if (marks.empty())
    error("no MARK before it");
  size_t height = marks.back();
  marks.pop_back();
  return height;
}

void PickleMachine::put(uint64_t key) {
  Id id = top();
  if (memo.size() >= maxValues)
    error("the file memoises more than {} values", maxValues);
  memo[key] = id;
}

void PickleMachine::get(uint64_t key) {
  auto entry = memo.find(key);
  if (entry == memo.end())
    error("memo entry {} was never stored", key);
  push(entry->second);
}

//===----------------------------------------------------------------------===//
// Opcodes
//===----------------------------------------------------------------------===//

bool PickleMachine::readStructure() {
  switch (opcode) {
  case 0x80: { // PROTO
    uint8_t version = byte();
    if (opcodeOffset != 0 || version < 2 || version > newestProtocol)
      error("protocol {} is not one of 2 to {} at the file's beginning",
            version, newestProtocol);
    return true;
  }
  case 0x95: { // FRAME: a hint for buffered readers
    uint64_t length = littleEndian(8);
    if (length > data.size() - offset)
      error("frame of {} bytes, but the file ends after {}; it is truncated "
            "or corrupt",
            length, data.size() - offset);
    return true;
  }
  case '(': // MARK
    marks.push_back(stack.size());
    return true;
  case '.': // STOP
    stop();
    return true;
  default:
    return false;
  }
}

void PickleMachine::stop() {
  if (stack.size() != 1 || !marks.empty())
    error("{} values and {} marks are left instead of one value", stack.size(),
          marks.size());
  if (offset != data.size())
    error("{} bytes follow the end of the pickle", data.size() - offset);
  document.root = stack.back();
  stopped = true;
}

void PickleMachine::readInt() {
  // Protocols 0 and 1 have no opcode for a bool: I00 and I01 are one.
  Bytes rest = data.subspan(offset, std::min<size_t>(3, data.size() - offset));
  if (rest.size() == 3 && rest[0] == '0' && rest[2] == '\n' &&
      (rest[1] == '0' || rest[1] == '1')) {
    offset += 3;
    return pushNumber(PickleKind::Bool, rest[1] - '0');
  }
  pushNumber(PickleKind::Int, decimalLine());
}

void PickleMachine::readLong() {
  int length = byte();
  if (length > 8)
    error("an integer of {} bytes", length);
  uint64_t value = littleEndian(length);
  if (length > 0 && length < 8 && (value >> (8 * length - 1)) != 0)
    value |= ~uint64_t{0} << (8 * length); // sign
  pushNumber(PickleKind::Int, static_cast<int64_t>(value));
}

bool PickleMachine::readNumber() {
  switch (opcode) {
  case 'N': // NONE
    push(none);
    return true;
  case 0x88: // NEWTRUE
  case 0x89: // NEWFALSE
    pushNumber(PickleKind::Bool, opcode == 0x88);
    return true;
  case 'I': // INT
    readInt();
    return true;
  case 'L': // LONG
    pushNumber(PickleKind::Int, decimalLine());
    return true;
  case 'J': // BININT
    pushNumber(PickleKind::Int, static_cast<int32_t>(littleEndian(4)));
    return true;
  case 'K': // BININT1
    pushNumber(PickleKind::Int, byte());
    return true;
  case 'M': // BININT2
    pushNumber(PickleKind::Int, static_cast<int64_t>(littleEndian(2)));
    return true;
  case 0x8a: // LONG1
    readLong();
    return true;
  default:
    return false;
  }
}

bool PickleMachine::readBytes() {
  switch (opcode) {
  case 'S': // STRING
    pushBytes(PickleKind::Bytes, unescapeString(line()));
    return true;
  case 'V': // UNICODE
    pushBytes(PickleKind::Text, unescapeUnicode(line()));
    return true;
  case 'U': // SHORT_BINSTRING
  case 'C': // SHORT_BINBYTES
    pushBytes(PickleKind::Bytes, take(byte()));
    return true;
  case 'T': // BINSTRING: the one signed length; a negative one is too large
  case 'B': // BINBYTES
    pushBytes(PickleKind::Bytes, take(littleEndian(4)));
    return true;
  case 0x96: // BYTEARRAY8
    pushBytes(PickleKind::Bytes, take(littleEndian(8)));
    return true;
  case 0x8c: // SHORT_BINUNICODE
    pushBytes(PickleKind::Text, take(byte()));
    return true;
  case 'X': // BINUNICODE
    pushBytes(PickleKind::Text, take(littleEndian(4)));
    return true;
  default:
    return false;
  }
}

void PickleMachine::pushSequence(PickleKind kind, size_t from) {
  PickleValue value{.kind = kind};
  value.items.assign(stack.begin() + from, stack.end());
  stack.resize(from);
  push(make(std::move(value)));
}

void PickleMachine::pushTuple(size_t count) {
  size_t floor = marks.empty() ? 0 : marks.back();
  if (stack.size() - floor < count)
    error("the stack holds fewer than {} values", count);
  pushSequence(PickleKind::Tuple, stack.size() - count);
}

void PickleMachine::append(size_t from) {
  if (from == 0 || document[stack[from - 1]].kind != PickleKind::List)
    error("there is no list to append to");
  std::vector<uint32_t> &items = document.values[stack[from - 1]].items;
  items.insert(items.end(), stack.begin() + from, stack.end());
  stack.resize(from);
}

bool PickleMachine::readContainer() {
  switch (opcode) {
  case ']': // EMPTY_LIST
    pushSequence(PickleKind::List, stack.size());
    return true;
  case 'l': // LIST
    pushSequence(PickleKind::List, popMark());
    return true;
  case ')': // EMPTY_TUPLE
    pushTuple(0);
    return true;
  case 't': // TUPLE
    pushSequence(PickleKind::Tuple, popMark());
    return true;
  case 0x85: // TUPLE1
  case 0x86: // TUPLE2
  case 0x87: // TUPLE3
    pushTuple(opcode - 0x84);
    return true;
  case 'a': // APPEND
    top();
    append(stack.size() - 1);
    return true;
  case 'e': // APPENDS
    append(popMark());
    return true;
  default:
    return false;
  }
}

bool PickleMachine::readMemo() {
  switch (opcode) {
  case 'p': // PUT
    put(static_cast<uint64_t>(decimalLine()));
    return true;
  case 'q': // BINPUT
    put(byte());
    return true;
  case 'r': // LONG_BINPUT
    put(littleEndian(4));
    return true;
  case 0x94: // MEMOIZE
    put(memo.size());
    return true;
  case 'g': // GET
    get(static_cast<uint64_t>(decimalLine()));
    return true;
  case 'h': // BINGET
    get(byte());
    return true;
  case 'j': // LONG_BINGET
    get(littleEndian(4));
    return true;
  default:
    return false;
  }
}

bool PickleMachine::readObject() {
  switch (opcode) {
  case 'c': { // GLOBAL
    std::string_view module = line();
    pushGlobal(module, line());
    return true;
  }
  case 0x93: { // STACK_GLOBAL
    Id attribute = pop();
    Id module = pop();
    if (document[attribute].kind != PickleKind::Text ||
        document[module].kind != PickleKind::Text)
      error("the name is not two strings");
    auto text = [&](Id id) {
      Bytes bytes = document[id].bytes;
      return std::string_view(reinterpret_cast<const char *>(bytes.data()),
                              bytes.size());
    };
    pushGlobal(text(module), text(attribute));
    return true;
  }
  case 'R': // REDUCE
    reduce();
    return true;
  case 'b': // BUILD
    build();
    return true;
  default:
    return false;
  }
}

/// What weights have beyond verification sets.
bool PickleMachine::readDict() {
  switch (opcode) {
  case '}': // EMPTY_DICT
    push(make({.kind = PickleKind::Dict}));
    return true;
  case 's': // SETITEM
    if (stack.size() < 2)
      error("the stack holds fewer than 2 values");
    setItems(stack.size() - 2);
    return true;
  case 'u': // SETITEMS
    setItems(popMark());
    return true;
  case 'Q': // BINPERSID
    pushStorage();
    return true;
  case 'G': // BINFLOAT
    readFloat();
    return true;
  default:
    return false;
  }
}

void PickleMachine::step() {
  opcodeOffset = offset;
  if (offset == data.size())
    fail("{}: the pickle ends at offset {} without a STOP; the file is "
         "truncated",
         name, offset);
  opcode = byte();
  if (!readStructure() && !readNumber() && !readBytes() && !readContainer() &&
      !readMemo() && !readObject() && !(forWeights() && readDict()))
    error("{} do not use it; nothing was executed",
          forWeights() ? "weights" : "verification sets");
}

PickleDocument PickleMachine::run() {
  while (!stopped)
    step();
  return std::move(document);
}

PickleDocument readPickle(std::span<const uint8_t> data, std::string_view name,
                          PickleUse use) {
  return PickleMachine(data, name, use).run();
}

} // namespace pfc::rt
