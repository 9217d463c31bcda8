#include "runtime/device/emulated_cuda/SharedMemory.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/mman.h>

namespace pfc::rt::emulated {

/// The most that any chip gives a block (sm_90, sm_100).
static constexpr uint64_t mostBytes = 227 << 10;

static std::byte *reserve(uint64_t bytes) {
  void *address = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  require(address != MAP_FAILED, "cannot reserve shared memory: {}",
          std::strerror(errno));
  return static_cast<std::byte *>(address);
}

SharedMemory::SharedMemory()
    : base(reserve(reserved)), written(reserve(reserved)) {}

SharedMemory::~SharedMemory() {
  munmap(base, reserved);
  munmap(written, reserved);
}

void SharedMemory::startBlock() {
  for (size_t i = 0; i < arrays.size(); ++i)
    std::memset(written + i * share + margin, 0, arrays[i].bytes);
}

uint64_t SharedMemory::totalBytes() const {
  uint64_t total = 0;
  for (const Array &array : arrays)
    total += array.bytes;
  return total;
}

std::byte *SharedMemory::array(const void *key, const char *name,
                               uint64_t bytes) {
  auto found = std::find_if(arrays.begin(), arrays.end(),
                            [&](const Array &a) { return a.key == key; });
  auto index = static_cast<size_t>(found - arrays.begin());
  if (found == arrays.end()) {
    if (arrays.size() == maxArrays || bytes > mostBytes - totalBytes())
      return nullptr;
    arrays.push_back({key, name, bytes});
    std::memset(written + index * share + margin, 0, bytes);
  }
  return base + index * share + margin;
}

bool SharedMemory::access(const void *address, uint64_t bytes, Access kind) {
  auto distance =
      static_cast<uint64_t>(static_cast<const std::byte *>(address) - base);
  uint64_t index = distance >> shift;
  uint64_t offset = (distance & (share - 1)) - margin; // huge when before
  if (index >= arrays.size() || offset >= arrays[index].bytes ||
      bytes > arrays[index].bytes - offset)
    return false;
  std::byte *map = written + distance;
  if (kind != Access::Write &&
      std::find(map, map + bytes, std::byte{0}) != map + bytes)
    return false;
  if (kind != Access::Read)
    std::memset(map, 1, bytes);
  return true;
}

std::string SharedMemory::explain(const void *address, uint64_t bytes,
                                  Access kind) const {
  auto distance =
      static_cast<uint64_t>(static_cast<const std::byte *>(address) - base);
  uint64_t index = distance >> shift;
  if (index >= arrays.size())
    return "accesses shared memory far outside any array";
  const Array &array = arrays[index];
  int64_t offset = static_cast<int64_t>(distance & (share - 1)) -
                   static_cast<int64_t>(margin);
  bool inside =
      offset >= 0 && static_cast<uint64_t>(offset) + bytes <= array.bytes;
  if (inside)
    return fmt::format("reads {} bytes at byte {} of shared array '{}', which "
                       "no thread of the block has written",
                       bytes, offset, array.name);
  return fmt::format("out of bounds: {} {} bytes at byte {} of shared array "
                     "'{}', which has {} bytes",
                     kind == Access::Read ? "reads" : "writes", bytes, offset,
                     array.name, array.bytes);
}

} // namespace pfc::rt::emulated
