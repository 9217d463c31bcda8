#include "runtime/comm/SlicedCommunicator.h"

#include "runtime/comm/Sums.h"
#include "runtime/plan/Shape.h"

#include <algorithm>

namespace pfc::rt {
namespace {

/// Bytes of a sum formed at once: bounds the scratch memory.
constexpr int64_t pieceBytes = int64_t{16} << 20;

/// Where a rank gets no more than this, all send each other everything: that
/// takes longer to get going than to arrive, and so it gets going once.
constexpr int64_t atOnceBytes = int64_t{16} << 10;

/// Of the same size, one behind the other.
Slices equalSlices(int ranks, int64_t count) {
  Slices slices;
  for (int rank = 0; rank < ranks; ++rank) {
    slices.counts.push_back(count);
    slices.offsets.push_back(count * rank);
  }
  return slices;
}

} // namespace

void SlicedCommunicator::allReduceSum(BufferView source, BufferView target) {
  auto width = static_cast<int64_t>(byteWidth(source.dtype));
  int64_t total = source.elements(), piece = pieceBytes / width;
  if (total * width * worldSize() <= atOnceBytes)
    return reduceAtOnce(source.data, target.data, total, source.dtype);
  for (int64_t begin = 0; begin < total; begin += piece)
    reducePiece(source.data + begin * width, target.data + begin * width,
                std::min(piece, total - begin), source.dtype);
}

void SlicedCommunicator::reduceAtOnce(const std::byte *source,
                                      std::byte *target, int64_t elements,
                                      plan::fb::DType dtype) {
  size_t width = byteWidth(dtype);
  received.resize(static_cast<size_t>(elements * worldSize()) * width);
  gatherSlices(source, equalSlices(worldSize(), elements), width,
               received.data());
  sumInOrder(received.data(), worldSize(), elements, dtype, target);
}

/// Slices of about equal size.
void SlicedCommunicator::reducePiece(const std::byte *source, std::byte *target,
                                     int64_t elements, plan::fb::DType dtype) {
  size_t width = byteWidth(dtype);
  Slices slices;
  for (int rank = 0; rank < worldSize(); ++rank) {
    int64_t first = elements * rank / worldSize();
    slices.offsets.push_back(first);
    slices.counts.push_back(elements * (rank + 1) / worldSize() - first);
  }
  auto own = static_cast<size_t>(slices.counts[rank()]);
  received.resize(own * worldSize() * width);
  exchangeSlices(source, slices, width, received.data());
  sum.resize(own * width);
  sumInOrder(received.data(), worldSize(), static_cast<int64_t>(own), dtype,
             sum.data());
  gatherSlices(sum.data(), slices, width, target);
}

void SlicedCommunicator::reduceScatterSum(BufferView source,
                                          BufferView target) {
  size_t width = byteWidth(source.dtype);
  int64_t slice = target.elements();
  int64_t piece = std::max<int64_t>(
      pieceBytes / static_cast<int64_t>(width) / worldSize(), 1);
  Slices slices = equalSlices(worldSize(), slice);
  // The target may lie in the source, whose slices are still to be sent.
  sum.resize(static_cast<size_t>(slice) * width);
  for (int64_t begin = 0; begin < slice; begin += piece) {
    int64_t count = std::min(piece, slice - begin);
    std::fill(slices.counts.begin(), slices.counts.end(), count);
    received.resize(static_cast<size_t>(worldSize() * count) * width);
    exchangeSlices(source.data + begin * width, slices, width, received.data());
    sumInOrder(received.data(), worldSize(), count, source.dtype,
               sum.data() + begin * width);
  }
  std::ranges::copy(sum, target.data);
}

void SlicedCommunicator::allGather(BufferView source, BufferView target) {
  gatherSlices(source.data, equalSlices(worldSize(), source.elements()),
               byteWidth(source.dtype), target.data);
}

} // namespace pfc::rt
