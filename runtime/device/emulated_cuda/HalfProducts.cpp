#include "runtime/device/emulated_cuda/HalfProducts.h"

#include "runtime/base/Float16.h"

namespace pfc::rt::emulated {
namespace {

/// A buffer, and its fp32 copy where it is fp16.
class WideBuffer {
public:
  explicit WideBuffer(const BufferView &buffer) : narrow(buffer) {
    if (isHalf())
      values.resize(static_cast<size_t>(buffer.elements()));
  }

  BufferView view() {
    if (!isHalf())
      return narrow;
    return {reinterpret_cast<std::byte *>(values.data()), plan::fb::DType_F32,
            narrow.shape};
  }

  void widen() {
    const auto *bits = reinterpret_cast<const uint16_t *>(narrow.data);
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = float16ToFloat(bits[i]);
  }
  void round() {
    auto *bits = reinterpret_cast<uint16_t *>(narrow.data);
    for (size_t i = 0; i < values.size(); ++i)
      bits[i] = floatToFloat16(values[i]);
  }

private:
  bool isHalf() const { return narrow.dtype == plan::fb::DType_F16; }

  BufferView narrow;
  std::vector<float> values; // none where the buffer is not fp16
};

class HalfProductTask : public Task {
public:
  HalfProductTask(const BufferView &lhs, const BufferView &rhs,
                  const BufferView &result, const MakeProduct &make)
      : lhs(lhs), rhs(rhs), result(result),
        product(make(this->lhs.view(), this->rhs.view(), this->result.view())) {
  }

  void execute() override {
    lhs.widen();
    rhs.widen();
    product->execute();
    result.round();
  }

private:
  WideBuffer lhs, rhs, result;
  std::unique_ptr<Task> product;
};

} // namespace

std::unique_ptr<Task> makeProduct(const BufferView &lhs, const BufferView &rhs,
                                  const BufferView &result,
                                  const MakeProduct &make) {
  for (const BufferView *buffer : {&lhs, &rhs, &result})
    if (buffer->dtype == plan::fb::DType_F16)
      return std::make_unique<HalfProductTask>(lhs, rhs, result, make);
  return make(lhs, rhs, result);
}

} // namespace pfc::rt::emulated
