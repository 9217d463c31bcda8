//===- CublasLt.cpp - Matrix products ---------------------------------------=//
//
// cuBLAS stores matrices by columns, the plan by rows: a row-major [m,n] is a
// column-major [n,m]. So what is asked for is outᵀ = op(rhs)ᵀ · op(lhs)ᵀ, with
// A = rhs and B = lhs as they lie in memory, and no copy is needed.
//
//===----------------------------------------------------------------------===//
#include "runtime/device/cuda/CublasLt.h"

#include "runtime/base/Error.h"
#include "runtime/device/cuda/Status.h"

namespace pfc::rt::cuda {
namespace {

/// What the arena guarantees of a buffer's address.
constexpr uint32_t bufferAlignment = 64;

cudaDataType_t cublasType(plan::fb::DType dtype) {
  switch (dtype) {
  case plan::fb::DType_F32:
    return CUDA_R_32F;
  case plan::fb::DType_BF16:
    return CUDA_R_16BF;
  case plan::fb::DType_F16:
    return CUDA_R_16F;
  default:
    fail("cuBLASLt products take f32, bf16 and f16, not {}", dtypeName(dtype));
  }
}

/// `batch` row-major rows x columns matrices one behind the other, as cuBLAS
/// sees them.
class Layout {
public:
  Layout(plan::fb::DType dtype, int64_t batch, int64_t rows, int64_t columns) {
    check(cublasLt().cublasLtMatrixLayoutCreate(
              &layout, cublasType(dtype), static_cast<uint64_t>(columns),
              static_cast<uint64_t>(rows), columns),
          "cublasLtMatrixLayoutCreate");
    if (batch == 1)
      return;
    set(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, static_cast<int32_t>(batch));
    set(CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, rows * columns);
    const uint64_t bytes = rows * columns * byteWidth(dtype);
    while (bytes % aligned != 0)
      aligned /= 2;
  }
  ~Layout() {
    if (layout)
      cublasLt().cublasLtMatrixLayoutDestroy(layout);
  }
  Layout(Layout &&other) noexcept
      : layout(other.layout), aligned(other.aligned) {
    other.layout = nullptr;
  }
  Layout &operator=(Layout &&) = delete;

  cublasLtMatrixLayout_t get() const { return layout; }
  /// Bytes that the address of each matrix is a multiple of.
  uint32_t alignment() const { return aligned; }

private:
  template <typename T>
  void set(cublasLtMatrixLayoutAttribute_t attribute, T value) {
    check(cublasLt().cublasLtMatrixLayoutSetAttribute(layout, attribute, &value,
                                                      sizeof value),
          "cublasLtMatrixLayoutSetAttribute");
  }

  cublasLtMatrixLayout_t layout = nullptr;
  uint32_t aligned = bufferAlignment;
};

class Operation {
public:
  Operation(bool transposeA, bool transposeB) {
    check(cublasLt().cublasLtMatmulDescCreate(&description, CUBLAS_COMPUTE_32F,
                                              CUDA_R_32F),
          "cublasLtMatmulDescCreate");
    set(CUBLASLT_MATMUL_DESC_TRANSA, transposeA);
    set(CUBLASLT_MATMUL_DESC_TRANSB, transposeB);
  }
  ~Operation() { cublasLt().cublasLtMatmulDescDestroy(description); }
  Operation(const Operation &) = delete;
  Operation &operator=(const Operation &) = delete;

  cublasLtMatmulDesc_t get() const { return description; }

private:
  void set(cublasLtMatmulDescAttributes_t attribute, bool transposed) {
    cublasOperation_t value = transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
    check(cublasLt().cublasLtMatmulDescSetAttribute(description, attribute,
                                                    &value, sizeof value),
          "cublasLtMatmulDescSetAttribute");
  }

  cublasLtMatmulDesc_t description = nullptr;
};

class Preference {
public:
  Preference(uint64_t workspaceLimit, const Layout &a, const Layout &b,
             const Layout &d) {
    check(cublasLt().cublasLtMatmulPreferenceCreate(&preference),
          "cublasLtMatmulPreferenceCreate");
    set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspaceLimit);
    // Parts of a sum are added in fp32, whatever the result's type is.
    set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
        uint32_t{CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, a.alignment());
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, b.alignment());
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, d.alignment());
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, d.alignment());
  }
  ~Preference() { cublasLt().cublasLtMatmulPreferenceDestroy(preference); }
  Preference(const Preference &) = delete;
  Preference &operator=(const Preference &) = delete;

  cublasLtMatmulPreference_t get() const { return preference; }

private:
  template <typename T>
  void set(cublasLtMatmulPreferenceAttributes_t attribute, T value) {
    check(cublasLt().cublasLtMatmulPreferenceSetAttribute(preference, attribute,
                                                          &value, sizeof value),
          "cublasLtMatmulPreferenceSetAttribute");
  }

  cublasLtMatmulPreference_t preference = nullptr;
};

class MatmulTask : public Task {
public:
  MatmulTask(const plan::fb::Matmul &op, BufferView lhsView, BufferView rhsView,
             BufferView outView, cublasLtHandle_t handle, CUstream stream,
             const DeviceMemory &workspace)
      : lhs(std::move(lhsView)), rhs(std::move(rhsView)),
        out(std::move(outView)), handle(handle), stream(stream),
        workspace(workspace), operation(op.transpose_rhs(), op.transpose_lhs()),
        a(op.transpose_rhs() ? Layout(rhs.dtype, op.batch(), op.n(), op.k())
                             : Layout(rhs.dtype, op.batch(), op.k(), op.n())),
        b(op.transpose_lhs() ? Layout(lhs.dtype, op.batch(), op.k(), op.m())
                             : Layout(lhs.dtype, op.batch(), op.m(), op.k())),
        d(out.dtype, op.batch(), op.m(), op.n()),
        beta(op.accumulate() ? 1.0f : 0.0f) {}

  /// What cuBLASLt recommends.
  cublasLtMatmulHeuristicResult_t recommended(uint64_t workspaceLimit) const {
    Preference preference(workspaceLimit, a, b, d);
    cublasLtMatmulHeuristicResult_t result{};
    int found = 0;
    cublasStatus_t status = cublasLt().cublasLtMatmulAlgoGetHeuristic(
        handle, operation.get(), a.get(), b.get(), d.get(), d.get(),
        preference.get(), 1, &result, &found);
    require(status == CUBLAS_STATUS_SUCCESS && found > 0,
            "cuBLASLt has no product of {} into {} for this chip ({})",
            dtypeName(lhs.dtype), dtypeName(out.dtype),
            cublasLt().cublasLtGetStatusName(status));
    return result;
  }

  void use(const cublasLtMatmulAlgo_t &chosen) { algorithm = chosen; }

  void execute() override {
    float one = 1;
    check(cublasLt().cublasLtMatmul(
              handle, operation.get(), &one, rhs.data, a.get(), lhs.data,
              b.get(), &beta, out.data, d.get(), out.data, d.get(), &algorithm,
              reinterpret_cast<void *>(workspace.address()), workspace.bytes(),
              reinterpret_cast<cudaStream_t>(stream)),
          "cublasLtMatmul");
  }

private:
  BufferView lhs, rhs, out;
  cublasLtHandle_t handle;
  CUstream stream;
  const DeviceMemory &workspace;
  Operation operation;
  Layout a, b, d;
  float beta; ///< factor of what `out` holds
  cublasLtMatmulAlgo_t algorithm{};
};

} // namespace

CublasLt::CublasLt(CUstream stream, DeviceMemory &workspace,
                   uint64_t workspaceLimit, uint64_t workspaceLeast)
    : stream(stream), workspace(workspace), workspaceLimit(workspaceLimit),
      workspaceLeast(workspaceLeast) {
  check(cublasLt().cublasLtCreate(&handle), "cublasLtCreate");
}

CublasLt::~CublasLt() { cublasLt().cublasLtDestroy(handle); }

std::unique_ptr<Task> CublasLt::makeMatmul(const plan::fb::Matmul &op,
                                           const BufferView &lhs,
                                           const BufferView &rhs,
                                           const BufferView &out) {
  require(lhs.dtype == rhs.dtype, "a product of {} and {}",
          dtypeName(lhs.dtype), dtypeName(rhs.dtype));
  auto task = std::make_unique<MatmulTask>(op, lhs, rhs, out, handle, stream,
                                           workspace);
  std::string key =
      fmt::format("{}x{}x{}x{} {}{}{} {} {}", op.batch(), op.m(), op.n(),
                  op.k(), op.transpose_lhs(), op.transpose_rhs(),
                  op.accumulate(), dtypeName(lhs.dtype), dtypeName(out.dtype));
  auto known = algorithms.find(key);
  if (known == algorithms.end())
    known = algorithms.emplace(key, task->recommended(workspaceLimit)).first;
  workspace.reserve(
      std::max<uint64_t>(workspaceLeast, known->second.workspaceSize));
  task->use(known->second.algo);
  return task;
}

} // namespace pfc::rt::cuda
