//===- OneDnnMatmul.cpp - out (+)= op(lhs) * op(rhs) ------------------------=//
#include "runtime/device/onednn/OneDnn.h"

#include <fmt/format.h>

namespace pfc::rt {
namespace {

/// `batch` matrices of rows x columns, row-major, or stored transposed.
dnnl::memory::desc matrices(int64_t batch, int64_t rows, int64_t columns,
                            bool transposed, plan::fb::DType dtype) {
  dnnl::memory::dims extents = {rows, columns};
  dnnl::memory::dims strides =
      transposed ? dnnl::memory::dims{1, rows} : dnnl::memory::dims{columns, 1};
  if (batch > 1) {
    extents.insert(extents.begin(), batch);
    strides.insert(strides.begin(), rows * columns);
  }
  return {extents, dnnlType(dtype), strides};
}

class MatmulTask : public OneDnnTask {
public:
  MatmulTask(OneDnn &shared, const plan::fb::Matmul &op, const BufferView &lhs,
             const BufferView &rhs, const BufferView &out)
      : OneDnnTask(shared) {
    int64_t batch = op.batch();
    auto left = matrices(batch, op.m(), op.k(), op.transpose_lhs(), lhs.dtype);
    auto right = matrices(batch, op.k(), op.n(), op.transpose_rhs(), rhs.dtype);
    auto product = matrices(batch, op.m(), op.n(), false, out.dtype);
    dnnl::post_ops sum;
    if (op.accumulate())
      sum.append_sum();
    auto created = describePrimitive<dnnl::matmul>(shared.engine, sum, left,
                                                   right, product);
    setPrimitive(dnnl::matmul(created), created.scratchpad_desc());
    addInput(DNNL_ARG_SRC, lhs.data, left, created.src_desc());
    addInput(DNNL_ARG_WEIGHTS, rhs.data, right, created.weights_desc());
    addResult(DNNL_ARG_DST, out.data, product, created.dst_desc());
  }
};

} // namespace

std::unique_ptr<Task> makeOneDnnMatmul(OneDnn &shared,
                                       const plan::fb::Matmul &op,
                                       const BufferView &lhs,
                                       const BufferView &rhs,
                                       const BufferView &out) {
  try {
    return std::make_unique<MatmulTask>(shared, op, lhs, rhs, out);
  } catch (const dnnl::error &error) {
    failOneDnn(error, fmt::format("{} matrix product of {}x{}x{}, batch {}",
                                  plan::fb::EnumNameDType(lhs.dtype), op.m(),
                                  op.n(), op.k(), op.batch()));
  }
}

} // namespace pfc::rt
