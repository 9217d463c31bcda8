// One line on a machine without a driver.
#include "runtime/base/Error.h"
#include "runtime/device/Device.h"
#include "runtime/device/cuda/CudaLibraries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <dlfcn.h>
#include <functional>

namespace pfc::rt {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string messageOf(const std::function<void()> &body) {
  try {
    body();
  } catch (const Error &error) {
    return error.what();
  }
  return "no error";
}

TEST(MissingDriver, OneLineSaysWhatToDo) {
  if (dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL))
    GTEST_SKIP() << "this machine has a driver";
  for (int attempt = 0; attempt < 2; ++attempt) {
    std::string message = messageOf([] { openDevice("cuda", {}); });
    EXPECT_THAT(message, HasSubstr("libcuda.so.1"));
    EXPECT_THAT(message, HasSubstr("no NVIDIA driver"));
    EXPECT_THAT(message, HasSubstr("--device=cpu"));
    EXPECT_THAT(message, Not(HasSubstr("\n")));
  }
}

TEST(MissingLibrary, NamesFoldersAndFiles) {
  setenv("PFC_CUDA_LIBRARIES", "/nowhere/cuda:/nowhere/else", 1);
  std::string message = messageOf([] {
    cuda::openLibrary({"libabsent.so.2", "libabsent.so.1"}, "install it");
  });
  EXPECT_THAT(message, HasSubstr("libabsent.so.2 or libabsent.so.1"));
  EXPECT_THAT(message, HasSubstr("/nowhere/cuda, /nowhere/else"));
  EXPECT_THAT(message, HasSubstr("install it"));
  unsetenv("PFC_CUDA_LIBRARIES");
}

} // namespace
} // namespace pfc::rt
