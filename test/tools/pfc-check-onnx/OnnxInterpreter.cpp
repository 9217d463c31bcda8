#include "OnnxInterpreter.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>

namespace pfc::test {
namespace {

using rt::fail;
using rt::require;

int64_t elementsOf(const std::vector<int64_t> &shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1},
                         std::multiplies<>());
}

OnnxTensor constant(const onnx::TensorProto &proto) {
  OnnxTensor tensor{{proto.dims().begin(), proto.dims().end()}, {}};
  if (proto.data_type() == onnx::TensorProto::INT64) {
    tensor.values.assign(proto.int64_data().begin(), proto.int64_data().end());
    return tensor;
  }
  if (proto.float_data_size() > 0) {
    tensor.values.assign(proto.float_data().begin(), proto.float_data().end());
    return tensor;
  }
  int64_t count = elementsOf(tensor.shape);
  require(proto.raw_data().size() == sizeof(float) * size_t(count),
          "initializer {}: {} bytes", proto.name(), proto.raw_data().size());
  std::vector<float> floats(static_cast<size_t>(count));
  std::memcpy(floats.data(), proto.raw_data().data(), proto.raw_data().size());
  tensor.values.assign(floats.begin(), floats.end());
  return tensor;
}

class Interpreter {
public:
  explicit Interpreter(const onnx::GraphProto &graph) : graph(graph) {
    for (const onnx::TensorProto &proto : graph.initializer())
      values[proto.name()] = constant(proto);
  }

  OnnxTensor run(const OnnxTensor &input) {
    values[graph.input(0).name()] = input;
    for (const onnx::NodeProto &node : graph.node())
      if (node.op_type() == "Split")
        split(node, value(node.input(0)));
      else
        values[node.output(0)] = evaluate(node);
    return value(graph.output(0).name());
  }

private:
  const OnnxTensor &value(const std::string &name) const {
    auto found = values.find(name);
    require(found != values.end(), "'{}' has no value", name);
    return found->second;
  }

  OnnxTensor evaluate(const onnx::NodeProto &node) {
    std::vector<const OnnxTensor *> inputs;
    for (const std::string &name : node.input())
      inputs.push_back(&value(name));
    const std::string &type = node.op_type();
    if (type == "Conv")
      return conv(node, *inputs[0], *inputs[1]);
    if (type == "BatchNormalization")
      return batchNormalization(node, inputs);
    if (type == "PRelu")
      return broadcast(*inputs[0], *inputs[1], [](double x, double slope) {
        return x < 0 ? slope * x : x;
      });
    if (type == "Add")
      return broadcast(*inputs[0], *inputs[1], std::plus<>());
    if (type == "Flatten")
      return flatten(node, *inputs[0]);
    if (type == "Gemm")
      return gemm(node, inputs);
    if (type == "Reshape")
      return reshape(node, *inputs[0], *inputs[1]);
    if (type == "Transpose")
      return transpose(node, *inputs[0]);
    if (type == "MatMul")
      return matMul(node, *inputs[0], *inputs[1]);
    if (type == "Mul")
      return broadcast(*inputs[0], *inputs[1], std::multiplies<>());
    if (type == "Clip")
      return clip(*inputs[0], inputs[1]->values.at(0), inputs[2]->values.at(0));
    if (type == "Softmax")
      return softmax(node, *inputs[0]);
    if (type == "LayerNormalization")
      return layerNormalization(node, inputs);
    fail("node {} of {}", type, node.name());
  }

  static const onnx::AttributeProto *find(const onnx::NodeProto &node,
                                          const char *name) {
    for (const onnx::AttributeProto &attribute : node.attribute())
      if (attribute.name() == name)
        return &attribute;
    return nullptr;
  }
  static int64_t integer(const onnx::NodeProto &node, const char *name,
                         int64_t otherwise) {
    const auto *attribute = find(node, name);
    return attribute ? attribute->i() : otherwise;
  }
  static int64_t first(const onnx::NodeProto &node, const char *name,
                       int64_t otherwise) {
    const auto *attribute = find(node, name);
    return attribute ? attribute->ints(0) : otherwise;
  }

  /// Square strides and equal padding, which is all there is.
  static OnnxTensor conv(const onnx::NodeProto &node, const OnnxTensor &x,
                         const OnnxTensor &w) {
    int64_t stride = first(node, "strides", 1), pad = first(node, "pads", 0);
    int64_t group = integer(node, "group", 1);
    int64_t n = x.shape[0], c = x.shape[1], h = x.shape[2], width = x.shape[3];
    int64_t o = w.shape[0], ci = w.shape[1], k = w.shape[2];
    require(c == ci * group, "conv {}: {} channels for {} in {} groups",
            node.name(), c, ci, group);
    int64_t oh = (h + 2 * pad - k) / stride + 1;
    int64_t ow = (width + 2 * pad - k) / stride + 1;
    OnnxTensor y{{n, o, oh, ow}, std::vector<double>(n * o * oh * ow)};
    double *out = y.values.data();
    for (int64_t image = 0; image < n; ++image)
      for (int64_t to = 0; to < o; ++to) {
        int64_t from = to / (o / group) * ci;
        for (int64_t i = 0; i < oh; ++i)
          for (int64_t j = 0; j < ow; ++j) {
            double sum = 0;
            for (int64_t channel = 0; channel < ci; ++channel)
              for (int64_t u = 0; u < k; ++u)
                for (int64_t v = 0; v < k; ++v) {
                  int64_t row = i * stride + u - pad;
                  int64_t column = j * stride + v - pad;
                  if (row < 0 || row >= h || column < 0 || column >= width)
                    continue;
                  sum += x.values[((image * c + from + channel) * h + row) *
                                      width +
                                  column] *
                         w.values[((to * ci + channel) * k + u) * k + v];
                }
            *out++ = sum;
          }
      }
    return y;
  }

  static OnnxTensor
  batchNormalization(const onnx::NodeProto &node,
                     const std::vector<const OnnxTensor *> &inputs) {
    OnnxTensor y = *inputs[0];
    const auto *eps = find(node, "epsilon");
    int64_t channels = y.shape[1];
    int64_t inner = elementsOf(y.shape) / y.shape[0] / channels;
    for (size_t i = 0; i < y.values.size(); ++i) {
      size_t c = i / inner % channels;
      y.values[i] =
          (y.values[i] - inputs[3]->values[c]) /
              std::sqrt(inputs[4]->values[c] + double(eps ? eps->f() : 1e-5f)) *
              inputs[1]->values[c] +
          inputs[2]->values[c];
    }
    return y;
  }

  /// b's shape ends as a's does, or has 1 there.
  template <typename F>
  static OnnxTensor broadcast(const OnnxTensor &a, const OnnxTensor &b, F f) {
    OnnxTensor y = a;
    size_t rank = a.shape.size(), missing = rank - b.shape.size();
    for (size_t i = 0; i < y.values.size(); ++i) {
      size_t rest = i, from = 0, stride = 1;
      for (size_t axis = rank; axis-- > missing;) {
        size_t index = rest % a.shape[axis];
        rest /= a.shape[axis];
        int64_t extent = b.shape[axis - missing];
        require(extent == 1 || extent == a.shape[axis], "no broadcast");
        from += (extent == 1 ? 0 : index) * stride;
        stride *= static_cast<size_t>(extent);
      }
      y.values[i] = f(a.values[i], b.values[from]);
    }
    return y;
  }

  static OnnxTensor flatten(const onnx::NodeProto &node, const OnnxTensor &x) {
    require(integer(node, "axis", 1) == 1, "flatten {}: axis", node.name());
    return {{x.shape[0], elementsOf(x.shape) / x.shape[0]}, x.values};
  }

  static OnnxTensor gemm(const onnx::NodeProto &node,
                         const std::vector<const OnnxTensor *> &inputs) {
    require(integer(node, "transB", 0) == 1 && inputs.size() == 2,
            "gemm {}: not x·wᵀ", node.name());
    const OnnxTensor &x = *inputs[0], &w = *inputs[1];
    int64_t m = x.shape[0], k = x.shape[1], n = w.shape[0];
    require(w.shape[1] == k, "gemm {}: {} columns for {}", node.name(),
            w.shape[1], k);
    OnnxTensor y{{m, n}, std::vector<double>(m * n)};
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j)
        y.values[i * n + j] = std::inner_product(x.values.begin() + i * k,
                                                 x.values.begin() + (i + 1) * k,
                                                 w.values.begin() + j * k, 0.0);
    return y;
  }

  /// The first extent is -1: what the others leave.
  static OnnxTensor reshape(const onnx::NodeProto &node, const OnnxTensor &x,
                            const OnnxTensor &shape) {
    OnnxTensor y{{shape.values.begin(), shape.values.end()}, x.values};
    int64_t rest = -elementsOf(y.shape);
    require(y.shape[0] == -1 && rest > 0 && elementsOf(x.shape) % rest == 0,
            "reshape {}: {} elements by {}", node.name(), elementsOf(x.shape),
            rest);
    y.shape[0] = elementsOf(x.shape) / rest;
    return y;
  }

  static OnnxTensor transpose(const onnx::NodeProto &node,
                              const OnnxTensor &x) {
    const auto &order = find(node, "perm")->ints();
    size_t rank = x.shape.size();
    require(static_cast<size_t>(order.size()) == rank, "transpose {}: rank",
            node.name());
    std::vector<int64_t> stride(rank, 1);
    for (size_t axis = rank - 1; axis-- > 0;)
      stride[axis] = stride[axis + 1] * x.shape[axis + 1];
    OnnxTensor y{{}, std::vector<double>(x.values.size())};
    for (int64_t axis : order)
      y.shape.push_back(x.shape.at(static_cast<size_t>(axis)));
    for (size_t i = 0; i < y.values.size(); ++i) {
      int64_t rest = static_cast<int64_t>(i), from = 0;
      for (size_t axis = rank; axis-- > 0; rest /= y.shape[axis])
        from += rest % y.shape[axis] * stride[order[static_cast<int>(axis)]];
      y.values[i] = x.values[from];
    }
    return y;
  }

  /// Equal parts along axis 1.
  void split(const onnx::NodeProto &node, const OnnxTensor &x) {
    require(integer(node, "axis", 0) == 1 &&
                x.shape[1] % node.output_size() == 0,
            "split {}", node.name());
    OnnxTensor part = x;
    part.shape[1] /= node.output_size();
    size_t size = size_t(elementsOf(part.shape) / part.shape[0]);
    for (int m = 0; m < node.output_size(); ++m) {
      part.values.clear();
      for (size_t image = 0; image < size_t(x.shape[0]); ++image) {
        auto from =
            x.values.begin() +
            ptrdiff_t((image * size_t(node.output_size()) + size_t(m)) * size);
        part.values.insert(part.values.end(), from, from + ptrdiff_t(size));
      }
      values[node.output(m)] = part;
    }
  }

  static OnnxTensor clip(OnnxTensor x, double least, double most) {
    for (double &value : x.values)
      value = std::min(std::max(value, least), most);
    return x;
  }

  /// Calls f(first, channels) for each row of the last axis.
  template <typename F>
  static void forEachRow(const onnx::NodeProto &node, OnnxTensor &x, F f) {
    require(integer(node, "axis", 0) == -1, "axis of {}", node.name());
    int64_t channels = x.shape.back();
    for (int64_t row = 0; row < elementsOf(x.shape); row += channels)
      f(&x.values[size_t(row)], channels);
  }

  static OnnxTensor softmax(const onnx::NodeProto &node, OnnxTensor x) {
    forEachRow(node, x, [](double *row, int64_t channels) {
      double most = *std::max_element(row, row + channels), sum = 0;
      for (int64_t j = 0; j < channels; ++j)
        sum += row[j] = std::exp(row[j] - most);
      for (int64_t j = 0; j < channels; ++j)
        row[j] /= sum;
    });
    return x;
  }

  static OnnxTensor
  layerNormalization(const onnx::NodeProto &node,
                     const std::vector<const OnnxTensor *> &inputs) {
    OnnxTensor x = *inputs[0];
    double eps = double(find(node, "epsilon")->f());
    forEachRow(node, x, [&](double *row, int64_t channels) {
      double mean = 0, variance = 0;
      for (int64_t j = 0; j < channels; ++j)
        mean += row[j] / double(channels);
      for (int64_t j = 0; j < channels; ++j)
        variance += (row[j] - mean) * (row[j] - mean) / double(channels);
      for (int64_t j = 0; j < channels; ++j)
        row[j] = (row[j] - mean) / std::sqrt(variance + eps) *
                     inputs[1]->values[size_t(j)] +
                 inputs[2]->values[size_t(j)];
    });
    return x;
  }

  /// Of matrices, or of as many of each; or of rows and one matrix.
  static OnnxTensor matMul(const onnx::NodeProto &node, const OnnxTensor &whole,
                           const OnnxTensor &b) {
    if (whole.shape.size() > b.shape.size()) {
      OnnxTensor rows = whole;
      rows.shape = {elementsOf(whole.shape) / whole.shape.back(),
                    whole.shape.back()};
      OnnxTensor y = matMul(node, rows, b);
      y.shape = whole.shape;
      y.shape.back() = b.shape.back();
      return y;
    }
    const OnnxTensor &a = whole;
    size_t rank = a.shape.size();
    require(rank == b.shape.size() && (rank == 2 || a.shape[0] == b.shape[0]) &&
                a.shape[rank - 1] == b.shape[rank - 2],
            "matmul {}: shapes", node.name());
    int64_t groups = rank == 3 ? a.shape[0] : 1;
    int64_t m = a.shape[rank - 2], k = a.shape[rank - 1], n = b.shape[rank - 1];
    OnnxTensor y = a;
    y.shape[rank - 1] = n;
    y.values.assign(groups * m * n, 0.0);
    for (int64_t g = 0; g < groups; ++g)
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j)
          for (int64_t l = 0; l < k; ++l)
            y.values[(g * m + i) * n + j] +=
                a.values[(g * m + i) * k + l] * b.values[(g * k + l) * n + j];
    return y;
  }

  const onnx::GraphProto &graph;
  std::map<std::string, OnnxTensor> values;
};

} // namespace

OnnxTensor interpretOnnx(const onnx::ModelProto &model,
                         const OnnxTensor &input) {
  return Interpreter(model.graph()).run(input);
}

} // namespace pfc::test
