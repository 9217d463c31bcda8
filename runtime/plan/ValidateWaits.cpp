#include "runtime/plan/ValidateWaits.h"

#include "runtime/base/Error.h"
#include "runtime/plan/InstructionBuffers.h"
#include "runtime/plan/Shape.h"

#include <algorithm>
#include <limits>

namespace pfc::rt {
namespace {

using namespace plan::fb;

/// Of a transfer that nothing waits for, and of what is none.
constexpr uint32_t never = std::numeric_limits<uint32_t>::max();

/// Says what an instruction between a transfer and its wait touches of it, if
/// it does.
void validateBetween(const Program &program, uint32_t transfer, uint32_t wait,
                     uint32_t i, const std::string &where) {
  const auto &buffers = *program.buffers();
  const Instruction &started = *program.instructions()->Get(transfer);
  const Instruction &between = *program.instructions()->Get(i);
  const std::vector<uint32_t> busy = buffersOf(started);
  const std::vector<bool> written = writtenBy(started);
  const std::vector<uint32_t> results = knownToBeWritten(between);
  for (size_t b = 0; b < busy.size(); ++b) {
    const Buffer &bytes = *buffers[busy[b]];
    if (written[b])
      for (uint32_t buffer : buffersOf(between))
        require(!overlap(*buffers[buffer], bytes),
                "{}, instruction {}: touches buffer {}, which the transfer "
                "of instruction {} writes until instruction {}",
                where, i, buffer, transfer, wait);
    for (uint32_t buffer : results)
      require(!overlap(*buffers[buffer], bytes),
              "{}, instruction {}: writes buffer {}, which the transfer of "
              "instruction {} reads until instruction {}",
              where, i, buffer, transfer, wait);
  }
}

/// How many of the points that are known beforehand are there, below one: a
/// binary indexed tree.
class PointCounts {
public:
  explicit PointCounts(std::vector<uint64_t> known) : points(std::move(known)) {
    std::ranges::sort(points);
    points.erase(std::unique(points.begin(), points.end()), points.end());
    sums.resize(points.size() + 1);
  }

  void add(uint64_t point, int64_t count) {
    for (size_t i = below(point) + 1; i < sums.size(); i += i & -i)
      sums[i] += count;
  }
  int64_t countBelow(uint64_t point) const {
    int64_t sum = 0;
    for (size_t i = below(point); i > 0; i -= i & -i)
      sum += sums[i];
    return sum;
  }

private:
  size_t below(uint64_t point) const {
    return static_cast<size_t>(std::ranges::lower_bound(points, point) -
                               points.begin());
  }

  std::vector<uint64_t> points;
  std::vector<int64_t> sums;
};

/// The bytes of buffers that are busy at a time.
class BusyBytes {
public:
  /// `known`: the buffers that ever are.
  BusyBytes(const Program &program, const std::vector<uint32_t> &known)
      : program(program), begins(pointsOf(known, &BusyBytes::beginOf)),
        ends(pointsOf(known, &BusyBytes::endOf)) {}

  void add(uint32_t buffer, int64_t count) {
    begins.add(beginOf(buffer), count);
    ends.add(endOf(buffer), count);
  }
  /// More begin before the buffer's end than end before its begin.
  bool overlap(uint32_t buffer) const {
    return begins.countBelow(endOf(buffer)) >
           ends.countBelow(beginOf(buffer) + 1);
  }

private:
  uint64_t beginOf(uint32_t buffer) const {
    return program.buffers()->Get(buffer)->offset();
  }
  uint64_t endOf(uint32_t buffer) const {
    const Buffer &bytes = *program.buffers()->Get(buffer);
    return bytes.offset() + byteSize(*bytes.shape(), bytes.dtype());
  }
  std::vector<uint64_t> pointsOf(const std::vector<uint32_t> &buffers,
                                 uint64_t (BusyBytes::*point)(uint32_t)
                                     const) const {
    std::vector<uint64_t> points;
    for (uint32_t buffer : buffers)
      points.push_back((this->*point)(buffer));
    return points;
  }

  const Program &program;
  PointCounts begins, ends;
};

/// The instruction that waits for each; checked.
std::vector<uint32_t> waitsOf(const Program &program,
                              const std::string &where) {
  std::vector<uint32_t> waits(program.instructions()->size(), never);
  for (uint32_t i = 0; i < waits.size(); ++i) {
    const Wait *wait = program.instructions()->Get(i)->operation_as_Wait();
    if (!wait)
      continue;
    uint32_t transfer = wait->transfer();
    require(transfer < i && isTransfer(*program.instructions()->Get(transfer)),
            "{}, instruction {}: waits for instruction {}, which is no "
            "transfer before it",
            where, i, transfer);
    require(waits[transfer] == never,
            "{}, instruction {}: instruction {} is waited for twice", where, i,
            transfer);
    waits[transfer] = i;
  }
  return waits;
}

/// Looks at each instruction once, with the bytes of the transfers that go on.
class Walk {
public:
  Walk(const Program &program, const std::string &where)
      : program(program), where(where), waits(waitsOf(program, where)),
        all(program, busyBuffers(false)), written(program, busyBuffers(true)) {}

  void run() {
    for (uint32_t i = 0; i < waits.size(); ++i) {
      const Instruction &instruction = *program.instructions()->Get(i);
      if (const Wait *wait = instruction.operation_as_Wait()) {
        count(wait->transfer(), -1);
        continue;
      }
      if (touches(instruction))
        fail(i);
      if (waits[i] != never)
        count(i, 1);
    }
  }

private:
  std::vector<uint32_t> busyBuffers(bool onlyWritten) const {
    std::vector<uint32_t> busy;
    for (uint32_t i = 0; i < waits.size(); ++i)
      if (waits[i] != never)
        forBuffers(i, [&](uint32_t buffer, bool isWritten) {
          if (isWritten || !onlyWritten)
            busy.push_back(buffer);
        });
    return busy;
  }

  template <typename Take>
  void forBuffers(uint32_t transfer, Take take) const {
    const Instruction &started = *program.instructions()->Get(transfer);
    const std::vector<uint32_t> busy = buffersOf(started);
    const std::vector<bool> isWritten = writtenBy(started);
    for (size_t i = 0; i < busy.size(); ++i)
      take(busy[i], isWritten[i]);
  }

  void count(uint32_t transfer, int64_t count) {
    forBuffers(transfer, [&](uint32_t buffer, bool isWritten) {
      all.add(buffer, count);
      if (isWritten)
        written.add(buffer, count);
    });
  }

  bool touches(const Instruction &instruction) const {
    auto isIn = [](const BusyBytes &busy) {
      return [&](uint32_t buffer) { return busy.overlap(buffer); };
    };
    return std::ranges::any_of(knownToBeWritten(instruction), isIn(all)) ||
           std::ranges::any_of(buffersOf(instruction), isIn(written));
  }

  void fail(uint32_t i) const {
    for (uint32_t transfer = 0; transfer < i; ++transfer)
      if (waits[transfer] != never && waits[transfer] > i)
        validateBetween(program, transfer, waits[transfer], i, where);
  }

  const Program &program;
  const std::string &where;
  std::vector<uint32_t> waits;
  BusyBytes all, written;
};

} // namespace

void validateWaits(const Program &program, const std::string &where) {
  Walk(program, where).run();
}

} // namespace pfc::rt
