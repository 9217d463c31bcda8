//===- TrainTest.h - A small job that the step loop drives ------*- C++ -*-===//
//
// A plan made by hand, whose "network" is arithmetic a person can check, on a
// data set of PNG files.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_TEST_UNIT_RUNTIME_TRAINTEST_H
#define PFC_TEST_UNIT_RUNTIME_TRAINTEST_H

#include "TestPlan.h"
#include "runtime/train/TrainLoop.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace pfc::rt::test {

constexpr int identities = 12, embeddingSize = 8;

/// Six steps of loss = mean pixel + w[0]^2, w[i] += lr. The class centers are
/// of `centerRows` rows, spread evenly over the ranks.
TestPlan makeTrainPlan(int64_t worldSize, int64_t centerRows = 7);

/// Runs a command line; its output, and its status after the last line.
std::string shell(const std::string &command);

class Train : public testing::Test {
protected:
  std::filesystem::path root;

  /// Makes the data in a folder of this test's own.
  void SetUp() override;
  void TearDown() override;

  std::string writePlan(const TestPlan &test) const;
  TrainOptions optionsFor(const TestPlan &test,
                          const std::string &out = "out") const;
  void train(const TrainOptions &options) const;
  void train(const TestPlan &test, int64_t steps = -1) const;
  /// Why training fails.
  std::string failure(const TrainOptions &options) const;
  std::string failure(const TestPlan &test) const;

  std::vector<nlohmann::json> metrics(const std::string &kind,
                                      const std::string &out = "out") const;
  std::string pfcRun(const TestPlan &test, const std::string &more = "") const;
};

} // namespace pfc::rt::test

#endif // PFC_TEST_UNIT_RUNTIME_TRAINTEST_H
