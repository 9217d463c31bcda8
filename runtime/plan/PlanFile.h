//===- PlanFile.h - A plan file, mapped and verified ------------*- C++ -*-===//
//
// A plan is one FlatBuffer with identifier "PFC1" (plan.fbs). Opening it maps
// the file, has FlatBuffers verify every offset in it, and checks its meaning
// (PlanValidate.h); after that nothing needs checking again.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_PLAN_PLANFILE_H
#define PFC_RUNTIME_PLAN_PLANFILE_H

#include "runtime/plan/plan_generated.h"

#include <cstddef>
#include <memory>
#include <string>

namespace pfc::rt {

/// The newest format this program understands.
constexpr uint32_t planFormatVersion = 4;

/// The plan in `size` bytes at `bytes`, verified and validated. `name` is
/// what error messages call it. The bytes must be 8-byte aligned and outlive
/// the plan.
const plan::fb::Plan &verifyPlan(const std::byte *bytes, size_t size,
                                 const std::string &name);

/// verifyPlan for callers without exceptions: false and what is wrong in
/// `message`.
bool checkPlan(const std::byte *bytes, size_t size, const std::string &name,
               std::string &message) noexcept;

/// A plan file's contents: whatever becomes of the file, the run has its plan.
class PlanFile {
public:
  /// Throws an Error that says what is wrong with the file and where.
  static PlanFile open(const std::string &path);

  const plan::fb::Plan &plan() const { return *root; }
  const std::string &path() const { return filePath; }
  /// Of the file's bytes, in hexadecimal: what sha256sum prints.
  std::string sha256() const;

private:
  PlanFile(std::string path, std::unique_ptr<std::byte[]> bytes, size_t size)
      : filePath(std::move(path)), bytes(std::move(bytes)), size(size) {}

  std::string filePath;
  std::unique_ptr<std::byte[]> bytes;
  size_t size;
  const plan::fb::Plan *root = nullptr;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_PLAN_PLANFILE_H
