//===- StateMemory.h - Where a plan's bytes are on this rank ----*- C++ -*-===//
#ifndef PFC_RUNTIME_EXEC_STATEMEMORY_H
#define PFC_RUNTIME_EXEC_STATEMEMORY_H

#include "runtime/device/Device.h"

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace pfc::rt {

/// A rank's arena, in the device's memory and the host's, and the variables in
/// it: whole, in parts, and in pieces.
class StateMemory {
public:
  StateMemory(const plan::fb::Variant &variant, Device &device);

  /// Once; without host memory where `needsHost` is false: then nothing may use
  /// what is there.
  void allocate(bool needsHost);

  BufferView view(const plan::fb::Program &program, uint32_t index) const;
  BufferView view(const plan::fb::Variable &variable) const;
  /// Of the device's part.
  BufferView device() const;
  bool isHost(const plan::fb::Variable &variable) const;
  bool isHost(const plan::fb::Buffer &buffer) const;

  const plan::fb::Variable &variable(const std::string &name) const;
  uint64_t bytesOf(const std::string &name) const;

  /// Bytes of a variable from `first` on. What is enqueued may be under way.
  void read(const std::string &name, uint64_t first,
            std::span<std::byte> to) const;
  void write(const std::string &name, uint64_t first,
             std::span<const std::byte> bytes);
  /// All of them in order. Where nothing is enqueued (`settled`), those in host
  /// memory can be read on any thread.
  void readInPieces(const std::string &name,
                    const std::function<void(std::span<const std::byte>)> &sink,
                    bool settled) const;

  /// Zeros everywhere, or in the host's part.
  void clear();
  void clearHost();

private:
  uint64_t deviceBytes() const;
  BufferView view(uint64_t offset, plan::fb::DType dtype,
                  const flatbuffers::Vector<int64_t> &shape) const;
  BufferView part(const plan::fb::Variable &variable, uint64_t first,
                  uint64_t bytes) const;
  void copyFrom(const plan::fb::Variable &variable, const BufferView &part,
                std::byte *to) const;
  void copyToHost(const BufferView &part, const std::byte *from);

  const plan::fb::Variant &variant;
  Device &owner;
  Arena arena;
  std::map<std::string, const plan::fb::Variable *> variables;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_EXEC_STATEMEMORY_H
