#include "runtime/device/onednn/OneDnn.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <omp.h>

namespace pfc::rt {

void Workspace::Free::operator()(void *pointer) const { std::free(pointer); }

void Workspace::reserve(size_t size) {
  if (size <= capacity)
    return;
  size_t rounded = (size + 4095) / 4096 * 4096;
  bytes.reset(); // nothing in it outlives a task
  bytes.reset(std::aligned_alloc(4096, rounded));
  if (!bytes)
    throw std::bad_alloc();
  capacity = rounded;
}

std::string oneDnnVersion() {
  const dnnl_version_t *version = dnnl::version();
  return fmt::format("oneDNN {}.{}.{}", version->major, version->minor,
                     version->patch);
}

int limitThreads(int threads) {
  omp_set_dynamic(0);
  threads = std::min(threads, omp_get_thread_limit());
  omp_set_num_threads(threads);
  return threads;
}

void failOneDnn(const dnnl::error &error, const std::string &what) {
  if (error.status == dnnl_unimplemented)
    fail("oneDNN has no {} for this processor: use a plan for a precision the "
         "processor has (train.precision = \"auto\")",
         what);
  fail("oneDNN: {}: {}", what, error.what());
}

dnnl::memory::data_type dnnlType(plan::fb::DType dtype) {
  switch (dtype) {
  case plan::fb::DType_F32:
    return dnnl::memory::data_type::f32;
  case plan::fb::DType_BF16:
    return dnnl::memory::data_type::bf16;
  default:
    fail("oneDNN products take f32 and bf16, not {}",
         plan::fb::EnumNameDType(dtype));
  }
}

void OneDnnTask::setPrimitive(const dnnl::primitive &created,
                              const dnnl::memory::desc &scratchpadLayout) {
  primitive = created;
  if (scratchpadLayout.get_size() == 0)
    return;
  shared.scratchpad.reserve(scratchpadLayout.get_size());
  scratchpad = dnnl::memory(scratchpadLayout, shared.engine, nullptr);
  arguments[DNNL_ARG_SCRATCHPAD] = scratchpad;
}

dnnl::memory OneDnnTask::packedMemory(const dnnl::memory::desc &wanted) {
  if (packed)
    fail("oneDNN wants more than one operand repacked");
  shared.packed.reserve(wanted.get_size());
  packed = dnnl::memory(wanted, shared.engine, nullptr);
  return packed;
}

void OneDnnTask::addInput(int argument, void *data,
                          const dnnl::memory::desc &plain,
                          const dnnl::memory::desc &wanted) {
  dnnl::memory memory(plain, shared.engine, data);
  if (plain == wanted) {
    arguments[argument] = memory;
    return;
  }
  plainOperand = memory;
  arguments[argument] = packedMemory(wanted);
  before = dnnl::reorder(plainOperand, packed);
}

void OneDnnTask::addResult(int argument, void *data,
                           const dnnl::memory::desc &plain,
                           const dnnl::memory::desc &wanted) {
  dnnl::memory memory(plain, shared.engine, data);
  if (plain == wanted) {
    arguments[argument] = memory;
    return;
  }
  plainOperand = memory;
  arguments[argument] = packedMemory(wanted);
  after = dnnl::reorder(packed, plainOperand);
}

void OneDnnTask::execute() {
  // The workspaces may have moved since this task was prepared. Setting a
  // handle clears the padding of a blocked layout, so set it only then.
  if (scratchpad && scratchpad.get_data_handle() != shared.scratchpad.data())
    scratchpad.set_data_handle(shared.scratchpad.data());
  if (packed && packed.get_data_handle() != shared.packed.data())
    packed.set_data_handle(shared.packed.data());
  if (before)
    before.execute(shared.stream, plainOperand, packed);
  primitive.execute(shared.stream, arguments);
  if (after)
    after.execute(shared.stream, packed, plainOperand);
  shared.stream.wait();
}

} // namespace pfc::rt
