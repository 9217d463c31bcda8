#include "runtime/plan/ValidateBranches.h"

#include "runtime/base/Error.h"
#include "runtime/plan/InstructionBuffers.h"
#include "runtime/plan/Shape.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

namespace pfc::rt {
namespace {

using namespace plan::fb;

/// Bytes of the arena.
class Bytes {
public:
  void add(const Buffer &buffer) { ranges.push_back(rangeOf(buffer)); }
  /// Makes disjoint ranges in order of what was added.
  void finish() {
    std::sort(ranges.begin(), ranges.end());
    size_t count = 0;
    for (const Range &range : ranges)
      if (count > 0 && range.first <= ranges[count - 1].second)
        ranges[count - 1].second =
            std::max(ranges[count - 1].second, range.second);
      else
        ranges[count++] = range;
    ranges.resize(count);
  }
  bool overlap(const Buffer &buffer) const {
    const Range wanted = rangeOf(buffer);
    auto behind = std::upper_bound(
        ranges.begin(), ranges.end(), wanted.first,
        [](uint64_t at, const Range &range) { return at < range.second; });
    return behind != ranges.end() && behind->first < wanted.second;
  }

private:
  using Range = std::pair<uint64_t, uint64_t>;
  static Range rangeOf(const Buffer &buffer) {
    return {buffer.offset(),
            buffer.offset() + byteSize(*buffer.shape(), buffer.dtype())};
  }
  std::vector<Range> ranges;
};

bool mayBranch(const Instruction &instruction) {
  return !isTransfer(instruction) &&
         instruction.operation_type() != Operation_Wait &&
         instruction.operation_type() != Operation_Conv;
}

void validateExtent(const Program &program, const Branch &branch,
                    uint32_t endBefore, const std::string &where) {
  const uint32_t count = program.instructions()->size();
  require(branch.first() >= endBefore && branch.first() < count &&
              branch.count() >= 1 && branch.count() <= count - branch.first(),
          "{}: has {} instructions from {} on; the program has {}, and a "
          "branch before it goes on up to {}",
          where, branch.count(), branch.first(), count, endBefore);
  const uint32_t behind = branch.first() + branch.count();
  require(branch.end() >= behind && branch.end() <= count,
          "{}: ends before instruction {}; {} to {} is possible", where,
          branch.end(), behind, count);
  for (uint32_t i = branch.first(); i < behind; ++i)
    require(mayBranch(*program.instructions()->Get(i)),
            "{}: instruction {} is no launch, product or copy", where, i);
  if (program.alternatives())
    for (const Alternative *choice : *program.alternatives())
      require(choice->first() >= behind ||
                  choice->first() + choice->count() <= branch.first(),
              "{}: an alternative is for instructions {} to {} of it", where,
              choice->first(), choice->first() + choice->count() - 1);
}

void validateBranch(const Program &program, const Branch &branch,
                    const std::string &where) {
  const auto &buffers = *program.buffers();
  const auto &instructions = *program.instructions();
  std::set<uint32_t> named;
  for (uint32_t buffer : *branch.writes()) {
    require(buffer < buffers.size(),
            "{}: writes buffer {}, but the program has {} buffers", where,
            buffer, buffers.size());
    named.insert(buffer);
  }
  Bytes written, touched;
  for (uint32_t buffer : named)
    written.add(*buffers[buffer]);
  written.finish();
  const uint32_t behind = branch.first() + branch.count();
  for (uint32_t i = branch.first(); i < behind; ++i) {
    for (uint32_t buffer : buffersOf(*instructions[i]))
      touched.add(*buffers[buffer]);
    for (uint32_t buffer : knownToBeWritten(*instructions[i]))
      require(written.overlap(*buffers[buffer]),
              "{}: instruction {} writes buffer {}, and the branch does not "
              "say so",
              where, i, buffer);
  }
  touched.finish();
  for (uint32_t i = behind; i < branch.end(); ++i) {
    for (uint32_t buffer : buffersOf(*instructions[i]))
      require(!written.overlap(*buffers[buffer]),
              "{}: writes what instruction {} touches, buffer {}, and ends "
              "before instruction {}",
              where, i, buffer, branch.end());
    for (uint32_t buffer : knownToBeWritten(*instructions[i]))
      require(!touched.overlap(*buffers[buffer]),
              "{}: touches what instruction {} writes, buffer {}, and ends "
              "before instruction {}",
              where, i, buffer, branch.end());
  }
}

} // namespace

void validateBranches(const Program &program, const std::string &where) {
  if (!program.branches())
    return;
  uint32_t endBefore = 0, number = 0;
  for (const Branch *branch : *program.branches()) {
    const std::string what = fmt::format("{}, branch {}", where, number++);
    validateExtent(program, *branch, endBefore, what);
    validateBranch(program, *branch, what);
    endBefore = branch->end();
  }
}

} // namespace pfc::rt
