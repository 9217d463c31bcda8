#include "runtime/exec/Finite.h"

#include "runtime/base/Error.h"
#include "runtime/exec/ProgramRunner.h"
#include "runtime/plan/InstructionBuffers.h"

#include <cstring>
#include <map>
#include <string_view>

namespace pfc::rt {
namespace {

/// Whether all bits of the exponent, `mask`, are set in no element. Without a
/// way out of the loop the compiler makes vector code of it.
template <typename T>
bool noExponentIsFull(std::span<const std::byte> contents, T mask) {
  constexpr size_t block = 4096;
  size_t count = contents.size() / sizeof(T);
  for (size_t begin = 0; begin < count; begin += block) {
    T values[block];
    size_t here = std::min(block, count - begin);
    std::memcpy(values, contents.data() + begin * sizeof(T), here * sizeof(T));
    unsigned full = 0;
    for (size_t i = 0; i < here; ++i)
      full |= (values[i] & mask) == mask;
    if (full)
      return false;
  }
  return true;
}

/// What a buffer held: finite or not, and which bytes.
struct Look {
  bool finite;
  size_t hash;
};

/// A piece at a time: a table may be as large as the host's memory.
Look lookAt(Device &device, const BufferView &view,
            std::vector<std::byte> &bytes,
            const std::function<void()> &progress) {
  constexpr int64_t pieceBytes = int64_t{64} << 20;
  const auto width = static_cast<int64_t>(byteWidth(view.dtype));
  Look all{true, 0};
  for (int64_t done = 0; done < view.elements();) {
    BufferView piece = view;
    piece.data += done * width;
    piece.shape = {std::min(pieceBytes / width, view.elements() - done)};
    bytes.resize(piece.bytes());
    device.download(piece, bytes.data());
    std::string_view text(reinterpret_cast<const char *>(bytes.data()),
                          bytes.size());
    all.finite &= allFinite(view.dtype, bytes);
    all.hash = all.hash * 31 + std::hash<std::string_view>()(text);
    done += piece.elements();
    progress();
  }
  return all;
}

/// Its own name, or the host's for it.
std::string nameOf(const plan::fb::Program &program, uint32_t index) {
  const plan::fb::Buffer &buffer = *program.buffers()->Get(index);
  if (buffer.name() && buffer.name()->size() != 0)
    return buffer.name()->str();
  for (const auto *bindings : {program.outputs(), program.inputs()})
    for (const plan::fb::Binding *binding : *bindings)
      if (binding->buffer() == index)
        return binding->name()->str();
  return fmt::format("buffer {}", index);
}

} // namespace

bool allFinite(plan::fb::DType dtype, std::span<const std::byte> contents) {
  switch (dtype) {
  case plan::fb::DType_F32:
    return noExponentIsFull<uint32_t>(contents, 0x7F800000u);
  case plan::fb::DType_BF16:
    return noExponentIsFull<uint16_t>(contents, 0x7F80u);
  case plan::fb::DType_F16:
    return noExponentIsFull<uint16_t>(contents, 0x7C00u);
  default:
    return true;
  }
}

std::vector<FiniteFinding>
runLookingAtAll(Executor &executor, Device &device, const std::string &program,
                const std::function<void()> &progress) {
  const plan::fb::Program &source = executor.runner(program).program();
  std::vector<FiniteFinding> findings;
  std::vector<std::byte> bytes;
  std::map<uint32_t, Look> before;
  // Rows of host memory are looked at where they are used.
  auto buffers = [&](uint32_t index) {
    std::vector<uint32_t> all = buffersOf(*source.instructions()->Get(index));
    std::erase_if(
        all, [&](uint32_t buffer) { return executor.isHost(program, buffer); });
    return all;
  };
  auto look = [&](uint32_t buffer) {
    return lookAt(device, executor.buffer(program, buffer), bytes, progress);
  };
  executor.runEach(
      program,
      [&](uint32_t instruction) {
        before.clear();
        for (uint32_t buffer : buffers(instruction))
          before.insert_or_assign(buffer, look(buffer));
      },
      [&](uint32_t instruction) {
        for (const auto &[buffer, was] : before) {
          Look is = look(buffer);
          // What it only read, or left as it was, is no work of it.
          if (!is.finite && (was.finite || is.hash != was.hash))
            findings.push_back({instruction, buffer});
        }
      });
  return findings;
}

std::string describe(Executor &executor, const std::string &program,
                     FiniteFinding finding) {
  const plan::fb::Program &source = executor.runner(program).program();
  const plan::fb::Buffer &buffer = *source.buffers()->Get(finding.buffer);
  const auto &instruction = *source.instructions()->Get(finding.instruction);
  std::string location =
      instruction.location() ? instruction.location()->str() : "";
  return fmt::format("'{}' ({} [{}]), written by instruction {} of {}{}",
                     nameOf(source, finding.buffer), dtypeName(buffer.dtype()),
                     fmt::join(toVector(*buffer.shape()), ", "),
                     finding.instruction, program,
                     location.empty() ? "" : " (" + location + ")");
}

} // namespace pfc::rt
