//===- OneDnn.h - What the oneDNN tasks share -------------------*- C++ -*-===//
//
// Primitives are created when a task is prepared; executing one allocates
// nothing. Scratch memory and repacked operands are needed by one task at a
// time, so all tasks of a device share one workspace of each.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DEVICE_ONEDNN_ONEDNN_H
#define PFC_RUNTIME_DEVICE_ONEDNN_ONEDNN_H

#include "runtime/device/Device.h"

#include <dnnl.hpp>

#include <memory>
#include <string>

namespace pfc::rt {

/// Memory that grows while tasks are prepared and stays put afterwards.
class Workspace {
public:
  void reserve(size_t bytes);
  void *data() const { return bytes.get(); }

private:
  struct Free {
    void operator()(void *pointer) const;
  };
  std::unique_ptr<void, Free> bytes;
  size_t capacity = 0;
};

struct OneDnn {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  Workspace scratchpad;
  Workspace packed; // an operand in the layout a primitive asked for
};

/// "oneDNN 2.6.3"
std::string oneDnnVersion();

/// Lets oneDNN use `threads` threads, or as many as OpenMP may have
/// (OMP_THREAD_LIMIT) if that is less, and returns how many. oneDNN divides
/// work by the number that OpenMP promises, and waits for ever for threads that
/// it then does not get.
int limitThreads(int threads);

/// Throws an Error that says what oneDNN refused, and why.
[[noreturn]] void failOneDnn(const dnnl::error &error, const std::string &what);

dnnl::memory::data_type dnnlType(plan::fb::DType dtype);

/// What describes a primitive of `parts`, whose scratch memory is the caller's,
/// and what it does with its result (`after`); a backward one wants the
/// forward's description as a `hint`. oneDNN 2 has an object for the parts, 3
/// takes them as they are.
template <typename Primitive, typename... Parts>
typename Primitive::primitive_desc
describePrimitive(const dnnl::engine &engine, const dnnl::post_ops &after,
                  const Parts &...parts) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  attributes.set_post_ops(after);
#if DNNL_VERSION_MAJOR < 3
  return {typename Primitive::desc(parts...), attributes, engine};
#else
  return {engine, parts..., attributes};
#endif
}
template <typename Primitive, typename Hint, typename... Parts>
typename Primitive::primitive_desc describeBackward(const dnnl::engine &engine,
                                                    const Hint &hint,
                                                    const Parts &...parts) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
#if DNNL_VERSION_MAJOR < 3
  return {typename Primitive::desc(parts...), attributes, engine, hint};
#else
  return {engine, parts..., hint, attributes};
#endif
}

/// A primitive whose source and target lie in the arena in plain layouts; one
/// operand may be repacked before (an input) or after (the result).
class OneDnnTask : public Task {
public:
  explicit OneDnnTask(OneDnn &shared) : shared(shared) {}

  void execute() override;

protected:
  /// `primitive` with the scratchpad it wants.
  void setPrimitive(const dnnl::primitive &primitive,
                    const dnnl::memory::desc &scratchpad);
  /// The operand `argument` (DNNL_ARG_...) lies at `data`, laid out as `plain`;
  /// the primitive wants `wanted`.
  void addInput(int argument, void *data, const dnnl::memory::desc &plain,
                const dnnl::memory::desc &wanted);
  void addResult(int argument, void *data, const dnnl::memory::desc &plain,
                 const dnnl::memory::desc &wanted);

private:
  dnnl::memory packedMemory(const dnnl::memory::desc &wanted);

  OneDnn &shared;
  dnnl::primitive primitive;
  std::unordered_map<int, dnnl::memory> arguments;
  dnnl::memory scratchpad, packed, plainOperand;
  dnnl::reorder before, after;
};

std::unique_ptr<Task> makeOneDnnMatmul(OneDnn &shared,
                                       const plan::fb::Matmul &op,
                                       const BufferView &lhs,
                                       const BufferView &rhs,
                                       const BufferView &out);

std::unique_ptr<Task> makeOneDnnConv(OneDnn &shared, const plan::fb::Conv &op,
                                     const BufferView &lhs,
                                     const BufferView &rhs,
                                     const BufferView &result);

} // namespace pfc::rt

#endif // PFC_RUNTIME_DEVICE_ONEDNN_ONEDNN_H
