// What is asked of cuDNN for a chip that is not here. The look-alike has five
// engines (fake/FakeCudnn.cpp): 3 computes as a plan says, 4 on tensor cores.
#include "runtime/device/EngineSurvey.h"
#include "CudaTest.h"

namespace pfc::rt::test {
namespace {

using namespace plan::fb;

class EngineSurveyTest : public CudaTest {
protected:
  void SetUp() override {
    if (CUDNN_VERSION < 90800)
      GTEST_SKIP() << "built with a cuDNN that can't be asked";
    survey = openEngineSurvey("h200");
  }

  const Conv &conv(ConvKind kind, int64_t groups = 1) {
    builder.Clear();
    builder.Finish(
        CreateConv(builder, kind, 0, 1, 2, 1, 4, 4, 8, 8, 1, 1, 0, groups));
    return *flatbuffers::GetRoot<Conv>(builder.GetBufferPointer());
  }

  flatbuffers::FlatBufferBuilder builder;
  std::unique_ptr<EngineSurvey> survey;
};

TEST_F(EngineSurveyTest, SaysOfWhichChip) {
  EXPECT_THAT(survey->describe(),
              testing::StartsWith("NVIDIA H200 by cuDNN 9."));
  EXPECT_TRUE(survey->supports("sm_90a"));
  EXPECT_FALSE(survey->supports("sm_100"));
  EXPECT_FALSE(openEngineSurvey("2080ti")->supports("sm_80"));
  EXPECT_THAT(messageOf([] { openEngineSurvey("H200"); }),
              testing::HasSubstr("'H200' is no chip that is known here"));
}

TEST_F(EngineSurveyTest, TakesTensorCoresFor16BitsAlone) {
  for (DType dtype : {DType_BF16, DType_F16}) {
    ConvolutionEngine engine =
        survey->find(conv(ConvKind_Forward), dtype, dtype);
    EXPECT_TRUE(engine.found && engine.tensorCores && !engine.widened);
    EXPECT_EQ(engine.number, 4);
    EXPECT_EQ(engine.workspace, 8192u);
  }
  // On tensor cores fp32 would be TF32.
  ConvolutionEngine wide =
      survey->find(conv(ConvKind_BackwardData), DType_F32, DType_F32);
  EXPECT_TRUE(wide.found && !wide.tensorCores && !wide.widened);
  EXPECT_EQ(wide.number, 3);
  EXPECT_EQ(wide.workspace, 4096u);
}

TEST_F(EngineSurveyTest, LeavesOutWhatTheEnvironmentNames) {
  auto numberWithout = [&](const char *engines) {
    setenv("PFC_CUDNN_WITHOUT", engines, 1);
    auto again = openEngineSurvey("h200");
    return again->find(conv(ConvKind_Forward), DType_BF16, DType_BF16).number;
  };
  EXPECT_EQ(numberWithout("4"), 3);
  EXPECT_EQ(numberWithout("3,17"), 4);
  EXPECT_EQ(
      messageOf([&] { numberWithout("4;3"); }),
      "PFC_CUDNN_WITHOUT is '4;3'; numbers of cuDNN's engines, as '67,65', "
      "are wanted");
  unsetenv("PFC_CUDNN_WITHOUT");
}

TEST_F(EngineSurveyTest, TakesTheFirstThatWillDoForGroups) {
  ConvolutionEngine engine =
      survey->find(conv(ConvKind_Forward, 8), DType_BF16, DType_BF16);
  EXPECT_EQ(engine.number, 3);
}

TEST_F(EngineSurveyTest, WidensWhatCudnnRefuses) {
  setenv("FAKE_CUDNN_NARROW", "operation", 1);
  ConvolutionEngine engine =
      survey->find(conv(ConvKind_BackwardWeights), DType_BF16, DType_F32);
  unsetenv("FAKE_CUDNN_NARROW");
  EXPECT_TRUE(engine.found && engine.widened);
}

} // namespace
} // namespace pfc::rt::test
