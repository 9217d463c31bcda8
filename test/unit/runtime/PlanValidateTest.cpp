// Plans that can be read but make no sense: each case breaks one thing in a
// plan that is otherwise good, and names the message it must get.
#include "TestPlan.h"
#include "runtime/base/Error.h"
#include "runtime/plan/PlanFile.h"
#include "runtime/plan/RankInteger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <random>

namespace pfc::rt::test {
namespace {

using namespace plan::fb;
using testing::HasSubstr;

struct Case {
  const char *name;
  std::function<void(TestPlan &)> damage;
  const char *message;
};

// Only the name: gtest prints parameters, and bytes of a function are noise.
void PrintTo(const Case &test, std::ostream *out) { *out << test.name; }

template <typename OperationT>
OperationT &operation(TestPlan &test, size_t index) {
  return *static_cast<OperationT *>(
      test.program().instructions[index]->operation.value);
}
ConvT &conv(TestPlan &test) { return operation<ConvT>(test, 0); }
MatmulT &matmul(TestPlan &test) { return operation<MatmulT>(test, 1); }
CopyT &copy(TestPlan &test) { return operation<CopyT>(test, 2); }
CollectiveT &reduce(TestPlan &test) { return operation<CollectiveT>(test, 3); }
LaunchT &launch(TestPlan &test) { return operation<LaunchT>(test, 4); }
/// Waits for `reduce`, in front of instruction `index`.
void waitAt(TestPlan &test, size_t index) {
  WaitT wait;
  wait.transfer = 3;
  test.add(std::move(wait));
  auto &all = test.program().instructions;
  std::rotate(all.begin() + static_cast<std::ptrdiff_t>(index), all.end() - 1,
              all.end());
}
/// What may be done instead of the copy: the same, by another instruction.
AlternativeT &alternative(TestPlan &test) {
  auto form = std::make_unique<AlternativeT>();
  form->first = 2, form->count = 1, form->results = {5};
  auto same = std::make_unique<InstructionT>();
  same->operation.Set(CopyT(copy(test)));
  form->instructions.push_back(std::move(same));
  test.program().alternatives.push_back(std::move(form));
  return *test.program().alternatives.back();
}
/// Of the copy, which what sums it has to wait for.
BranchT &branch(TestPlan &test) {
  auto beside = std::make_unique<BranchT>();
  beside->first = 2, beside->count = 1, beside->end = 3;
  beside->writes = {copy(test).target};
  test.program().branches.push_back(std::move(beside));
  return *test.program().branches.back();
}
BufferT &buffer(TestPlan &test, size_t index) {
  return *test.program().buffers[index];
}

class PlanValidate : public testing::TestWithParam<Case> {};

TEST_P(PlanValidate, Refuses) {
  TestPlan test = makeFullPlan(3);
  ASSERT_NO_THROW(test.finish());
  GetParam().damage(test);
  try {
    test.finish();
    FAIL() << "accepted";
  } catch (const Error &error) {
    EXPECT_THAT(error.what(), HasSubstr(GetParam().message));
    EXPECT_THAT(error.what(), HasSubstr("test.plan: "));
  }
}

/// The same plan for CUDA.
KernelT &cudaKernel(TestPlan &test) {
  test.variant().kernel_cuda = "text";
  KernelT &kernel = *test.variant().kernels[0];
  kernel.threads = 128;
  return kernel;
}

/// Buffers 0 and 1 of three more as a span, which is the third.
BufferT &span(TestPlan &test) {
  uint32_t first = test.buffer(DType_F32, {2, 16});
  uint32_t second = test.buffer(DType_F32, {16});
  uint32_t all = test.buffer(DType_F32, {48});
  BufferT &result = buffer(test, all);
  result.offset = buffer(test, first).offset;
  result.parts = {first, second};
  return result;
}

/// Ends the arena with 128 KiB of host memory, in which a buffer is; the index
/// of that buffer.
uint32_t hostBuffer(TestPlan &test) {
  constexpr uint64_t unit = 64 << 10;
  uint32_t index = test.buffer(DType_F32, {16});
  uint64_t begin = (test.variant().arena_bytes + unit - 1) / unit * unit;
  test.variant().host_bytes = 2 * unit;
  test.variant().arena_bytes = begin + 2 * unit;
  buffer(test, index).offset = begin;
  return index;
}
/// The last launch as a transfer of what is in host memory.
LaunchT &transfer(TestPlan &test) {
  launch(test).arguments[0] = hostBuffer(test);
  launch(test).transfer = true;
  launch(test).writes = {1};
  return launch(test);
}

const Case cases[] = {
    {"LaunchTakesHostMemory",
     [](TestPlan &t) { transfer(t).transfer = false, launch(t).writes = {}; },
     "is in the host's memory, which only a transfer may take"},
    {"CopyTakesHostMemory",
     [](TestPlan &t) {
       copy(t).source = hostBuffer(t);
       copy(t).target = copy(t).source;
     },
     "is in the host's memory, which only a transfer may take"},
    {"BufferHalfInHostMemory",
     [](TestPlan &t) {
       uint32_t host = hostBuffer(t);
       buffer(t, host).offset -= 64;
       buffer(t, host).shape = {32};
     },
     "where the host's memory begins"},
    {"HostMemoryMisaligned",
     [](TestPlan &t) { hostBuffer(t), t.variant().host_bytes -= 64; },
     "of host memory at the end of an arena of"},
    {"HostMemoryLargerThanArena",
     [](TestPlan &t) { t.variant().host_bytes = ~uint64_t{0}; },
     "of host memory at the end of an arena of"},
    {"TransferWritesNoArgument", [](TestPlan &t) { transfer(t).writes = {2}; },
     "writes argument 2 of 2"},
    {"OnlyTransfersSayWhatTheyWrite",
     [](TestPlan &t) { launch(t).writes = {0}; },
     "says what it writes, and is no transfer"},
    {"TouchesRowsThatCome",
     [](TestPlan &t) {
       uint32_t rows = transfer(t).arguments[1];
       CopyT copy;
       copy.source = rows, copy.target = rows;
       t.add(std::move(copy));
       WaitT wait;
       wait.transfer = 4;
       t.add(std::move(wait));
     },
     "which the transfer of instruction 4 writes until instruction 6"},
    {"SpanOfBuffersThatAreNotThere",
     [](TestPlan &t) { span(t).parts[1] = 1000; },
     "a part is buffer 1000, but the program has"},
    {"SpanOfASpan",
     [](TestPlan &t) {
       BufferT &s = span(t);
       BufferT &part = buffer(t, s.parts[1]);
       part.parts = {s.parts[1]};
     },
     "has parts itself"},
    {"SpanWithAGap", [](TestPlan &t) { span(t).parts[1] = 0; },
     "would come next"},
    {"SpanInAnotherOrder",
     [](TestPlan &t) {
       BufferT &s = span(t);
       std::swap(s.parts[0], s.parts[1]);
     },
     "would come next"},
    {"SpanOfAnotherType", [](TestPlan &t) { span(t).dtype = DType_I32; },
     "is f32 at byte"},
    {"SpanBeyondItsParts",
     [](TestPlan &t) { span(t).shape = {64}, t.variant().arena_bytes += 64; },
     "its parts end at byte"},
    {"BlocksOfTooManyThreads",
     [](TestPlan &t) { cudaKernel(t).threads = 1025; },
     "kernel 'twice' wants blocks of 1025 threads"},
    {"BlocksWithoutThreads", [](TestPlan &t) { cudaKernel(t).threads = 0; },
     "kernel 'twice' wants blocks of 0 threads"},
    {"TooMuchSharedMemory",
     [](TestPlan &t) { cudaKernel(t).shared = (227 << 10) + 1; },
     "kernel 'twice' wants 232449 bytes of shared memory; a block has up to "
     "232448"},
    {"TensorMapOfNoArgument",
     [](TestPlan &t) { cudaKernel(t).tensor_maps = {TensorMap(9, 128, 32)}; },
     "kernel 'twice' copies boxes of 128 x 32 of argument 9"},
    {"TensorMapOfNoArgumentWithoutCuda",
     [](TestPlan &t) {
       t.variant().kernels[0]->tensor_maps = {TensorMap(1 << 28, 128, 32)};
     },
     "kernel 'twice' copies boxes of 128 x 32 of argument 268435456"},
    {"NumberOfNoTypeWithoutCuda",
     [](TestPlan &t) {
       t.variant().kernels[0]->numbers = {DType_F16};
       launch(t).numbers = {1};
     },
     "kernel 'twice' takes a number of type 2"},
    {"TensorMapOfTooManyRows",
     [](TestPlan &t) { cudaKernel(t).tensor_maps = {TensorMap(0, 257, 32)}; },
     "kernel 'twice' copies boxes of 257 x 32"},
    {"TensorMapOfHalfRows",
     [](TestPlan &t) { cudaKernel(t).tensor_maps = {TensorMap(0, 128, 16)}; },
     "kernel 'twice' copies boxes of 16 columns of argument 0; such a matrix"},
    {"TensorMapOfNoMatrix",
     [](TestPlan &t) {
       cudaKernel(t).tensor_maps = {TensorMap(0, 128, 32)};
       buffer(t, launch(t).arguments[0]).shape = {72};
     },
     "kernel 'twice' copies boxes of 32 columns of argument 0; such a matrix"},
    {"NumbersOfAnUnknownType",
     [](TestPlan &t) {
       cudaKernel(t).numbers = {DType_BF16};
       launch(t).numbers = {1};
     },
     "kernel 'twice' takes a number of type 1; there are i32, i64 and f32"},
    {"NumbersThatNoKernelTakes",
     [](TestPlan &t) {
       cudaKernel(t).numbers = {DType_I32};
       launch(t).numbers = {1, 2};
     },
     "kernel 'twice' takes 1 numbers, the launch gives 2"},
    {"NumbersThatAreMissing",
     [](TestPlan &t) { cudaKernel(t).numbers = {DType_I32}; },
     "kernel 'twice' takes 1 numbers, the launch gives 0"},
    {"BufferBeyondArena",
     [](TestPlan &t) { buffer(t, 2).offset = t.variant().arena_bytes; },
     "program 'main': buffer 2 ends at byte"},
    {"BufferOffsetOverflows",
     [](TestPlan &t) { buffer(t, 2).offset = ~uint64_t{63}; },
     "buffer 2 ends at"},
    {"BufferMisaligned", [](TestPlan &t) { buffer(t, 2).offset += 4; },
     "not a multiple of 64"},
    {"NegativeExtent", [](TestPlan &t) { buffer(t, 2).shape[0] = -2; },
     "is impossible"},
    {"ShapeOverflows",
     [](TestPlan &t) {
       buffer(t, 2).shape = {int64_t{1} << 40, int64_t{1} << 40};
     },
     "is impossible"},
    {"UnknownElementType",
     [](TestPlan &t) { buffer(t, 2).dtype = static_cast<DType>(77); },
     "unknown element type"},
    {"BufferCutsVariable", [](TestPlan &t) { buffer(t, 2).offset = 1088; },
     "covers a part of the variable"},
    {"VariablesOverlap",
     [](TestPlan &t) { t.variant().variables[1]->offset = 64; }, "overlap"},
    {"VariableTwice",
     [](TestPlan &t) { t.variant().variables[1]->name = "conv1.weight"; },
     "is there twice"},
    {"ExportChangesElements",
     [](TestPlan &t) { t.variant().variables[0]->export_shape = {3, 5}; },
     "another number of elements"},
    {"ExportNoPermutation",
     [](TestPlan &t) { t.variant().variables[0]->export_perm = {0, 1, 1, 3}; },
     "no permutation"},
    {"InitializerNotFinite",
     [](TestPlan &t) {
       t.variant().variables[0]->init->a =
           std::numeric_limits<float>::quiet_NaN();
     },
     "not finite"},
    {"ShardTooLarge",
     [](TestPlan &t) { t.variant().variables[1]->shard->count->base = 5; },
     "rank 0 would hold 6 rows of at most 4"},
    {"ShardsLeaveGap",
     [](TestPlan &t) { t.variant().variables[1]->shard->first->per_rank = 4; },
     "rank 1 starts at row"},
    {"ShardsEndEarly",
     [](TestPlan &t) { t.variant().variables[1]->shard->rows = 11; },
     "the ranks hold 10 rows of 11"},
    {"MilestonesDescend",
     [](TestPlan &t) {
       t.plan.settings->milestone_steps = {5, 5};
       t.plan.settings->schedule_gamma = 0.1;
     },
     "milestones must ascend: 5 follows 5"},
    {"MilestonesInBothUnits",
     [](TestPlan &t) {
       t.plan.settings->milestone_steps = {5};
       t.plan.settings->milestone_epochs = {1};
       t.plan.settings->schedule_gamma = 0.1;
     },
     "milestones in steps and in epochs"},
    {"MilestonesThatGrow",
     [](TestPlan &t) {
       t.plan.settings->milestone_epochs = {1};
       t.plan.settings->schedule_gamma = 2;
     },
     "a schedule with milestones falls by 2"},
    {"InputWithoutBuffer",
     [](TestPlan &t) { t.program().inputs[0]->buffer = 99; },
     "input 'images' is buffer 99"},
    {"OutputTwice",
     [](TestPlan &t) { t.program().outputs[1]->name = "images"; },
     "output 'images' is there twice"},
    {"ConstantNotInteger",
     [](TestPlan &t) { t.program().constants[0]->buffer = 0; },
     "is not one i64"},
    {"NoSuchKernel", [](TestPlan &t) { launch(t).kernel = 1; },
     "launches kernel 1"},
    {"TooFewArguments", [](TestPlan &t) { launch(t).arguments.pop_back(); },
     "takes 2 buffers, the launch gives 1"},
    {"NoSuchArgument", [](TestPlan &t) { launch(t).arguments[0] = 1000; },
     "is buffer 1000"},
    {"WaitForNoCollective", [](TestPlan &t) { t.add(WaitT{}); },
     "instruction 5: waits for instruction 0, which is no transfer"},
    {"WaitForWhatComesLater",
     [](TestPlan &t) {
       WaitT wait;
       wait.transfer = 5;
       t.add(std::move(wait));
     },
     "waits for instruction 5"},
    {"WaitTwice", [](TestPlan &t) { waitAt(t, 4), waitAt(t, 5); },
     "instruction 3 is waited for twice"},
    {"TouchesAGoingSum", [](TestPlan &t) { waitAt(t, 5); },
     "instruction 4: touches buffer 5, which the transfer of instruction 3 "
     "writes until instruction 5"},
    {"WritesWhatIsSent",
     [](TestPlan &t) {
       uint32_t result = t.buffer(DType_F32, {18, 4});
       reduce(t).target = result;
       auto launch = std::move(t.program().instructions.back());
       t.program().instructions.pop_back();
       CopyT copy;
       copy.source = matmul(t).out, copy.target = reduce(t).source;
       t.add(std::move(copy));
       waitAt(t, 5);
       t.program().instructions.push_back(std::move(launch));
     },
     "instruction 4: writes buffer 5, which the transfer of instruction 3 "
     "reads until instruction 5"},
    {"AlternativeBeyondTheEnd", [](TestPlan &t) { alternative(t).count = 4; },
     "alternative 0: is for 4 instructions from 2 on, but the program has 5"},
    {"AlternativeForNothing", [](TestPlan &t) { alternative(t).count = 0; },
     "alternative 0: is for 0 instructions"},
    {"AlternativeToASum", [](TestPlan &t) { alternative(t).first = 3; },
     "alternative 0: a form can't have transfers or waits"},
    {"AlternativeWithASum",
     [](TestPlan &t) {
       CollectiveT sum(reduce(t));
       alternative(t).instructions[0]->operation.Set(std::move(sum));
     },
     "alternative 0, instruction 0: a form can't have transfers or waits"},
    {"AlternativeWithBadSizes",
     [](TestPlan &t) {
       alternative(t).instructions[0]->operation.AsCopy()->target = 0;
     },
     "alternative 0, instruction 0: copies"},
    {"AlternativesOverlap",
     [](TestPlan &t) {
       alternative(t).count = 1;
       AlternativeT &other = alternative(t);
       other.first = 1, other.count = 2;
     },
     "alternative 1: is for instructions 1 to 2, and one before it for 2 to 2"},
    {"NoSuchResult", [](TestPlan &t) { alternative(t).results = {5, 1000}; },
     "a result is buffer 1000"},
    {"BranchBeyondTheEnd", [](TestPlan &t) { branch(t).count = 4; },
     "branch 0: has 4 instructions from 2 on; the program has 5"},
    {"BranchOfNothing", [](TestPlan &t) { branch(t).count = 0; },
     "branch 0: has 0 instructions from 2 on"},
    {"BranchEndsInItself", [](TestPlan &t) { branch(t).end = 2; },
     "branch 0: ends before instruction 2; 3 to 5 is possible"},
    {"BranchEndsBehindAll", [](TestPlan &t) { branch(t).end = 6; },
     "branch 0: ends before instruction 6; 3 to 5 is possible"},
    {"BranchWithASum",
     [](TestPlan &t) { branch(t).first = 3, t.program().branches[0]->end = 4; },
     "branch 0: instruction 3 is no launch, product or copy"},
    {"BranchWithAConvolution", [](TestPlan &t) { branch(t).first = 0; },
     "branch 0: instruction 0 is no launch, product or copy"},
    {"BranchesOverlap", [](TestPlan &t) { branch(t), branch(t); },
     "branch 1: has 1 instructions from 2 on; the program has 5, and a branch "
     "before it goes on up to 3"},
    {"BranchOfAnAlternative", [](TestPlan &t) { alternative(t), branch(t); },
     "branch 0: an alternative is for instructions 2 to 2 of it"},
    {"BranchWritesNoBuffer", [](TestPlan &t) { branch(t).writes = {1000}; },
     "branch 0: writes buffer 1000, but the program has"},
    {"BranchDoesNotSayWhatItWrites",
     [](TestPlan &t) { branch(t).writes.clear(); },
     "branch 0: instruction 2 writes buffer 5, and the branch does not say so"},
    {"BranchWritesWhatIsRead", [](TestPlan &t) { branch(t).end = 4; },
     "branch 0: writes what instruction 3 touches, buffer 5, and ends before "
     "instruction 4"},
    {"BranchReadsWhatIsWritten",
     [](TestPlan &t) {
       reduce(t).source = reduce(t).target = copy(t).source;
       branch(t).end = 4;
     },
     "branch 0: touches what instruction 3 writes, buffer 3, and ends before "
     "instruction 4"},
    {"NegativeLaunch", [](TestPlan &t) { launch(t).extent = -1; },
     "out of range"},
    {"MatmulShape", [](TestPlan &t) { matmul(t).k = 9; },
     "instruction 1 (layer1.0.conv1): lhs"},
    {"MatmulHugeExtent",
     [](TestPlan &t) { matmul(t).m = std::numeric_limits<int64_t>::max(); },
     "out of range"},
    {"MatmulBatchZero", [](TestPlan &t) { matmul(t).batch = 0; },
     "an extent of 0 is out of range"},
    {"MatmulBatch", [](TestPlan &t) { matmul(t).batch = 2; },
     "the operation needs 288"},
    {"MatmulBatchOverflows",
     [](TestPlan &t) {
       matmul(t).batch = matmul(t).m = matmul(t).k = int64_t{1} << 30;
     },
     "the size of lhs overflows"},
    {"MatmulTypes", [](TestPlan &t) { buffer(t, 3).dtype = DType_I32; },
     "no product of"},
    {"MatmulIntoOperand",
     [](TestPlan &t) { buffer(t, 3).offset = buffer(t, 2).offset; },
     "overlaps an operand"},
    {"ConvKind", [](TestPlan &t) { conv(t).kind = static_cast<ConvKind>(9); },
     "unknown convolution kind"},
    {"ConvStrideZero", [](TestPlan &t) { conv(t).stride = 0; }, "out of range"},
    {"ConvPadding", [](TestPlan &t) { conv(t).padding = 3; },
     "padding 3 is not less"},
    {"ConvOutput", [](TestPlan &t) { conv(t).stride = 1; }, "the output"},
    {"ConvGroupsZero", [](TestPlan &t) { conv(t).groups = 0; }, "out of range"},
    {"ConvGroupsDoNotDivide", [](TestPlan &t) { conv(t).groups = 5; },
     "5 groups of"},
    {"ConvGroupsOfOtherWeights", [](TestPlan &t) { conv(t).groups = 2; },
     "the weight"},
    {"ConvKernelTooLarge",
     [](TestPlan &t) {
       conv(t).kernel = 9;
       conv(t).padding = 0;
     },
     "larger than the padded image"},
    {"CopySizes", [](TestPlan &t) { copy(t).target = 0; }, "copies"},
    {"CollectiveSizes", [](TestPlan &t) { reduce(t).target = 0; },
     "the operation needs"},
    {"GatherSizes",
     [](TestPlan &t) {
       reduce(t).kind = CollectiveKind_AllGather;
       reduce(t).target = 3;
     },
     "target"},
    {"SumOfIntegers32", [](TestPlan &t) { buffer(t, 5).dtype = DType_I32; },
     "sums over ranks take"},
    {"WorldSizeZero", [](TestPlan &t) { t.plan.world_size = 0; },
     "world size of 0"},
    {"NoVariant", [](TestPlan &t) { t.plan.variants.clear(); }, "no variant"},
    {"ArenaTooLarge",
     [](TestPlan &t) { t.variant().arena_bytes = uint64_t{1} << 60; },
     "is impossible"},
    {"SettingNegative", [](TestPlan &t) { t.plan.settings->steps = -1; },
     "setting steps"},
};

INSTANTIATE_TEST_SUITE_P(Cases, PlanValidate, testing::ValuesIn(cases),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });

TEST(PlanValidateBranches, UpToWhatNeedsThem) {
  TestPlan test = makeFullPlan(3);
  branch(test);
  EXPECT_NO_THROW(test.finish());
}

TEST(PlanValidateAlternatives, SeveralOfTheSameInstructions) {
  TestPlan test = makeFullPlan(3);
  alternative(test);
  alternative(test);
  EXPECT_NO_THROW(test.finish());
}

TEST(PlanValidateTransfers, AreTakenWithHostMemory) {
  TestPlan test = makeFullPlan(3);
  transfer(test);
  WaitT wait;
  wait.transfer = 4;
  test.add(std::move(wait));
  EXPECT_NO_THROW(test.finish());
}

RankIntegerT balanced(int64_t classes, int64_t ranks, bool count) {
  RankIntegerT formula;
  formula.threshold = classes % ranks;
  if (count) {
    formula.base = classes / ranks;
    formula.below = 1;
  } else {
    formula.per_rank = classes / ranks;
    formula.per_capped_rank = 1;
  }
  return formula;
}

int64_t evaluate(const RankIntegerT &formula, int64_t rank) {
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(RankInteger::Pack(builder, &formula));
  return rankInteger(
      *flatbuffers::GetRoot<RankInteger>(builder.GetBufferPointer()), rank);
}

bool isValid(TestPlan &test) {
  try {
    test.finish();
    return true;
  } catch (const Error &) {
    return false;
  }
}

// Against a look at every pair of an instruction and a transfer that goes on.
TEST(PlanValidateTransfers, NothingTouchesThemBeforeTheirWait) {
  std::mt19937 random(1);
  auto below = [&](size_t end) {
    return static_cast<uint32_t>(random() % end);
  };
  int valid = 0;
  for (int trial = 0; trial < 400; ++trial) {
    TestPlan test;
    constexpr int64_t elements = 48, places = 24;
    const uint64_t begin = test.reserve(DType_F32, {elements * places});
    std::vector<uint64_t> offsets; // some overlap by a part
    for (int i = 0; i < 12; ++i) {
      uint32_t buffer = test.buffer(DType_F32, {elements});
      offsets.push_back(begin + 64 * below(places));
      test.program().buffers[buffer]->offset = offsets.back();
    }
    auto overlaps = [&](uint32_t a, uint32_t b) {
      constexpr uint64_t bytes = elements * 4;
      return offsets[a] < offsets[b] + bytes && offsets[b] < offsets[a] + bytes;
    };
    struct Going {
      uint32_t transfer, source, target;
    };
    std::vector<Going> going;
    bool expected = true;
    for (uint32_t i = 0; i < 8; ++i) {
      if (!going.empty() && below(3) == 0) {
        size_t which = below(going.size());
        WaitT wait;
        wait.transfer = going[which].transfer;
        test.add(std::move(wait));
        going.erase(going.begin() + static_cast<std::ptrdiff_t>(which));
        continue;
      }
      uint32_t source = below(12), target = below(12);
      while (overlaps(source, target))
        source = below(12), target = below(12);
      for (const Going &other : going)
        if (overlaps(source, other.target) || overlaps(target, other.target) ||
            overlaps(target, other.source))
          expected = false;
      if (below(2) == 0) {
        CopyT copy;
        copy.source = source, copy.target = target;
        test.add(std::move(copy));
      } else {
        CollectiveT sum;
        sum.source = source, sum.target = target;
        test.add(std::move(sum));
        going.push_back({i, source, target});
      }
    }
    for (const Going &other : going) {
      WaitT wait;
      wait.transfer = other.transfer;
      test.add(std::move(wait));
    }
    EXPECT_EQ(isValid(test), expected) << "trial " << trial;
    valid += expected;
  }
  EXPECT_GT(valid, 40);
  EXPECT_LT(valid, 360);
}

// Against a look at every rank.
TEST(PlanValidateShards, FollowOneAnotherOnAllRanks) {
  std::mt19937 random(1);
  auto below = [&](int64_t end) {
    return static_cast<int64_t>(random()) % end;
  };
  int valid = 0;
  for (int trial = 0; trial < 4000; ++trial) {
    const int64_t ranks = 1 + below(7), classes = ranks + below(3 * ranks);
    TestPlan test = makeFullPlan(ranks);
    RowShardT &shard = *test.variant().variables[1]->shard;
    *shard.first = balanced(classes, ranks, false);
    *shard.count = balanced(classes, ranks, true);
    shard.rows = classes;
    for (int64_t changes = below(3); changes > 0; --changes) {
      RankIntegerT &formula = below(2) ? *shard.first : *shard.count;
      int64_t *const fields[] = {&formula.base, &formula.per_rank,
                                 &formula.threshold, &formula.below,
                                 &formula.per_capped_rank};
      *fields[below(5)] += below(3) - 1;
    }
    int64_t next = 0;
    bool expected = true;
    for (int64_t rank = 0; rank < ranks; ++rank) {
      int64_t count = evaluate(*shard.count, rank);
      expected &= evaluate(*shard.first, rank) == next && count >= 0 &&
                  count <= test.variant().variables[1]->shape[0];
      next += count;
    }
    expected &= next == classes;
    EXPECT_EQ(isValid(test), expected) << "trial " << trial;
    valid += expected;
  }
  EXPECT_GT(valid, 400);
  EXPECT_LT(valid, 3600);
}

// Every class on one rank, counts that differ by one at most.
TEST(RankInteger, BalancedSplit) {
  for (int64_t classes : {1, 7, 10, 64, 1000})
    for (int64_t ranks : {1, 2, 3, 4, 7, 8}) {
      int64_t next = 0;
      for (int64_t rank = 0; rank < ranks; ++rank) {
        EXPECT_EQ(evaluate(balanced(classes, ranks, false), rank), next);
        int64_t count = evaluate(balanced(classes, ranks, true), rank);
        EXPECT_TRUE(count == classes / ranks || count == classes / ranks + 1);
        next += count;
      }
      EXPECT_EQ(next, classes);
    }
}

TEST(RankInteger, OverflowIsNoValue) {
  RankIntegerT formula;
  formula.per_rank = std::numeric_limits<int64_t>::max();
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(RankInteger::Pack(builder, &formula));
  const auto &packed =
      *flatbuffers::GetRoot<RankInteger>(builder.GetBufferPointer());
  EXPECT_FALSE(checkedRankInteger(packed, 2).has_value());
  EXPECT_TRUE(checkedRankInteger(packed, 1).has_value());
}

} // namespace
} // namespace pfc::rt::test
