// Which form is taken, and what a measurement leaves of the buffers.
#include "runtime/exec/FormChoice.h"

#include "runtime/base/Error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>
#include <unistd.h>

namespace pfc::rt::test {
namespace {

using plan::fb::DType_F32;

/// Calls a function, and counts.
class Call : public Task {
public:
  explicit Call(std::function<void()> body) : body(std::move(body)) {}
  void execute() override {
    ++times;
    body();
  }
  int times = 0;

private:
  std::function<void()> body;
};

/// Forms that add 1 to each of four numbers, in place.
class FormChoiceTest : public testing::Test {
protected:
  FormChoiceTest() {
    std::filesystem::remove_all(folder);
    setenv("PFC_CACHE_DIR", folder.c_str(), /*overwrite=*/1);
    numbers = {1, 2, 3, 4};
    device->upload(numbers.data(), view);
  }
  ~FormChoiceTest() override {
    unsetenv("PFC_FORM");
    std::filesystem::remove_all(folder);
  }

  std::unique_ptr<Call> adding(float what, int milliseconds) {
    return std::make_unique<Call>([=, this] {
      auto *elements = reinterpret_cast<float *>(view.data);
      for (int i = 0; i < 4; ++i)
        elements[i] += what;
      std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    });
  }

  /// The plan's own takes `ms` milliseconds; another form.
  std::shared_ptr<FormChoice> choiceOf(int ms, std::unique_ptr<Call> other) {
    plans = adding(1, ms);
    fused = other.get();
    std::vector<FormChoice::Form> others(1);
    others[0].name = "fused";
    others[0].tasks.push_back(std::move(other));
    return std::make_shared<FormChoice>(
        std::vector<Task *>{plans.get()}, std::move(others),
        std::vector<BufferView>{view}, "key", *device, [] {});
  }

  std::vector<float> contents() {
    std::vector<float> values(4);
    device->download(view, values.data());
    return values;
  }

  std::string folder =
      testing::TempDir() + "/forms-" + std::to_string(getpid());
  std::unique_ptr<Device> device = openDevice("cpu", {1});
  BufferView view{device->allocateArena(64).device, DType_F32, {4}};
  std::vector<float> numbers;
  std::unique_ptr<Call> plans;
  Call *fused = nullptr;
};

TEST_F(FormChoiceTest, WithoutAStreamThePlansOwn) {
  auto choice = choiceOf(0, adding(1, 0));
  choice->choose();
  EXPECT_EQ(choice->chosen(), 0u);
  EXPECT_EQ(plans->times + fused->times, 0);
}

TEST_F(FormChoiceTest, WhatTheVariableSays) {
  setenv("PFC_FORM", "1", 1);
  auto choice = choiceOf(0, adding(1, 0));
  choice->choose();
  EXPECT_EQ(choice->chosen(), 1u);
  choice->executeChosen();
  EXPECT_EQ(fused->times, 1);
  EXPECT_THAT(contents(), testing::ElementsAre(2, 3, 4, 5));
}

// The last there is, for a plan that has fewer.
TEST_F(FormChoiceTest, ANumberThatIsTooLarge) {
  setenv("PFC_FORM", "7", 1);
  auto choice = choiceOf(0, adding(1, 0));
  choice->choose();
  EXPECT_EQ(choice->chosen(), 1u);
}

TEST_F(FormChoiceTest, WhatIsNoForm) {
  setenv("PFC_FORM", "fast", 1);
  try {
    choiceOf(0, adding(1, 0))->choose();
    FAIL();
  } catch (const Error &error) {
    EXPECT_STREQ(error.what(), "PFC_FORM is 'fast'; 'measured', or the number "
                               "of a form, is wanted");
  }
}

TEST_F(FormChoiceTest, TheFastestAndTheBuffersAsTheyWere) {
  setenv("PFC_FORM", "measured", 1);
  auto choice = choiceOf(20, adding(1, 0));
  choice->choose();
  EXPECT_EQ(choice->chosen(), 1u);
  EXPECT_THAT(contents(), testing::ElementsAreArray(numbers));
}

TEST_F(FormChoiceTest, NotWhatIsSlower) {
  setenv("PFC_FORM", "measured", 1);
  auto choice = choiceOf(0, adding(1, 20));
  choice->choose();
  EXPECT_EQ(choice->chosen(), 0u);
  EXPECT_GT(fused->times, 0);
}

// A wrong kernel must not win by being fast.
TEST_F(FormChoiceTest, NotWhatComputesSomethingElse) {
  setenv("PFC_FORM", "measured", 1);
  auto choice = choiceOf(20, adding(1.5, 0));
  testing::internal::CaptureStderr();
  choice->choose();
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::HasSubstr("warning: fused computes something else on "
                                 "cpu"));
  EXPECT_EQ(choice->chosen(), 0u);
  EXPECT_THAT(contents(), testing::ElementsAreArray(numbers));
}

// So that a job which is resumed computes the same bits.
TEST_F(FormChoiceTest, IsRemembered) {
  setenv("PFC_FORM", "measured", 1);
  choiceOf(20, adding(1, 0))->choose();
  auto again = choiceOf(0, adding(1, 20));
  again->choose();
  EXPECT_EQ(again->chosen(), 1u);
  EXPECT_EQ(plans->times + fused->times, 0);
}

TEST_F(FormChoiceTest, StepsDoTheirOwnOrTheLastDoesAll) {
  setenv("PFC_FORM", "1", 1);
  auto choice = choiceOf(0, adding(1, 0));
  auto own = adding(1, 0);
  Call &ofStep = *own;
  FormStep first(choice, std::move(own), /*last=*/false);
  FormStep last(choice, adding(1, 0), /*last=*/true);
  first.execute();
  EXPECT_EQ(fused->times, 0);
  last.execute();
  EXPECT_EQ(fused->times, 1);
  EXPECT_EQ(ofStep.times, 0);
  first.executeAlone();
  EXPECT_EQ(ofStep.times, 1);
}

TEST(SameResults, UpToRounding) {
  auto bytes = [](std::vector<float> values) {
    auto *begin = reinterpret_cast<std::byte *>(values.data());
    return std::vector<std::byte>(begin, begin + 4 * values.size());
  };
  BufferView view{nullptr, DType_F32, {2}};
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_TRUE(sameResults(view, bytes({1, 100.5f}), bytes({1, 100})));
  EXPECT_FALSE(sameResults(view, bytes({1, 102}), bytes({1, 100})));
  EXPECT_FALSE(sameResults(view, bytes({1, infinity}), bytes({1, 100})));
  EXPECT_TRUE(sameResults(view, bytes({1, infinity}), bytes({1, infinity})));
  EXPECT_TRUE(sameResults(view, bytes({0, 0}), bytes({0, 0})));
}

} // namespace
} // namespace pfc::rt::test
