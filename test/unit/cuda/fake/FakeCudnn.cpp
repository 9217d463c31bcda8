// libcudnn.so.9: graphs of one convolution, in float64 from the tensors'
// dimensions and strides as they were described. It offers five engines, the
// first three of which no caller may take: one that is not deterministic, one
// by Winograd, one that wants too much scratch memory; the last is on tensor
// cores.
#include "FakeCuda.h"
#include "FakeElements.h"

#include <cudnn.h>

#include <cstdio>
#include <cstdlib>
#include <map>

namespace {

struct Descriptor {
  cudnnBackendDescriptorType_t type;
  bool finalized = false;
  std::map<int, std::vector<int64_t>> integers;
  std::map<int, std::vector<void *>> pointers;
  std::map<int, float> floats;
  int engine = 0;
  std::string text = {};

  int64_t integer(int name) const { return integers.at(name).at(0); }
  const Descriptor &child(int name) const {
    return *static_cast<const Descriptor *>(pointers.at(name).at(0));
  }
};

struct Engine {
  std::vector<cudnnBackendNumericalNote_t> notes;
  int64_t workspace;
};
const Engine engines[] = {
    {{CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC}, 0},
    {{CUDNN_NUMERICAL_NOTE_WINOGRAD}, 0},
    {{}, int64_t{1} << 40},
    {{}, 4096},
    {{CUDNN_NUMERICAL_NOTE_TENSOR_CORE}, 8192},
};

#if CUDNN_VERSION >= 90800
constexpr int chipDescriptor = CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR,
              heuristicsOfChip = CUDNN_ATTR_ENGINEHEUR_DEVICEPROP,
              executionOnChip = CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP;
#else
constexpr int chipDescriptor = -1, heuristicsOfChip = -1, executionOnChip = -1;
#endif

struct Handle {
  CUstream stream = nullptr;
};

Descriptor &of(cudnnBackendDescriptor_t descriptor) {
  return *static_cast<Descriptor *>(descriptor);
}

struct Tensor {
  std::vector<int64_t> extent, stride;
  fakecuda::Element element;
  int64_t id;

  explicit Tensor(const Descriptor &d)
      : extent(d.integers.at(CUDNN_ATTR_TENSOR_DIMENSIONS)),
        stride(d.integers.at(CUDNN_ATTR_TENSOR_STRIDES)),
        id(d.integer(CUDNN_ATTR_TENSOR_UNIQUE_ID)) {
    int64_t type = d.integer(CUDNN_ATTR_TENSOR_DATA_TYPE);
    element = type == CUDNN_DATA_FLOAT      ? fakecuda::Element::F32
              : type == CUDNN_DATA_BFLOAT16 ? fakecuda::Element::BF16
                                            : fakecuda::Element::F16;
  }
  uint64_t offset(int64_t a, int64_t b, int64_t c, int64_t d) const {
    return static_cast<uint64_t>(a * stride[0] + b * stride[1] + c * stride[2] +
                                 d * stride[3]);
  }
};

struct Convolution {
  const Descriptor &op, &shape;
  Tensor x, w, y;
  const Tensor &result;
  int64_t stride, padding;

  static bool is(const Descriptor &op, cudnnBackendDescriptorType_t type) {
    return op.type == type;
  }
  static const Descriptor &part(const Descriptor &op, int forward, int data,
                                int filter) {
    return op.child(
        is(op, CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR) ? forward
        : is(op, CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR)
            ? data
            : filter);
  }

  explicit Convolution(const Descriptor &op)
      : op(op),
        shape(part(op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC)),
        x(part(op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
               CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
               CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X)),
        w(part(op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
               CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
               CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW)),
        y(part(op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
               CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
               CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY)),
        result(
            is(op, CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR) ? y
            : is(op,
                 CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR)
                ? x
                : w),
        stride(shape.integer(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES)),
        padding(shape.integer(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS)) {}

  /// Fewer engines exist for an fp32 result of 16-bit operands.
  bool mixed() const {
    auto f32 = fakecuda::Element::F32;
    int count = (x.element == f32) + (w.element == f32) + (y.element == f32);
    return count == 1;
  }

  void run(const std::map<int64_t, void *> &data) const {
    std::vector<double> sums(
        static_cast<size_t>(result.extent[0] * result.extent[1] *
                            result.extent[2] * result.extent[3]));
    for (int64_t n = 0; n < y.extent[0]; ++n)
      for (int64_t o = 0; o < y.extent[1]; ++o)
        for (int64_t i = 0; i < y.extent[2]; ++i)
          for (int64_t j = 0; j < y.extent[3]; ++j)
            taps(n, o, i, j, data, sums);
    for (size_t i = 0; i < sums.size(); ++i)
      fakecuda::store(data.at(result.id), i, result.element, sums[i]);
  }

private:
  void taps(int64_t n, int64_t o, int64_t i, int64_t j,
            const std::map<int64_t, void *> &data,
            std::vector<double> &sums) const {
    // Channels are in as many groups as a weight has too few of them for.
    const int64_t seen = w.extent[1];
    const int64_t first = o * (x.extent[1] / seen) / y.extent[1] * seen;
    for (int64_t c = 0; c < seen; ++c)
      for (int64_t r = 0; r < w.extent[2]; ++r)
        for (int64_t s = 0; s < w.extent[3]; ++s) {
          int64_t row = i * stride - padding + r,
                  col = j * stride - padding + s;
          if (row < 0 || row >= x.extent[2] || col < 0 || col >= x.extent[3])
            continue;
          uint64_t atX = x.offset(n, first + c, row, col),
                   atW = w.offset(o, c, r, s), atY = y.offset(n, o, i, j);
          auto value = [&](const Tensor &t, uint64_t at) {
            return fakecuda::load(data.at(t.id), at, t.element);
          };
          if (&result == &y)
            sums[atY] += value(x, atX) * value(w, atW);
          else if (&result == &x)
            sums[atX] += value(y, atY) * value(w, atW);
          else
            sums[atW] += value(x, atX) * value(y, atY);
        }
  }
};

const char *lastError = "";

} // namespace

extern "C" {

size_t cudnnGetVersion() { return CUDNN_VERSION; }
size_t cudnnGetCudartVersion() { return CUDA_VERSION; }
const char *cudnnGetErrorString(cudnnStatus_t status) {
  return status == CUDNN_STATUS_SUCCESS ? "CUDNN_STATUS_SUCCESS"
         : status == CUDNN_STATUS_EXECUTION_FAILED
             ? "CUDNN_STATUS_EXECUTION_FAILED"
             : "CUDNN_STATUS_BAD_PARAM";
}
void cudnnGetLastErrorString(char *message, size_t size) {
  std::snprintf(message, size, "%s", lastError);
}
cudnnStatus_t cudnnCreate(cudnnHandle_t *handle) {
  *handle = reinterpret_cast<cudnnHandle_t>(new Handle);
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  delete reinterpret_cast<Handle *>(handle);
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  reinterpret_cast<Handle *>(handle)->stream =
      reinterpret_cast<CUstream>(stream);
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t
cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type,
                             cudnnBackendDescriptor_t *descriptor) {
  *descriptor = new Descriptor{type, false, {}, {}, {}, 0, {}};
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t d) {
  delete &of(d);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t descriptor,
                                       cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type,
                                       int64_t count, const void *values) {
  Descriptor &d = of(descriptor);
  if (d.finalized)
    return CUDNN_STATUS_BAD_PARAM;
  auto copy = [&]<typename T>(T) {
    auto *begin = static_cast<const T *>(values);
    return std::vector<T>(begin, begin + count);
  };
  if (type == CUDNN_TYPE_CHAR) {
    d.text.assign(static_cast<const char *>(values),
                  static_cast<size_t>(count));
  } else if (type == CUDNN_TYPE_FLOAT) {
    d.floats[name] = copy(float{}).at(0);
  } else if (type == CUDNN_TYPE_INT64) {
    d.integers[name] = copy(int64_t{});
  } else if (type == CUDNN_TYPE_BACKEND_DESCRIPTOR ||
             type == CUDNN_TYPE_VOID_PTR || type == CUDNN_TYPE_HANDLE) {
    d.pointers[name] = copy(static_cast<void *>(nullptr));
    if (type == CUDNN_TYPE_BACKEND_DESCRIPTOR &&
        !of(d.pointers[name].at(0)).finalized)
      return CUDNN_STATUS_BAD_PARAM;
  } else { // an enumeration
    d.integers[name] = {copy(int{}).at(0)};
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t descriptor) {
  Descriptor &d = of(descriptor);
  const char *narrow = std::getenv("FAKE_CUDNN_NARROW");
  if (narrow && narrow == std::string("operation") &&
      d.type ==
          CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR &&
      Convolution(d).mixed())
    return CUDNN_STATUS_BAD_PARAM;
  if (d.type == chipDescriptor &&
      (d.text.find("\"deviceVer\":") == std::string::npos ||
       d.text.back() != '\0'))
    return CUDNN_STATUS_BAD_PARAM;
  if (d.type == CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR &&
      !d.pointers.contains(CUDNN_ATTR_EXECUTION_PLAN_HANDLE) &&
      !d.pointers.contains(executionOnChip))
    return CUDNN_STATUS_BAD_PARAM;
  d.finalized = true;
  if (d.type != CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR)
    return CUDNN_STATUS_SUCCESS;
  const Descriptor &graph = d.child(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH);
  if (!graph.pointers.contains(CUDNN_ATTR_OPERATIONGRAPH_HANDLE) &&
      !d.pointers.contains(heuristicsOfChip))
    return CUDNN_STATUS_BAD_PARAM;
  Convolution convolution(graph.child(CUDNN_ATTR_OPERATIONGRAPH_OPS));
  return convolution.mixed() && narrow ? CUDNN_STATUS_NOT_SUPPORTED
                                       : CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t descriptor,
                                       cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t,
                                       int64_t room, int64_t *count,
                                       void *values) {
  Descriptor &d = of(descriptor);
  if (!d.finalized)
    return CUDNN_STATUS_BAD_PARAM;
  switch (name) {
  case CUDNN_ATTR_ENGINEHEUR_RESULTS: {
    auto **results = static_cast<Descriptor **>(values);
    *count = std::min<int64_t>(room, std::size(engines));
    for (int64_t i = 0; i < *count; ++i) {
      results[i]->engine = static_cast<int>(i);
      results[i]->finalized = true;
      results[i]->pointers[-1] = {
          d.pointers[CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH]};
    }
    return CUDNN_STATUS_SUCCESS;
  }
  case CUDNN_ATTR_ENGINECFG_ENGINE:
    *count = 1;
    static_cast<Descriptor **>(values)[0]->engine = d.engine;
    static_cast<Descriptor **>(values)[0]->finalized = true;
    return CUDNN_STATUS_SUCCESS;
  case CUDNN_ATTR_ENGINE_NUMERICAL_NOTE: {
    const auto &notes = engines[d.engine].notes;
    *count = static_cast<int64_t>(notes.size());
    std::copy(notes.begin(), notes.end(),
              static_cast<cudnnBackendNumericalNote_t *>(values));
    return CUDNN_STATUS_SUCCESS;
  }
  case CUDNN_ATTR_ENGINE_GLOBAL_INDEX:
    *count = 1;
    *static_cast<int64_t *>(values) = d.engine;
    return CUDNN_STATUS_SUCCESS;
  case CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE:
    *count = 1;
    *static_cast<int64_t *>(values) =
        engines[d.child(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG).engine]
            .workspace;
    return CUDNN_STATUS_SUCCESS;
  default:
    return CUDNN_STATUS_BAD_PARAM;
  }
}

cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle,
                                  cudnnBackendDescriptor_t plan,
                                  cudnnBackendDescriptor_t arguments) {
  fakecuda::calls().push_back("cudnnBackendExecute");
  if (std::getenv("FAKE_CUDNN_BROKEN")) {
    lastError = "the engine is broken";
    return CUDNN_STATUS_EXECUTION_FAILED;
  }
  const Descriptor &config =
      of(plan).child(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG);
  const Descriptor &graph = config.child(-1);
  const Descriptor &pack = of(arguments);
  if (!pack.pointers.at(CUDNN_ATTR_VARIANT_PACK_WORKSPACE).at(0))
    return CUDNN_STATUS_BAD_PARAM;
  std::map<int64_t, void *> data;
  const auto &ids = pack.integers.at(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
  for (size_t i = 0; i < ids.size(); ++i)
    data[ids[i]] = fakecuda::host(
        pack.pointers.at(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS).at(i));
  const Descriptor &op = graph.child(CUDNN_ATTR_OPERATIONGRAPH_OPS);
  fakecuda::enqueue(reinterpret_cast<Handle *>(handle)->stream, [&op, data] {
    Convolution(op).run(data);
    return CUDA_SUCCESS;
  });
  return CUDNN_STATUS_SUCCESS;
}

} // extern "C"
