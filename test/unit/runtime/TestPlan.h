//===- TestPlan.h - Small plans, built by hand ------------------*- C++ -*-===//
#ifndef PFC_TEST_UNIT_RUNTIME_TESTPLAN_H
#define PFC_TEST_UNIT_RUNTIME_TESTPLAN_H

#include "runtime/plan/plan_generated.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace pfc::rt::test {

/// Ends, bytes and all, where the test says: one variant, one program "main".
class TestPlan {
public:
  TestPlan();

  plan::fb::VariantT &variant() { return *plan.variants[0]; }
  plan::fb::ProgramT &program() { return *variant().programs[0]; }

  /// Bytes of the arena, 64-byte aligned, that nothing else has.
  uint64_t reserve(plan::fb::DType dtype, const std::vector<int64_t> &shape);
  /// A buffer of its own; returns its index.
  uint32_t buffer(plan::fb::DType dtype, std::vector<int64_t> shape);
  /// The same, and an input and output of that name.
  uint32_t named(const std::string &name, plan::fb::DType dtype,
                 std::vector<int64_t> shape);
  plan::fb::VariableT &variable(const std::string &name,
                                std::vector<int64_t> shape);
  uint32_t kernel(const std::string &name, uint32_t arguments);

  plan::fb::InstructionT &
  launch(uint32_t kernel, std::vector<uint32_t> arguments, int64_t extent);
  template <typename OperationT>
  plan::fb::InstructionT &add(OperationT operation) {
    auto instruction = std::make_unique<plan::fb::InstructionT>();
    instruction->operation.Set(std::move(operation));
    instruction->location = "layer1.0.conv1";
    program().instructions.push_back(std::move(instruction));
    return *program().instructions.back();
  }

  /// The plan's bytes.
  std::vector<std::byte> pack() const;
  /// The plan, verified; lives as long as this object.
  const plan::fb::Plan &finish();

  plan::fb::PlanT plan;

private:
  std::vector<std::byte> bytes;
};

/// A plan that uses every kind of operation; on `worldSize` ranks.
TestPlan makeFullPlan(int64_t worldSize = 1);

/// A file in the test's temporary directory with these bytes; its path.
std::string writeTemporary(const std::string &name,
                           const std::vector<std::byte> &bytes);

} // namespace pfc::rt::test

#endif // PFC_TEST_UNIT_RUNTIME_TESTPLAN_H
