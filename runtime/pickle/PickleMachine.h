//===- PickleMachine.h - The reader's stack machine -------------*- C++ -*-===//
//
// Private to PickleReader: the state that opcodes (PickleReader.cpp), text
// escapes (PickleText.cpp), numpy's constructors (PickleObjects.cpp) and
// torch's (PickleTensors.cpp) share.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_PICKLE_PICKLEMACHINE_H
#define PFC_RUNTIME_PICKLE_PICKLEMACHINE_H

#include "runtime/base/Error.h"
#include "runtime/pickle/PickleReader.h"

#include <unordered_map>

namespace pfc::rt {

/// The name of a pickle opcode, "?" if Python knows none.
const char *pickleOpcodeName(uint8_t opcode);

class PickleMachine {
public:
  PickleMachine(std::span<const uint8_t> data, std::string_view name,
                PickleUse use);

  PickleDocument run();

private:
  using Id = PickleId;
  using Bytes = std::span<const uint8_t>;

  // Input (PickleReader.cpp).
  uint8_t byte();
  uint64_t littleEndian(int bytes);
  Bytes take(uint64_t count);
  std::string_view line();
  int64_t decimalLine();

  // Stack and memo (PickleReader.cpp).
  Id make(PickleValue value);
  void push(Id id) { stack.push_back(id); }
  void pushNumber(PickleKind kind, int64_t number);
  void pushBytes(PickleKind kind, Bytes bytes);
  Id pop();
  Id top();
  size_t popMark();
  void put(uint64_t key);
  void get(uint64_t key);

  // Opcodes (PickleReader.cpp); false when this group lacks the opcode.
  void step();
  bool readStructure();
  bool readNumber();
  bool readBytes();
  bool readContainer();
  bool readMemo();
  bool readObject();
  bool readDict();
  void pushTuple(size_t from);
  void pushSequence(PickleKind kind, size_t from);
  void append(size_t from);
  void readInt();
  void readLong();
  void stop();

  // Escaped text (PickleText.cpp).
  Bytes keep(std::string text);
  Bytes unescapeString(std::string_view line);
  Bytes unescapeUnicode(std::string_view line);
  Bytes encodeLatin1(Bytes utf8);

  // Callables (PickleObjects.cpp).
  void pushGlobal(std::string_view module, std::string_view name);
  void reduce();
  void build();
  Id call(PickleGlobal callable, Id argumentsId);
  Id makeDtype(const PickleValue &arguments);
  Id makeReconstructed(const PickleValue &arguments);
  Id makeScalar(const PickleValue &arguments);
  Id makeFromBuffer(const PickleValue &arguments);
  Id makeEncoded(const PickleValue &arguments);
  void buildDtype(const PickleValue &state);
  void buildArray(Id array, const PickleValue &state);
  void fillArray(PickleValue &array, const PickleValue &shape,
                 const PickleValue &dtype, const PickleValue &contents);
  const PickleValue &argument(const PickleValue &tuple, size_t index,
                              PickleKind kind);
  // Torch's callables and values (PickleTensors.cpp).
  void pushStorage();
  Id makeDict(const PickleValue &arguments);
  Id makeTensor(const PickleValue &arguments);
  Id makeParameter(const PickleValue &arguments);
  void setItems(size_t from);
  void readFloat();

  bool isText(const PickleValue &value, std::string_view text) const;

  template <typename... Args>
  [[noreturn]] void error(fmt::format_string<Args...> format, Args &&...args) {
    fail("{}: not {} this program reads: opcode 0x{:02x} ({}) at offset {}: {}",
         name, what(), opcode, pickleOpcodeName(opcode), opcodeOffset,
         fmt::format(format, std::forward<Args>(args)...));
  }

  bool forWeights() const { return use == PickleUse::Weights; }
  const char *what() const {
    return forWeights() ? "weights" : "a verification set";
  }

  Bytes data;
  std::string name;
  PickleUse use;
  size_t offset = 0;
  size_t opcodeOffset = 0;
  uint8_t opcode = 0;
  bool stopped = false;

  PickleDocument document;
  std::vector<Id> stack;
  std::vector<size_t> marks; ///< stack heights
  std::unordered_map<uint64_t, Id> memo;
  size_t decodedBytes = 0;
  Id none = 0, falseId = 0, trueId = 0;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_PICKLE_PICKLEMACHINE_H
