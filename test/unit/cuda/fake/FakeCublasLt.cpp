// libcublasLt.so.13: products as cuBLAS defines them, on matrices stored by
// columns, in float64.
#include "FakeCuda.h"
#include "FakeElements.h"

#include <cublasLt.h>

namespace {

struct Layout {
  cudaDataType_t type;
  uint64_t rows, columns;
  int64_t stride;
  int32_t batch = 1;
  int64_t batchOffset = 0; // elements from a matrix to the next
};
struct Operation {
  int32_t transposeA = CUBLAS_OP_N, transposeB = CUBLAS_OP_N;
};
struct Preference {
  uint64_t workspace = 0;
  uint32_t alignment[4] = {256, 256, 256, 256};
};

template <typename T, typename Opaque>
T *as(Opaque *opaque) {
  return reinterpret_cast<T *>(opaque);
}

fakecuda::Element elementOf(cudaDataType_t type) {
  return type == CUDA_R_32F    ? fakecuda::Element::F32
         : type == CUDA_R_16BF ? fakecuda::Element::BF16
                               : fakecuda::Element::F16;
}

/// Element (row, column) of op(matrix), of a batch of them.
double at(const void *data, const Layout &layout, int32_t matrix,
          bool transposed, uint64_t row, uint64_t column) {
  if (transposed)
    std::swap(row, column);
  return fakecuda::load(
      data, matrix * layout.batchOffset + row + column * layout.stride,
      elementOf(layout.type));
}

bool fits(const Layout &a, const Layout &b, const Layout &d,
          const Operation &op) {
  uint64_t m = op.transposeA ? a.columns : a.rows;
  uint64_t k = op.transposeA ? a.rows : a.columns;
  uint64_t k2 = op.transposeB ? b.columns : b.rows;
  uint64_t n = op.transposeB ? b.rows : b.columns;
  // Of matrices that are written, none lies in another.
  bool apart = d.batch == 1 ||
               d.batchOffset >= static_cast<int64_t>(d.columns) * d.stride;
  return m == d.rows && n == d.columns && k == k2 && a.batch == d.batch &&
         b.batch == d.batch && apart;
}

/// Whether each matrix begins at a multiple of `alignment` bytes.
bool aligned(const void *data, const Layout &layout, uint64_t alignment) {
  uint64_t offset = static_cast<uint64_t>(layout.batchOffset) *
                    (layout.type == CUDA_R_32F ? 4 : 2);
  return reinterpret_cast<uintptr_t>(data) % alignment == 0 &&
         (layout.batch == 1 || offset % alignment == 0);
}

} // namespace

extern "C" {

cublasStatus_t cublasLtCreate(cublasLtHandle_t *handle) {
  *handle = reinterpret_cast<cublasLtHandle_t>(new int);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  delete as<int>(handle);
  return CUBLAS_STATUS_SUCCESS;
}
size_t cublasLtGetVersion() { return 130102; }
const char *cublasLtGetStatusName(cublasStatus_t status) {
  return status == CUBLAS_STATUS_SUCCESS ? "CUBLAS_STATUS_SUCCESS"
                                         : "CUBLAS_STATUS_INVALID_VALUE";
}
cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *layout,
                                          cudaDataType type, uint64_t rows,
                                          uint64_t columns, int64_t stride) {
  *layout =
      as<cublasLtMatrixLayoutOpaque_t>(new Layout{type, rows, columns, stride});
  return stride >= static_cast<int64_t>(rows) ? CUBLAS_STATUS_SUCCESS
                                              : CUBLAS_STATUS_INVALID_VALUE;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  delete as<Layout>(layout);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t
cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t layout,
                                 cublasLtMatrixLayoutAttribute_t attribute,
                                 const void *value, size_t size) {
  Layout &set = *as<Layout>(layout);
  if (attribute == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT && size == 4)
    set.batch = *static_cast<const int32_t *>(value);
  else if (attribute == CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET &&
           size == 8)
    set.batchOffset = *static_cast<const int64_t *>(value);
  else
    return CUBLAS_STATUS_INVALID_VALUE;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *description,
                                        cublasComputeType_t compute,
                                        cudaDataType_t scale) {
  *description = as<cublasLtMatmulDescOpaque_t>(new Operation);
  return compute == CUBLAS_COMPUTE_32F && scale == CUDA_R_32F
             ? CUBLAS_STATUS_SUCCESS
             : CUBLAS_STATUS_INVALID_VALUE;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t description) {
  delete as<Operation>(description);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t
cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t description,
                               cublasLtMatmulDescAttributes_t attribute,
                               const void *value, size_t size) {
  if (size != sizeof(int32_t))
    return CUBLAS_STATUS_INVALID_VALUE;
  Operation &op = *as<Operation>(description);
  (attribute == CUBLASLT_MATMUL_DESC_TRANSA ? op.transposeA : op.transposeB) =
      *static_cast<const int32_t *>(value);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t
cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *preference) {
  *preference = as<cublasLtMatmulPreferenceOpaque_t>(new Preference);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t
cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  delete as<Preference>(preference);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(
    cublasLtMatmulPreference_t preference,
    cublasLtMatmulPreferenceAttributes_t attribute, const void *value,
    size_t size) {
  Preference &set = *as<Preference>(preference);
  if (attribute == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES && size == 8)
    set.workspace = *static_cast<const uint64_t *>(value);
  else if (size == 4)
    set.alignment[attribute - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES] =
        *static_cast<const uint32_t *>(value);
  else
    return CUBLAS_STATUS_INVALID_VALUE;
  return CUBLAS_STATUS_SUCCESS;
}

/// The algorithm remembers the alignments and the workspace it counts on.
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(
    cublasLtHandle_t, cublasLtMatmulDesc_t description,
    cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t,
    cublasLtMatrixLayout_t d, cublasLtMatmulPreference_t preference, int,
    cublasLtMatmulHeuristicResult_t results[], int *found) {
  fakecuda::calls().push_back("cublasLtMatmulAlgoGetHeuristic");
  if (!fits(*as<Layout>(a), *as<Layout>(b), *as<Layout>(d),
            *as<Operation>(description)))
    return CUBLAS_STATUS_INVALID_VALUE;
  const Preference &wanted = *as<Preference>(preference);
  results[0].algo.data[0] = wanted.workspace;
  for (int operand = 0; operand < 4; ++operand)
    results[0].algo.data[1 + operand] = wanted.alignment[operand];
  *found = 1;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t description,
               const void *alpha, const void *a, cublasLtMatrixLayout_t aLayout,
               const void *b, cublasLtMatrixLayout_t bLayout, const void *beta,
               const void *c, cublasLtMatrixLayout_t, void *d,
               cublasLtMatrixLayout_t dLayout, const cublasLtMatmulAlgo_t *algo,
               void *workspace, size_t workspaceBytes, cudaStream_t stream) {
  fakecuda::calls().push_back("cublasLtMatmul");
  Layout la = *as<Layout>(aLayout), lb = *as<Layout>(bLayout),
         ld = *as<Layout>(dLayout);
  Operation op = *as<Operation>(description);
  if (!fits(la, lb, ld, op) || !aligned(a, la, algo->data[1]) ||
      !aligned(b, lb, algo->data[2]) || !aligned(c, ld, algo->data[3]) ||
      !aligned(d, ld, algo->data[4]) || workspaceBytes < algo->data[0] ||
      !workspace || *static_cast<const float *>(alpha) != 1)
    return CUBLAS_STATUS_INVALID_VALUE;
  const float kept = *static_cast<const float *>(beta);
  if (kept != 0 && c != d)
    return CUBLAS_STATUS_NOT_SUPPORTED;
  fakecuda::enqueue(reinterpret_cast<CUstream>(stream), [=] {
    uint64_t inner = op.transposeA ? la.rows : la.columns;
    for (int32_t g = 0; g < ld.batch; ++g)
      for (uint64_t row = 0; row < ld.rows; ++row)
        for (uint64_t column = 0; column < ld.columns; ++column) {
          double sum = kept == 0 ? 0
                                 : kept * at(fakecuda::host(d), ld, g, false,
                                             row, column);
          for (uint64_t l = 0; l < inner; ++l)
            sum += at(fakecuda::host(a), la, g, op.transposeA, row, l) *
                   at(fakecuda::host(b), lb, g, op.transposeB, l, column);
          fakecuda::store(fakecuda::host(d),
                          g * ld.batchOffset + row + column * ld.stride,
                          elementOf(ld.type), sum);
        }
    return CUDA_SUCCESS;
  });
  return CUBLAS_STATUS_SUCCESS;
}

} // extern "C"
