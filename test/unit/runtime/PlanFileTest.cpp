// Files that are no plans, or were plans once, get one clear error.
#include "runtime/plan/PlanFile.h"
#include "TestPlan.h"
#include "runtime/base/Error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <random>

namespace pfc::rt::test {
namespace {

using testing::HasSubstr;

std::string messageOf(const std::vector<std::byte> &bytes) {
  try {
    verifyPlan(bytes.data(), bytes.size(), "x.plan");
  } catch (const Error &error) {
    return error.what();
  }
  return "";
}

TEST(PlanFile, RoundTrip) {
  std::string path = writeTemporary("good.plan", makeFullPlan().pack());
  PlanFile file = PlanFile::open(path);
  EXPECT_EQ(file.plan().name()->str(), "test");
  EXPECT_EQ(file.plan()
                .variants()
                ->Get(0)
                ->programs()
                ->Get(0)
                ->instructions()
                ->size(),
            5u);
  std::remove(path.c_str());
}

TEST(PlanFile, Missing) {
  EXPECT_THROW(
      {
        try {
          PlanFile::open("/nowhere/x.plan");
        } catch (const Error &error) {
          EXPECT_THAT(error.what(), HasSubstr("/nowhere/x.plan: cannot open"));
          throw;
        }
      },
      Error);
}

TEST(PlanFile, EmptyFileAndDirectory) {
  std::string path = writeTemporary("empty.plan", {});
  EXPECT_THROW(PlanFile::open(path), Error);
  EXPECT_THROW(PlanFile::open("/tmp"), Error);
  std::remove(path.c_str());
}

TEST(PlanFile, NotAPlan) {
  std::vector<std::byte> text(100, std::byte{'#'});
  EXPECT_THAT(messageOf(text), HasSubstr("x.plan: not a plan"));
}

TEST(PlanFile, TruncatedAnywhere) {
  std::vector<std::byte> bytes = makeFullPlan().pack();
  // The last few bytes may be padding, which nothing misses.
  for (size_t length = 0; length + 8 < bytes.size(); length += 3) {
    // A copy of its own, so that a read beyond the end is beyond a heap block.
    std::vector<std::byte> cut(bytes.begin(), bytes.begin() + length);
    EXPECT_THAT(messageOf(cut), HasSubstr("x.plan: ")) << length << " bytes";
  }
}

// Whatever a flipped byte makes of a plan, it is refused or harmless: the
// loader never reads outside the file.
TEST(PlanFile, FlippedBytes) {
  std::vector<std::byte> bytes = makeFullPlan().pack();
  std::mt19937 random(7);
  size_t refused = 0;
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::vector<std::byte> changed = bytes;
    changed[at] ^= std::byte(1u << (random() % 8));
    std::string message = messageOf(changed);
    refused += !message.empty();
    changed[at] = std::byte{0xFF};
    refused += !messageOf(changed).empty();
  }
  EXPECT_GT(refused, bytes.size() / 10);
}

// FlatBuffers' verifier has nothing against a list of 8-byte numbers that
// begins 4 bytes too late: its length is then what the first number begins
// with.
TEST(PlanFile, MisalignedNumbers) {
  TestPlan test = makeFullPlan();
  test.variant().kernels[0]->numbers = {plan::fb::DType_I64};
  test.program().instructions[4]->operation.AsLaunch()->numbers = {1};
  test.program().instructions[4]->operation.AsLaunch()->numbers.push_back(0);
  std::vector<std::byte> bytes = test.pack();
  const auto *list = plan::fb::GetPlan(bytes.data())
                         ->variants()
                         ->Get(0)
                         ->programs()
                         ->Get(0)
                         ->instructions()
                         ->Get(4)
                         ->operation_as_Launch()
                         ->numbers();
  const auto *begin = reinterpret_cast<const uint8_t *>(bytes.data());
  const auto target =
      static_cast<uint32_t>(reinterpret_cast<const uint8_t *>(list) - begin);
  for (uint32_t at = 0; at < target; at += 4) {
    uint32_t offset = 0;
    std::memcpy(&offset, bytes.data() + at, 4);
    if (offset == target - at) {
      offset += 4;
      std::memcpy(bytes.data() + at, &offset, 4);
    }
  }
  EXPECT_THAT(messageOf(bytes),
              HasSubstr("a shape or a list of numbers is not aligned"));
}

// A plan of format 1, as the first pfcc wrote it. Never rewrite the file.
TEST(PlanFile, OldPlansKeepLoading) {
  PlanFile file = PlanFile::open(PFC_TEST_DATA "/plan/v1.plan");
  EXPECT_EQ(file.plan().format_version(), 1u);
  EXPECT_EQ(file.plan().world_size(), 3);
}

TEST(PlanFile, NewerFormat) {
  TestPlan test = makeFullPlan();
  test.plan.format_version = planFormatVersion + 1;
  EXPECT_THAT(messageOf(test.pack()), HasSubstr("newer than this program"));
}

} // namespace
} // namespace pfc::rt::test
