#include "runtime/plan/PlanFile.h"

#include "runtime/base/Error.h"
#include "runtime/base/Sha256.h"
#include "runtime/plan/PlanValidate.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace pfc::rt {
namespace {

/// FlatBuffers' verifier aligns a vector's length, 4 bytes, not its elements.
template <typename T>
bool isAligned(const flatbuffers::Vector<T> *list) {
  return !list || reinterpret_cast<uintptr_t>(list->Data()) % alignof(T) == 0;
}

template <typename Instructions>
bool numbersAligned(const Instructions &instructions) {
  for (const auto *instruction : instructions)
    if (const auto *launch = instruction->operation_as_Launch();
        launch && !isAligned(launch->numbers()))
      return false;
  return true;
}

bool programAligned(const plan::fb::Program &program) {
  for (const auto *buffer : *program.buffers())
    if (!isAligned(buffer->shape()))
      return false;
  if (program.alternatives())
    for (const auto *alternative : *program.alternatives())
      if (!numbersAligned(*alternative->instructions()))
        return false;
  return numbersAligned(*program.instructions());
}

bool listsAligned(const plan::fb::Plan &plan) {
  for (const auto *variant : *plan.variants()) {
    for (const auto *variable : *variant->variables())
      if (!isAligned(variable->shape()) ||
          !isAligned(variable->export_view()) ||
          !isAligned(variable->export_shape()))
        return false;
    for (const auto *program : *variant->programs())
      if (!programAligned(*program))
        return false;
  }
  return isAligned(plan.settings()->milestone_steps()) &&
         isAligned(plan.settings()->milestone_epochs());
}

} // namespace

const plan::fb::Plan &verifyPlan(const std::byte *bytes, size_t size,
                                 const std::string &name) {
  // FlatBuffers' offsets are 32 bits, and its verifier asserts this.
  require(size < FLATBUFFERS_MAX_BUFFER_SIZE,
          "{}: {} bytes is more than a plan can have (2 GiB)", name, size);
  const auto *data = reinterpret_cast<const uint8_t *>(bytes);
  require(size >= 8 && plan::fb::PlanBufferHasIdentifier(data),
          "{}: not a plan (bytes 4..7 are not \"PFC1\"); plans are made by "
          "'pfcc compile SPEC -o PLAN'",
          name);
  flatbuffers::Verifier verifier(data, size);
  require(plan::fb::VerifyPlanBuffer(verifier),
          "{}: damaged plan: an offset leads outside the file (truncated, or "
          "changed after it was written); compile it again",
          name);
  const plan::fb::Plan &plan = *plan::fb::GetPlan(data);
  require(listsAligned(plan),
          "{}: damaged plan: a shape or a list of numbers is not aligned "
          "(changed after it was written); compile it again",
          name);
  validatePlan(plan, name);
  return plan;
}

bool checkPlan(const std::byte *bytes, size_t size, const std::string &name,
               std::string &message) noexcept {
  try {
    verifyPlan(bytes, size, name);
    return true;
  } catch (const std::exception &error) {
    message = error.what();
    return false;
  }
}

PlanFile PlanFile::open(const std::string &path) {
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  require(descriptor >= 0, "{}: cannot open the plan: {}", path,
          std::strerror(errno));
  struct stat status;
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode) ||
      status.st_size == 0) {
    close(descriptor);
    fail("{}: not a plan: not a file, or an empty one", path);
  }
  size_t size = static_cast<size_t>(status.st_size), done = 0;
  std::unique_ptr<std::byte[]> bytes(new std::byte[size]);
  ssize_t count = 1;
  while (done < size && count > 0) {
    count = read(descriptor, bytes.get() + done, size - done);
    done += static_cast<size_t>(std::max<ssize_t>(count, 0));
  }
  int reason = errno;
  close(descriptor);
  require(count >= 0, "{}: cannot read the plan: {}", path,
          std::strerror(reason));
  PlanFile file(path, std::move(bytes), done);
  file.root = &verifyPlan(file.bytes.get(), file.size, path);
  return file;
}

std::string PlanFile::sha256() const {
  return sha256Hex({reinterpret_cast<const char *>(bytes.get()), size});
}

} // namespace pfc::rt
