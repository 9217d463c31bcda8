#include "CachingAllocator.h"

#include "llvm/Support/MathExtras.h"

#include <iterator>

using namespace pfc::simulate;

static constexpr int64_t mebibyte = 1 << 20;
static constexpr int64_t granularity = 512;
static constexpr int64_t smallMost = mebibyte;
static constexpr int64_t smallSegment = 2 * mebibyte;
static constexpr int64_t sharedSegment = 20 * mebibyte;
static constexpr int64_t sharedBelow = 10 * mebibyte;
static constexpr int64_t segmentUnit = 2 * mebibyte;

static int64_t roundUp(int64_t size, int64_t unit) {
  return static_cast<int64_t>(
      llvm::alignTo(static_cast<uint64_t>(size), static_cast<uint64_t>(unit)));
}

CachingAllocator::Key CachingAllocator::key(const Blocks::value_type &block) {
  return {block.second.stream, block.second.small, block.second.size,
          block.first};
}

int64_t CachingAllocator::allocate(int64_t bytes, Stream stream) {
  const int64_t size = roundUp(bytes, granularity);
  const bool small = size <= smallMost;
  auto found = freeBlocks.lower_bound({stream, small, size, 0});
  Blocks::iterator block;
  if (found != freeBlocks.end() && std::get<0>(found->first) == stream &&
      std::get<1>(found->first) == small) {
    block = blocks.find(found->second);
    freeBlocks.erase(found);
  } else {
    block = newSegment(size, stream, small);
  }
  block->second.free = false;
  split(block, size);
  usedBytes += block->second.size;
  return block->first;
}

CachingAllocator::Blocks::iterator
CachingAllocator::newSegment(int64_t size, Stream stream, bool small) {
  const int64_t bytes = small                ? smallSegment
                        : size < sharedBelow ? sharedSegment
                                             : roundUp(size, segmentUnit);
  auto block =
      blocks.try_emplace(nextAddress, Block{bytes, segments++, stream, small})
          .first;
  nextAddress += bytes;
  reservedBytes += bytes;
  return block;
}

/// Leaves `size` bytes in `block`, if the rest is worth a block.
void CachingAllocator::split(Blocks::iterator block, int64_t size) {
  const int64_t rest = block->second.size - size;
  if (block->second.small ? rest < granularity : rest <= smallMost)
    return;
  Block left = block->second;
  block->second.size = size;
  left.size = rest;
  left.free = true;
  auto added = blocks.try_emplace(block->first + size, left).first;
  freeBlocks.emplace(key(*added), added->first);
}

void CachingAllocator::release(int64_t address) {
  auto block = blocks.find(address);
  usedBytes -= block->second.size;
  auto isFree = [&](Blocks::iterator other) {
    return other->second.free && other->second.segment == block->second.segment;
  };
  if (auto next = std::next(block); next != blocks.end() && isFree(next)) {
    freeBlocks.erase(key(*next));
    merge(block, next);
  }
  if (block != blocks.begin() && isFree(std::prev(block))) {
    auto before = std::prev(block);
    freeBlocks.erase(key(*before));
    merge(before, block);
    block = before;
  }
  block->second.free = true;
  freeBlocks.emplace(key(*block), block->first);
}

void CachingAllocator::releaseSegments() {
  for (auto entry = freeBlocks.begin(); entry != freeBlocks.end();) {
    auto block = blocks.find(entry->second);
    if (!isSegment(block)) {
      ++entry;
      continue;
    }
    reservedBytes -= block->second.size;
    blocks.erase(block);
    entry = freeBlocks.erase(entry);
  }
}

/// Whether it is all of its segment.
bool CachingAllocator::isSegment(Blocks::iterator block) {
  auto isOther = [&](Blocks::iterator other) {
    return other->second.segment != block->second.segment;
  };
  auto next = std::next(block);
  return (next == blocks.end() || isOther(next)) &&
         (block == blocks.begin() || isOther(std::prev(block)));
}

void CachingAllocator::merge(Blocks::iterator first, Blocks::iterator second) {
  first->second.size += second->second.size;
  blocks.erase(second);
}
