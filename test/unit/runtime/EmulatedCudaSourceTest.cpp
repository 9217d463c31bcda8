// How a plan's CUDA text becomes the host's C++: what is changed, and that no
// line moves.
#include "runtime/base/Error.h"
#include "runtime/device/emulated_cuda/KernelSource.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pfc::rt::emulated {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(KernelSource, SharedArraysBecomeReferences) {
  EXPECT_EQ(asHostCpp("__shared__ float tile[32][33];"),
            "static const char pfcKey_tile = 0; float (&tile)[32][33] = "
            "pfc::emulation::shared<float[32][33]>(&pfcKey_tile, \"tile\");");
  EXPECT_EQ(asHostCpp("__shared__ unsigned long count;"),
            "static const char pfcKey_count = 0; unsigned long (&count) = "
            "pfc::emulation::shared<unsigned long>(&pfcKey_count, \"count\");");
  EXPECT_THAT(asHostCpp("__shared__ __align__(16) Pack<float, 4> p[N * 2];"),
              HasSubstr("shared<Pack<float, 4>[N * 2]>(&pfcKey_p, \"p\")"));
}

TEST(KernelSource, DynamicSharedArraysBecomePointers) {
  EXPECT_EQ(asHostCpp("extern __shared__ float dynamic[];"),
            "float *dynamic = static_cast<float *>("
            "pfc::emulation::dynamicSharedArray(\"dynamic\"));");
}

TEST(KernelSource, LinesStayWhereTheyAre) {
  std::string host = asHostCpp("/* one\n   two */ int a;\n"
                               "__shared__ float x[2] // rows\n"
                               "                 [3];\n"
                               "int b; // __shared__ float no[1];\n"
                               "int c;");
  EXPECT_EQ(std::count(host.begin(), host.end(), '\n'), 5);
  EXPECT_THAT(host, HasSubstr("\n int a;\n"));
  EXPECT_THAT(host, HasSubstr("\nint b; \nint c;"));
}

TEST(KernelSource, CudaHeadersGo) {
  EXPECT_EQ(asHostCpp("#include <cuda_bf16.h>\n#include \"cuda_fp16.h\"\nx"),
            "\n\nx");
  EXPECT_EQ(asHostCpp("#include <cstdint>\n"), "#include <cstdint>\n");
}

TEST(KernelSource, UnreadableDeclarationsNameTheirLine) {
  for (const char *text :
       {"\n\n__shared__ float a[2], b[2];", "\n\n__shared__ float;",
        "\n\n__shared__ float a[2] = {1, 2};"}) {
    try {
      asHostCpp(text);
      FAIL() << text;
    } catch (const Error &error) {
      EXPECT_THAT(error.what(), HasSubstr("line 3"));
    }
  }
}

TEST(KernelSource, EveryKernelIsInTheTable) {
  std::string unit =
      translationUnit("int text;", {{"first", 2}, {"second", 0}});
  EXPECT_THAT(unit, HasSubstr("#line 1 \"plan.cu\"\nint text;\n"));
  EXPECT_THAT(unit, HasSubstr("\"first\", pfc::emulation::arity(&first)"));
  EXPECT_THAT(unit, HasSubstr("invoke(&first, pointers[0], pointers[1])"));
  EXPECT_THAT(unit, HasSubstr("invoke(&second)"));
  EXPECT_THAT(unit, Not(HasSubstr("pointers[2]")));
}

} // namespace
} // namespace pfc::rt::emulated
