// CUDA C++ to cubins, with the real NVRTC and no GPU; and their cache.
#include "runtime/device/cuda/KernelCompiler.h"
#include "runtime/base/Error.h"
#include "runtime/device/cuda/CudaLibraries.h"
#include "runtime/device/cuda/LaunchShape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sys/wait.h>
#include <unistd.h>

namespace pfc::rt::cuda {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr const char *text = R"(#include <cuda_bf16.h>
extern "C" __global__ __launch_bounds__(64)
void twice(float *__restrict__ out, const __nv_bfloat16 *__restrict__ in) {
  out[threadIdx.x] = 2.0f * (float)in[threadIdx.x];
}
)";

class KernelCompilerTest : public testing::Test {
protected:
  void SetUp() override {
    try {
      nvrtc();
    } catch (const Error &error) {
      GTEST_SKIP() << error.what();
    }
    setenv("PFC_CACHE_DIR", folder.c_str(), 1);
  }
  void TearDown() override { fs::remove_all(folder); }

  std::vector<fs::path> entries() const {
    std::vector<fs::path> found;
    for (const auto &file : fs::directory_iterator(folder))
      if (file.path().extension() == ".cubin")
        found.push_back(file.path());
    return found;
  }

  std::string folder =
      testing::TempDir() + "/pfc-cubins-" + std::to_string(getpid());
};

TEST_F(KernelCompilerTest, CompilesForEachChip) {
  for (const char *chip : {"sm_75", "sm_80", "sm_90a", "sm_100"}) {
    std::string cubin = compileCubin(text, chip);
    EXPECT_EQ(cubin.substr(0, 4), "\x7f"
                                  "ELF")
        << chip;
    EXPECT_THAT(cubin, HasSubstr("twice")) << chip;
  }
}

TEST_F(KernelCompilerTest, SaysWhatIsWrongWithAText) {
  try {
    compileCubin("__global__ void k() { undeclared = 1; }", "sm_80");
    FAIL();
  } catch (const Error &error) {
    EXPECT_THAT(error.what(), HasSubstr("sm_80"));
    EXPECT_THAT(error.what(), HasSubstr("plan.cu(1)"));
    EXPECT_THAT(error.what(), HasSubstr("undeclared"));
  }
  try {
    compileCubin(text, "sm_1");
    FAIL();
  } catch (const Error &error) {
    EXPECT_THAT(error.what(), HasSubstr("sm_1"));
    EXPECT_THAT(error.what(),
                HasSubstr("newer CUDA toolkit, or one before 7.5 CUDA 12"));
  }
}

TEST_F(KernelCompilerTest, KeepsOneEntryAKey) {
  std::string first = cachedCubin(text, "sm_80");
  ASSERT_EQ(entries().size(), 1u);
  auto written = fs::last_write_time(entries()[0]);
  EXPECT_EQ(cachedCubin(text, "sm_80"), first);
  EXPECT_EQ(fs::last_write_time(entries()[0]), written);
  cachedCubin(text, "sm_75"); // another chip
  EXPECT_EQ(entries().size(), 2u);
  cachedCubin(std::string(text) + "\n", "sm_80"); // another text
  EXPECT_EQ(entries().size(), 3u);
}

TEST_F(KernelCompilerTest, CompilesADamagedEntryAnew) {
  std::string whole = cachedCubin(text, "sm_80");
  fs::resize_file(entries()[0], fs::file_size(entries()[0]) / 2);
  EXPECT_EQ(cachedCubin(text, "sm_80"), whole);
  std::fstream(entries()[0], std::ios::in | std::ios::out).write("?", 1);
  EXPECT_EQ(cachedCubin(text, "sm_80"), whole);
}

/// A text of `count` kernels, k0 …, that use what stands before them.
std::string kernelsText(int count) {
  std::string result = "#define TWO 2.0f\n\n// ab\n";
  for (int k = 0; k < count; ++k)
    result += "extern \"C\" __global__ void k" + std::to_string(k) +
              "(float *out) {\n  out[0] = TWO;\n}\n\n// ab\n";
  return result;
}

TEST(SplitKernels, EachPartHasThePrelude) {
  using testing::ElementsAre;
  std::string whole = kernelsText(5);
  std::vector<std::string> parts = splitKernels(whole, 2);
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_THAT(parts[0], AllOf(HasSubstr("void k0("), HasSubstr("void k1("),
                              testing::Not(HasSubstr("void k2("))));
  EXPECT_THAT(parts[2], HasSubstr("void k4("));
  EXPECT_THAT(parts, testing::Each(testing::StartsWith("#define TWO")));
  EXPECT_THAT(splitKernels(whole, 5), ElementsAre(whole));
  EXPECT_THAT(splitKernels("// nothing", 2), ElementsAre("// nothing"));
}

TEST_F(KernelCompilerTest, CompilesInPartsEveryKernelOnce) {
  std::vector<std::string> cubins = cachedCubins(kernelsText(40), "sm_80");
  EXPECT_GT(cubins.size(), 1u);
  EXPECT_EQ(entries().size(), cubins.size());
  for (int k = 0; k < 40; ++k) {
    std::string section = ".text.k" + std::to_string(k) + '\0';
    EXPECT_EQ(std::count_if(cubins.begin(), cubins.end(),
                            [&](const std::string &cubin) {
                              return cubin.find(section) != std::string::npos;
                            }),
              1)
        << k;
  }
  std::string broken = kernelsText(40) + "extern \"C\" __global__ void x(?);";
  EXPECT_THROW(cachedCubins(broken, "sm_80"), Error);
}

// Ranks start at once: all get the same cubin, whoever compiles it.
TEST_F(KernelCompilerTest, RanksMayRace) {
  std::vector<pid_t> ranks;
  for (int rank = 0; rank < 3; ++rank) {
    pid_t child = fork();
    if (child == 0)
      std::_Exit(cachedCubin(text, "sm_80").size() > 1000 ? 0 : 1);
    ranks.push_back(child);
  }
  for (pid_t child : ranks) {
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(entries().size(), 1u);
  EXPECT_EQ(cachedCubin(text, "sm_80").substr(1, 3), "ELF");
}

TEST(LaunchShape, HasWorkForEveryBlockAndNoMoreThanFit) {
  EXPECT_EQ(gridBlocks(1, 1056), 1u);
  EXPECT_EQ(gridBlocks(4223, 1056), 4223u);
  EXPECT_EQ(gridBlocks(4224, 1056), 4224u);
  EXPECT_EQ(gridBlocks(uint64_t{1} << 40, 1056), 4224u);
  EXPECT_EQ(gridBlocks(uint64_t{1} << 40, 1056, 33), 33u);
  EXPECT_EQ(gridBlocks(uint64_t{1} << 40, 1056, 0), 1u);
  // A kernel that no multiprocessor holds fails when it is launched.
  EXPECT_EQ(gridBlocks(100, 0), 1u);
  EXPECT_EQ(gridBlocks(0, 1056), 1u);
}

TEST(CudaLibraries, OfTheDriversVersionOrOlder) {
  EXPECT_THAT(toolkitNames("libx", 13010, 75),
              testing::ElementsAre("libx.so.13", "libx.so.12"));
  EXPECT_THAT(toolkitNames("libx", 12040, 90),
              testing::ElementsAre("libx.so.12"));
  EXPECT_THAT(toolkitNames("libx", 0, 0), testing::Contains("libx.so.12"));
  // CUDA 13 knows no chip before 7.5.
  EXPECT_THAT(toolkitNames("libx", 13010, 70),
              testing::ElementsAre("libx.so.12"));
}

} // namespace
} // namespace pfc::rt::cuda
