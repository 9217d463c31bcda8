#include "runtime/device/cuda/Memory.h"

#include "runtime/base/Error.h"
#include "runtime/plan/Shape.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace pfc::rt::cuda {

DeviceMemory::~DeviceMemory() {
  if (begin)
    driver().cuMemFree(begin);
}

void DeviceMemory::reserve(uint64_t bytes) {
  if (bytes <= capacity)
    return;
  if (begin)
    check(driver().cuMemFree(begin), "cuMemFree");
  begin = 0;
  capacity = 0;
  check(driver().cuMemAlloc(&begin, bytes),
        fmt::format("cuMemAlloc of {}", bytesText(bytes)).c_str());
  capacity = bytes;
}

PinnedMemory::PinnedMemory(uint64_t bytes) : size(bytes) {
  void *address = nullptr;
  check(driver().cuMemHostAlloc(&address, std::max<uint64_t>(bytes, 1), 0),
        fmt::format("cuMemHostAlloc of {}", bytesText(bytes)).c_str());
  begin = static_cast<std::byte *>(address);
}

PinnedMemory::~PinnedMemory() { driver().cuMemFreeHost(begin); }

std::unique_ptr<PinnedMemory> PinnedPool::take(uint64_t bytes) {
  uint64_t rounded = std::bit_ceil(std::max<uint64_t>(bytes, 4096));
  auto found = unused.find(rounded);
  if (found == unused.end())
    return std::make_unique<PinnedMemory>(rounded);
  std::unique_ptr<PinnedMemory> memory = std::move(found->second);
  unused.erase(found);
  return memory;
}

void PinnedPool::giveBack(std::unique_ptr<PinnedMemory> memory) {
  uint64_t bytes = memory->bytes();
  unused.emplace(bytes, std::move(memory));
}

uint64_t UploadRing::take(uint64_t bytes) {
  if (next + bytes > memory.bytes())
    next = 0;
  uint64_t begin = next, end = next + bytes;
  // Parts are copied in the order they were taken.
  while (!parts.empty() && parts.front().copied.happened())
    parts.pop_front();
  auto inTheWay = [&](const Part &part) {
    return part.begin < end && begin < part.end;
  };
  while (std::any_of(parts.begin(), parts.end(), inTheWay)) {
    parts.front().copied.wait();
    parts.pop_front();
  }
  next = end;
  return begin;
}

void UploadRing::upload(const void *host, CUdeviceptr target, uint64_t bytes,
                        CUstream stream) {
  // Half a ring at once, so that filling one half and copying the other go on
  // together.
  auto *source = static_cast<const std::byte *>(host);
  for (uint64_t done = 0; done < bytes;) {
    uint64_t count = std::min(bytes - done, memory.bytes() / 2);
    uint64_t offset = take(count);
    std::memcpy(memory.data() + offset, source + done, count);
    check(driver().cuMemcpyHtoDAsync(target + done, memory.data() + offset,
                                     count, stream),
          "cuMemcpyHtoDAsync");
    Part part{offset, offset + count, Event()};
    part.copied.record(stream);
    parts.push_back(std::move(part));
    done += count;
  }
}

} // namespace pfc::rt::cuda
