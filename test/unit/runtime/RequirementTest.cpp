#include "runtime/plan/Requirement.h"

#include <gtest/gtest.h>

namespace pfc::rt {
namespace {

TEST(Requirement, NewerChipsDoWhatOlderOnesCan) {
  for (const char *own : {"sm_75", "sm_80", "sm_90a", "sm_100"}) {
    EXPECT_TRUE(architectureSupports(own, "")) << own;
    EXPECT_TRUE(architectureSupports(own, "sm_75")) << own;
  }
  EXPECT_FALSE(architectureSupports("sm_75", "sm_80"));
  EXPECT_TRUE(architectureSupports("sm_90a", "sm_80"));
  EXPECT_TRUE(architectureSupports("sm_100", "sm_90"));
}

TEST(Requirement, SomeFeaturesAreOneChipsAlone) {
  EXPECT_TRUE(architectureSupports("sm_90a", "sm_90a"));
  EXPECT_FALSE(architectureSupports("sm_90", "sm_90a"));
  EXPECT_FALSE(architectureSupports("sm_100", "sm_90a"));
  EXPECT_FALSE(architectureSupports("sm_80", "sm_90a"));
}

TEST(Requirement, WhatIsNoArchitecture) {
  for (const char *wanted : {"amx_bf16", "sm_", "sm_80x", "sm_80ab", "80"}) {
    EXPECT_FALSE(architectureSupports("sm_90a", wanted)) << wanted;
    EXPECT_FALSE(architectureSupports(wanted, "sm_75")) << wanted;
  }
}

} // namespace
} // namespace pfc::rt
