//===- ProductOps.cpp - Convolutions and matrix products ------------------===//
#include "dialects/pfc/ir/PfcDialect.h"
#include "dialects/pfc/reference/Registry.h"

namespace pfc::reference {

//===----------------------------------------------------------------------===//
// Convolution: x [B,H,W,C], w [O,K,K,C/G], y [B,I,J,O]
//===----------------------------------------------------------------------===//

/// Calls f(row of x, row of w, element of y), offsets of C/G, C/G and one
/// elements, for each product of the convolution, with o in group g:
///   y[b,i,j,o] += x[b, i·stride + u − padding, j·stride + v − padding, g, :]
///                 · w[o,u,v,:]
template <typename Body>
static void forEachTap(const Tensor &x, const Tensor &w, const Tensor &y,
                       int64_t stride, int64_t padding, Body f) {
  int64_t height = x.shape[1], width = x.shape[2], channels = x.shape[3];
  int64_t kernelH = w.shape[1], kernelW = w.shape[2], seen = w.shape[3];
  int64_t filters = y.shape[3], filtersOfGroup = filters / (channels / seen);
  int64_t element = 0;
  for (int64_t b = 0; b < y.shape[0]; ++b)
    for (int64_t i = 0; i < y.shape[1]; ++i)
      for (int64_t j = 0; j < y.shape[2]; ++j)
        for (int64_t o = 0; o < filters; ++o, ++element)
          for (int64_t u = 0; u < kernelH; ++u)
            for (int64_t v = 0; v < kernelW; ++v) {
              int64_t h = i * stride + u - padding;
              int64_t k = j * stride + v - padding;
              if (h < 0 || h >= height || k < 0 || k >= width)
                continue;
              f(((b * height + h) * width + k) * channels +
                    o / filtersOfGroup * seen,
                ((o * kernelH + u) * kernelW + v) * seen, element);
            }
}

static void conv2d(Conv2dOp op, Call &call) {
  const Tensor &x = call[op.getInput()], &w = call[op.getFilter()];
  Tensor &y = call.result(op.getOutput());
  forEachTap(x, w, y, op.getStride(), op.getPadding(),
             [&](int64_t xRow, int64_t wRow, int64_t element) {
               double sum = 0.0;
               for (int64_t c = 0; c < w.channels(); ++c)
                 sum += x.reals[xRow + c] * w.reals[wRow + c];
               y.reals[element] += sum;
             });
}

static void conv2dInputGrad(Conv2dInputGradOp op, Call &call) {
  const Tensor &dy = call[op.getOutputGrad()], &w = call[op.getFilter()];
  Tensor &dx = call.result(op.getInputGrad());
  forEachTap(dx, w, dy, op.getStride(), op.getPadding(),
             [&](int64_t xRow, int64_t wRow, int64_t element) {
               double d = dy.reals[element];
               for (int64_t c = 0; c < w.channels(); ++c)
                 dx.reals[xRow + c] += d * w.reals[wRow + c];
             });
}

static void conv2dFilterGrad(Conv2dFilterGradOp op, Call &call) {
  const Tensor &x = call[op.getInput()], &dy = call[op.getOutputGrad()];
  Tensor &dw = call.result(op.getFilterGrad());
  forEachTap(x, dw, dy, op.getStride(), op.getPadding(),
             [&](int64_t xRow, int64_t wRow, int64_t element) {
               double d = dy.reals[element];
               for (int64_t c = 0; c < dw.channels(); ++c)
                 dw.reals[wRow + c] += d * x.reals[xRow + c];
             });
}

//===----------------------------------------------------------------------===//
// Matrix products
//===----------------------------------------------------------------------===//

/// result = op(lhs)·op(rhs), row-major, for each g of [G,…] or once.
static void multiply(const Tensor &lhs, bool transposeLhs, const Tensor &rhs,
                     bool transposeRhs, Tensor &result) {
  size_t rank = result.shape.size();
  int64_t groups = rank == 3 ? result.shape[0] : 1;
  int64_t m = result.shape[rank - 2], n = result.shape[rank - 1];
  int64_t k = lhs.shape[rank - (transposeLhs ? 2 : 1)];
  for (int64_t g = 0; g < groups; ++g)
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double sum = 0.0;
        for (int64_t p = 0; p < k; ++p)
          sum += lhs.reals[g * m * k + (transposeLhs ? p * m + i : i * k + p)] *
                 rhs.reals[g * k * n + (transposeRhs ? j * k + p : p * n + j)];
        result.reals[(g * m + i) * n + j] = sum;
      }
}

static void matmul(MatmulOp op, Call &call) {
  Tensor &result = call.result(op.getResult());
  multiply(call[op.getLhs()], op.getTransposeLhs(), call[op.getRhs()],
           op.getTransposeRhs(), result);
  if (op.getAddend())
    for (int64_t i = 0; i < result.size(); ++i)
      result.reals[i] += call[op.getAddend()].reals[i];
}

static void linear(LinearOp op, Call &call) {
  multiply(call[op.getInput()], false, call[op.getWeight()], true,
           call.result(op.getOutput()));
}

static void cosineLogits(CosineLogitsOp op, Call &call) {
  multiply(call[op.getEmbeddings()], false, call[op.getCenters()], true,
           call.result(op.getCosines()));
}

void addProductOps(Registry &registry) {
  registry.add(conv2d);
  registry.add(conv2dInputGrad);
  registry.add(conv2dFilterGrad);
  registry.add(matmul);
  registry.add(linear);
  registry.add(cosineLogits);
}

} // namespace pfc::reference
