#include "runtime/exec/StateMemory.h"

#include "runtime/base/Error.h"
#include "runtime/plan/PlanMemory.h"

#include <algorithm>
#include <cstring>

namespace pfc::rt {

/// Of host memory for what is larger.
static constexpr uint64_t pieceBytes = 4 << 20;

StateMemory::StateMemory(const plan::fb::Variant &variant, Device &device)
    : variant(variant), owner(device) {
  for (const plan::fb::Variable *variable : *variant.variables())
    variables[variable->name()->str()] = variable;
}

void StateMemory::allocate(bool needsHost) {
  arena =
      owner.allocateArena(deviceBytes(), needsHost ? variant.host_bytes() : 0);
}

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

/// The rest of the arena is the host's memory.
uint64_t StateMemory::deviceBytes() const {
  return variant.arena_bytes() - variant.host_bytes();
}

BufferView StateMemory::view(uint64_t offset, plan::fb::DType dtype,
                             const flatbuffers::Vector<int64_t> &shape) const {
  std::byte *data = isInHostMemory(variant, offset)
                        ? arena.host + (offset - deviceBytes())
                        : arena.device + offset;
  return {data, dtype, toVector(shape)};
}

BufferView StateMemory::view(const plan::fb::Program &program,
                             uint32_t index) const {
  const plan::fb::Buffer &buffer = *program.buffers()->Get(index);
  return view(buffer.offset(), buffer.dtype(), *buffer.shape());
}

BufferView StateMemory::view(const plan::fb::Variable &variable) const {
  return view(variable.offset(), variable.dtype(), *variable.shape());
}

BufferView StateMemory::device() const {
  return {
      arena.device, plan::fb::DType_U8, {static_cast<int64_t>(deviceBytes())}};
}

bool StateMemory::isHost(const plan::fb::Variable &variable) const {
  return isInHostMemory(variant, variable.offset());
}

bool StateMemory::isHost(const plan::fb::Buffer &buffer) const {
  return isInHostMemory(variant, buffer.offset());
}

//===----------------------------------------------------------------------===//
// Variables
//===----------------------------------------------------------------------===//

const plan::fb::Variable &StateMemory::variable(const std::string &name) const {
  auto found = variables.find(name);
  require(found != variables.end(), "the plan has no variable '{}'", name);
  return *found->second;
}

uint64_t StateMemory::bytesOf(const std::string &name) const {
  return view(variable(name)).bytes();
}

BufferView StateMemory::part(const plan::fb::Variable &variable, uint64_t first,
                             uint64_t bytes) const {
  require(!isHost(variable) || arena.host,
          "variable '{}' is in host memory, which none of the programs that "
          "were prepared needs",
          variable.name()->str());
  BufferView whole = view(variable);
  require(first <= whole.bytes() && bytes <= whole.bytes() - first,
          "variable '{}' of {} bytes has no bytes {}..{}",
          variable.name()->str(), whole.bytes(), first, first + bytes);
  return {
      whole.data + first, plan::fb::DType_U8, {static_cast<int64_t>(bytes)}};
}

/// Of what is in host memory, reading what nobody has written would make pages
/// of it.
void StateMemory::copyFrom(const plan::fb::Variable &variable,
                           const BufferView &part, std::byte *to) const {
  if (!isHost(variable))
    return owner.download(part, to);
  HostExtent extent{};
  for (uint64_t done = 0; done < part.bytes(); done += extent.bytes) {
    extent = owner.hostExtent(part.data + done, part.bytes() - done);
    if (extent.written)
      std::memcpy(to + done, part.data + done, extent.bytes);
    else
      std::memset(to + done, 0, extent.bytes);
  }
}

void StateMemory::read(const std::string &name, uint64_t first,
                       std::span<std::byte> to) const {
  const plan::fb::Variable &wanted = variable(name);
  owner.synchronize();
  copyFrom(wanted, part(wanted, first, to.size()), to.data());
}

void StateMemory::readInPieces(
    const std::string &name,
    const std::function<void(std::span<const std::byte>)> &sink,
    bool settled) const {
  const plan::fb::Variable &wanted = variable(name);
  const uint64_t total = bytesOf(name);
  std::vector<std::byte> piece(std::min<uint64_t>(total, pieceBytes));
  if (!settled)
    owner.synchronize();
  for (uint64_t begin = 0; begin < total; begin += piece.size()) {
    const uint64_t size = std::min<uint64_t>(piece.size(), total - begin);
    copyFrom(wanted, part(wanted, begin, size), piece.data());
    sink(std::span(piece).first(size));
  }
}

static bool isZero(const std::byte *bytes, uint64_t count) {
  return bytes[0] == std::byte{} &&
         std::memcmp(bytes, bytes + 1, count - 1) == 0;
}

/// Where nobody has written, zeros are left out, so that a file's holes stay.
void StateMemory::copyToHost(const BufferView &part, const std::byte *from) {
  constexpr uint64_t page = 4096;
  const uint64_t bytes = part.bytes();
  HostExtent extent = owner.hostExtent(part.data, bytes);
  const bool unwritten = !extent.written && extent.bytes == bytes;
  for (uint64_t begin = 0; begin < bytes; begin += page) {
    const uint64_t count = std::min(page, bytes - begin);
    if (!unwritten || !isZero(from + begin, count))
      std::memcpy(part.data + begin, from + begin, count);
  }
}

void StateMemory::write(const std::string &name, uint64_t first,
                        std::span<const std::byte> bytes) {
  const plan::fb::Variable &wanted = variable(name);
  BufferView target = part(wanted, first, bytes.size());
  if (bytes.empty())
    return;
  if (!isHost(wanted))
    return owner.upload(bytes.data(), target);
  owner.synchronize();
  copyToHost(target, bytes.data());
}

void StateMemory::clear() {
  uint64_t total = deviceBytes();
  std::vector<std::byte> zeros(std::min(total, pieceBytes));
  for (uint64_t begin = 0; begin < total; begin += zeros.size()) {
    auto size =
        static_cast<int64_t>(std::min<uint64_t>(zeros.size(), total - begin));
    owner.upload(zeros.data(),
                 {arena.device + begin, plan::fb::DType_U8, {size}});
  }
  clearHost();
}

void StateMemory::clearHost() {
  if (arena.host)
    owner.clearHostMemory();
}

} // namespace pfc::rt
