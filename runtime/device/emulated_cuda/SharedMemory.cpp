#include "runtime/device/emulated_cuda/SharedMemory.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/mman.h>

namespace pfc::rt::emulated {
namespace {

/// The most that any chip gives a block (sm_90, sm_100).
constexpr uint64_t mostBytes = 227 << 10;

void *reserve(uint64_t bytes) {
  void *address = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  require(address != MAP_FAILED, "cannot reserve shared memory: {}",
          std::strerror(errno));
  return address;
}

const char *verb(Access kind) {
  return kind == Access::Read ? "reads" : "writes";
}

/// "thread 3", "several threads of warp 1", "threads of several warps"
std::string threadOf(const Moment &moment) {
  if (moment.warp == Moment::several)
    return "threads of several warps";
  if (moment.lane == Moment::several)
    return fmt::format("several threads of warp {}", moment.warp);
  return fmt::format("thread {}", moment.warp * 32 + moment.lane);
}

std::string explain(SharedByte::Finding finding, const SharedByte &byte) {
  switch (finding) {
  case SharedByte::Finding::Unwritten:
    return "which no thread of the block has written";
  case SharedByte::Finding::AfterWrite:
    return fmt::format("which {} wrote, with no barrier between: a race",
                       threadOf(byte.lastWrite()));
  default:
    return fmt::format("which {} read, with no barrier between: a race",
                       threadOf(byte.lastRead()));
  }
}

} // namespace

// Memory from mmap is zero, as a SharedByte that nobody touched.
SharedMemory::SharedMemory()
    : base(static_cast<std::byte *>(reserve(reserved))),
      shadow(
          static_cast<SharedByte *>(reserve(reserved * sizeof(SharedByte)))) {}

SharedMemory::~SharedMemory() {
  munmap(base, reserved);
  munmap(shadow, reserved * sizeof(SharedByte));
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
  }
  return base + index * share + margin;
}

std::string SharedMemory::access(const void *address, uint64_t bytes,
                                 Access kind, Moment now) {
  auto distance =
      static_cast<uint64_t>(static_cast<const std::byte *>(address) - base);
  uint64_t index = distance >> shift;
  if (index >= arrays.size())
    return fmt::format("out of bounds: {} shared memory far outside any array",
                       verb(kind));
  const Array &array = arrays[index];
  uint64_t offset = (distance & (share - 1)) - margin; // huge when before
  if (offset >= array.bytes || bytes > array.bytes - offset)
    return fmt::format("out of bounds: {} {} bytes at byte {} of shared array "
                       "'{}', which has {} bytes",
                       verb(kind), bytes, static_cast<int64_t>(offset),
                       array.name, array.bytes);
  now.epoch = epoch;
  for (SharedByte *byte = shadow + distance; byte < shadow + distance + bytes;
       ++byte)
    if (auto finding = byte->access(kind, now, firstEpoch);
        finding != SharedByte::Finding::Nothing)
      return fmt::format("{} {} bytes at byte {} of shared array '{}', {}",
                         finding == SharedByte::Finding::Unwritten ? "reads"
                                                                   : verb(kind),
                         bytes, offset, array.name, explain(finding, *byte));
  return {};
}

void SharedMemory::settle(const void *address, uint64_t bytes) {
  SharedByte *first = shadow + (static_cast<const std::byte *>(address) - base);
  for (SharedByte *byte = first; byte < first + bytes; ++byte)
    byte->settle(epoch - 1);
}

} // namespace pfc::rt::emulated
