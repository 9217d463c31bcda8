// Generated kernels: compiled from LLVM IR text, launched over a team, and
// their vector mathematics.
#include "DeviceTest.h"
#include "TestPlan.h"
#include "runtime/base/Error.h"

#include <gmock/gmock.h>

#include <numeric>

namespace pfc::rt::test {
namespace {

using namespace plan::fb;
using testing::HasSubstr;

/// A kernel target[i] = body(%value) over source[i].
std::string elementwise(const std::string &name, const std::string &body,
                        const std::string &declarations = "") {
  return declarations + R"(
define void @)" +
         name +
         R"((ptr %args, i64 %begin, i64 %end) {
entry:
  %source.at = getelementptr ptr, ptr %args, i64 0
  %source = load ptr, ptr %source.at
  %target.at = getelementptr ptr, ptr %args, i64 1
  %target = load ptr, ptr %target.at
  br label %loop
loop:
  %i = phi i64 [ %begin, %entry ], [ %next, %loop ]
  %from = getelementptr float, ptr %source, i64 %i
  %value = load float, ptr %from
)" + body +
         R"(
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %end
  br i1 %more, label %loop, label %done
done:
  ret void
}
)";
}

const std::string storeResult = R"(
  %to = getelementptr float, ptr %target, i64 %i
  store float %result, ptr %to)";

class DeviceKernel : public DeviceTest {
protected:
  /// Runs kernel `name` of `ir` over `extent` elements of source and target.
  void run(const std::string &ir, const std::string &name,
           const BufferView &source, const BufferView &target, int64_t extent) {
    plan.kernel(name, 2);
    plan.variant().kernel_ir = ir;
    plan.launch(0, {plan.buffer(DType_F32, {1}), plan.buffer(DType_F32, {1})},
                extent);
    const Variant &variant = *plan.finish().variants()->Get(0);
    device->loadKernels(variant);
    device
        ->makeLaunch(*variant.programs()
                          ->Get(0)
                          ->instructions()
                          ->Get(0)
                          ->operation_as_Launch(),
                     {source, target})
        ->execute();
  }

  TestPlan plan;
};

TEST_F(DeviceKernel, EveryIterationOnce) {
  for (int64_t extent : {1, 2, 3, 1000}) {
    BufferView source = place(DType_F32, {extent});
    BufferView target = place(DType_F32, {extent});
    std::vector<double> values = fillRandom(source);
    // Adds to the target, so that an iteration done twice shows.
    fill(target, std::vector<float>(static_cast<size_t>(extent), 1.0f));
    plan = TestPlan();
    run(elementwise("accumulate", R"(
  %to = getelementptr float, ptr %target, i64 %i
  %old = load float, ptr %to
  %result = fadd float %old, %value
  store float %result, ptr %to)"),
        "accumulate", source, target, extent);
    for (double &value : values)
      value += 1;
    expectNear(target, values);
  }
}

TEST_F(DeviceKernel, ExtentZeroDoesNothing) {
  BufferView source = place(DType_F32, {4}), target = place(DType_F32, {4});
  fill(target, {1, 2, 3, 4});
  run(R"(
define void @none(ptr %args, i64 %begin, i64 %end) {
  ret void
}
)",
      "none", source, target, 0);
  EXPECT_EQ(read(target), (std::vector<float>{1, 2, 3, 4}));
}

// The vector library's functions, at a length that leaves a remainder for the
// scalar ones: both within a few ulp.
TEST_F(DeviceKernel, VectorMathematics) {
  struct {
    const char *name;
    double (*reference)(double);
    float low, high;
  } const functions[] = {
      {"exp", [](double x) { return std::exp(x); }, -80, 80},
      {"log", [](double x) { return std::log(x); }, 1e-3f, 1e3f},
      {"sin", [](double x) { return std::sin(x); }, -3, 3},
      {"cos", [](double x) { return std::cos(x); }, -1.5f, 1.5f},
      {"sqrt", [](double x) { return std::sqrt(x); }, 0, 1e6f},
  };
  constexpr int64_t extent = 1003;
  BufferView source = place(DType_F32, {extent});
  BufferView target = place(DType_F32, {extent});
  for (const auto &function : functions) {
    std::uniform_real_distribution<float> uniform(function.low, function.high);
    std::vector<float> values(extent);
    for (float &value : values)
      value = uniform(random);
    fill(source, values);
    poison(target);
    plan = TestPlan();
    std::string intrinsic = fmt::format("@llvm.{}.f32(float", function.name);
    run(elementwise(std::string("k_") + function.name,
                    "  %result = call float " + intrinsic + " %value)" +
                        storeResult,
                    "declare float " + intrinsic + ")\n"),
        std::string("k_") + function.name, source, target, extent);
    std::vector<float> actual = read(target);
    for (size_t i = 0; i < actual.size(); ++i) {
      double expected = function.reference(static_cast<double>(values[i]));
      ASSERT_NEAR(actual[i], expected, 1e-6 * std::abs(expected) + 1e-6)
          << function.name << "(" << values[i] << ")";
    }
  }
}

TEST_F(DeviceKernel, RoundsToBfloat16) {
  std::vector<float> values = {1.0f,   1.00390625f, 1.01171875f, -3.14159f,
                               1e-40f, 65504.0f,    INFINITY,    NAN,
                               -0.0f,  3.3895e38f,  0.1f};
  int64_t extent = static_cast<int64_t>(values.size());
  BufferView source = place(DType_F32, {extent});
  BufferView target = place(DType_BF16, {extent});
  fill(source, values);
  run(elementwise("round", R"(
  %result = fptrunc float %value to bfloat
  %to = getelementptr bfloat, ptr %target, i64 %i
  store bfloat %result, ptr %to)"),
      "round", source, target, extent);
  std::vector<float> actual = read(target);
  for (size_t i = 0; i < values.size(); ++i) {
    float expected = bfloat16ToFloat(floatToBfloat16(values[i]));
    if (std::isnan(expected))
      EXPECT_TRUE(std::isnan(actual[i]));
    else if (std::abs(values[i]) < 1e-38f)
      EXPECT_NEAR(actual[i], expected, 1e-38f); // hardware may flush
    else
      EXPECT_EQ(actual[i], expected) << values[i];
  }
}

// Loops over bf16 may be made wider than LLVM would; a sum is not taken apart.
TEST_F(DeviceKernel, SumsInTheOrderOfTheProgram) {
  constexpr int64_t terms = 1000;
  BufferView source = place(DType_F32, {terms}), target = place(DType_F32, {1});
  fillRandom(source);
  run(R"(
define void @sum(ptr %args, i64 %begin, i64 %end) {
entry:
  %source = load ptr, ptr %args
  %target.at = getelementptr ptr, ptr %args, i64 1
  %target = load ptr, ptr %target.at
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %sum = phi float [ 0.0, %entry ], [ %more, %loop ]
  %from = getelementptr float, ptr %source, i64 %i
  %value = load float, ptr %from
  %narrow = fptrunc float %value to bfloat
  %wide = fpext bfloat %narrow to float
  %term = fdiv float %wide, 3.0
  %more = fadd float %sum, %term
  %next = add i64 %i, 1
  %again = icmp slt i64 %next, 1000
  br i1 %again, label %loop, label %done
done:
  store float %more, ptr %target
  ret void
}
)",
      "sum", source, target, 1);
  float expected = 0;
  for (float value : read(source))
    expected += bfloat16ToFloat(floatToBfloat16(value)) / 3;
  EXPECT_EQ(read(target)[0], expected);
}

TEST_F(DeviceKernel, ManyKernelsAreAllFound) {
  std::string ir;
  for (int i = 0; i < 60; ++i) {
    std::string name = "scale" + std::to_string(i);
    plan.kernel(name, 2);
    ir += elementwise(name, fmt::format("  %result = call float @helper(float "
                                        "%value, float {}.0)",
                                        i) +
                                storeResult);
  }
  ir += R"(
define float @helper(float %a, float %b) {
  %c = fmul float %a, %b
  ret float %c
}
)";
  plan.variant().kernel_ir = ir;
  for (uint32_t i = 0; i < 60; ++i)
    plan.launch(i, {plan.buffer(DType_F32, {1}), plan.buffer(DType_F32, {1})},
                5);
  const Variant &variant = *plan.finish().variants()->Get(0);
  device->loadKernels(variant);
  BufferView source = place(DType_F32, {5}), target = place(DType_F32, {5});
  fill(source, {1, 1, 1, 1, 1});
  for (uint32_t i = 0; i < 60; ++i) {
    device
        ->makeLaunch(*variant.programs()
                          ->Get(0)
                          ->instructions()
                          ->Get(i)
                          ->operation_as_Launch(),
                     {source, target})
        ->execute();
    EXPECT_EQ(read(target), std::vector<float>(5, static_cast<float>(i)));
  }
}

TEST_F(DeviceKernel, BadIrIsAnError) {
  struct {
    const char *ir, *message;
  } const cases[] = {
      {"", "the plan's kernels are not for the CPU"},
      {"this is not LLVM", "the plan's kernels: line 1"},
      {"define void @other() { ret void }", "no kernel 'wanted'"},
      {"define i32 @wanted(i64 %a) { ret i32 0 }", "is not a void"},
      {"define void @wanted(ptr %a, i64 %b, i64 %c) {\n"
       "  br label %next\n"
       "next:\n"
       "  %d = add i64 %e, 1\n"
       "  %e = add i64 %d, 1\n"
       "  ret void\n}",
       "no valid LLVM IR"},
  };
  for (const auto &bad : cases) {
    TestPlan test;
    test.kernel("wanted", 1);
    test.variant().kernel_ir = bad.ir;
    try {
      device->loadKernels(*test.finish().variants()->Get(0));
      FAIL() << bad.ir;
    } catch (const Error &error) {
      EXPECT_THAT(error.what(), HasSubstr(bad.message));
    }
  }
}

TEST_F(DeviceTest, Describes) {
  EXPECT_THAT(device->describe(), HasSubstr("cpu: "));
  EXPECT_THAT(device->describe(), HasSubstr("2 threads"));
  EXPECT_TRUE(device->supports(""));
  EXPECT_FALSE(device->supports("no_such_feature"));
}

TEST_F(DeviceTest, CopiesBytes) {
  BufferView source = place(DType_F32, {7}), target = place(DType_F32, {7});
  std::vector<double> values = fillRandom(source);
  poison(target);
  device->makeCopy(source, target)->execute();
  expectNear(target, values);
}

TEST(Device, UnknownNameIsAnError) {
  EXPECT_THROW(openDevice("abacus", {}), Error);
  EXPECT_THROW(openDevice("../cpu", {}), Error);
}

} // namespace
} // namespace pfc::rt::test
