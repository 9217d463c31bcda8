#include "runtime/device/emulated_cuda/BulkCopies.h"

#include <cstring>
#include <fmt/format.h>

namespace pfc::rt::emulated {

constexpr uint64_t chunkBytes = 16;

/// A chip exchanges the chunks of 128 bytes by the address bits above them.
static uint32_t swizzled(uint32_t address) {
  return address ^ (address >> 7 & 7) << 4;
}

void BoxCopy::execute() const {
  const uint64_t chunks = rowBytes() / chunkBytes;
  for (uint32_t r = 0; r < map.boxRows; ++r)
    for (uint64_t chunk = 0; chunk < chunks; ++chunk) {
      auto offset = static_cast<uint32_t>(r * rowBytes() + chunk * chunkBytes);
      std::byte *to = shared + (swizzled(address + offset) - address);
      int64_t fromRow = row + r;
      auto fromColumn =
          column + static_cast<int64_t>(chunk * chunkBytes / map.elementBytes);
      // Rows are whole chunks.
      if (fromRow >= 0 && fromRow < map.rows && fromColumn >= 0 &&
          fromColumn < map.columns)
        std::memcpy(to,
                    map.data +
                        (fromRow * map.columns + fromColumn) * map.elementBytes,
                    chunkBytes);
      else
        std::memset(to, 0, chunkBytes);
    }
}

//===--- Barriers --------------------------------------------------------===//

bool PhaseBarrier::arrive(uint64_t more) {
  if (missing == 0)
    return false;
  bytes += static_cast<int64_t>(more);
  --missing;
  return true;
}

void PhaseBarrier::deliver() {
  for (const BoxCopy &box : coming) {
    box.execute();
    bytes -= static_cast<int64_t>(box.bytes());
  }
  coming.clear();
  if (missing == 0 && bytes == 0) {
    ++phase;
    missing = expected;
  }
}

std::string PhaseBarrier::lack() const {
  if (bytes < 0)
    return fmt::format("{} bytes came that no arrival expects", -bytes);
  return fmt::format("{} arrivals and {} bytes have not come", missing, bytes);
}

//===--- A block's -------------------------------------------------------===//

void BulkCopies::startBlock(size_t threadsOfBlock) {
  threads = threadsOfBlock;
  barriers.clear();
  fillings.clear();
}

void BulkCopies::passBarrier() {
  std::erase_if(fillings, [](const Filling &filling) {
    return filling.barrier->ended() > filling.phase;
  });
}

PhaseBarrier *BulkCopies::barrierAt(const void *address) {
  auto found = barriers.find(address);
  return found == barriers.end() ? nullptr : &found->second;
}

void BulkCopies::drop(const void *address) {
  const PhaseBarrier *barrier = barrierAt(address);
  std::erase_if(fillings, [&](const Filling &filling) {
    return filling.barrier == barrier;
  });
  barriers.erase(address);
}

void BulkCopies::publish(unsigned thread) {
  for (auto &[address, barrier] : barriers)
    if (barrier.maker == thread)
      barrier.published = true;
}

void BulkCopies::begin(PhaseBarrier &barrier, const BoxCopy &box) {
  barrier.bring(box);
  fillings.push_back(
      {box.shared, box.shared + box.bytes(), &barrier, barrier.ended()});
}

bool BulkCopies::isUnseen(const void *address, uint64_t bytes,
                          unsigned thread) const {
  auto *begin = static_cast<const std::byte *>(address);
  for (const Filling &filling : fillings)
    if (begin < filling.end && filling.begin < begin + bytes &&
        !filling.barrier->hasSeen(thread, filling.phase))
      return true;
  return false;
}

} // namespace pfc::rt::emulated
