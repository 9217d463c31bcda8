//===- OneDnnConv.cpp - Convolutions, forward and both backward -------------=//
//
// Activations stay NHWC, so that generated kernels read them without a
// repack; the weight, which is small, is repacked from OHWI into the layout
// oneDNN prefers as a part of the task.
//
//===----------------------------------------------------------------------===//
#include "runtime/device/onednn/OneDnn.h"

#include <fmt/format.h>

namespace pfc::rt {
namespace {

using Tag = dnnl::memory::format_tag;

/// The three tensors of a convolution, whichever is the result.
struct Tensors {
  dnnl::memory::desc input, weight, output; // plain layouts, in the arena
  dnnl::memory::desc anyWeight;             // oneDNN picks the layout
};

struct Geometry {
  dnnl::memory::dims strides, before, after;
};

int64_t outputExtent(int64_t extent, const plan::fb::Conv &op) {
  return (extent + 2 * op.padding() - op.kernel()) / op.stride() + 1;
}

Tensors makeTensors(const plan::fb::Conv &op, plan::fb::DType input,
                    plan::fb::DType weight, plan::fb::DType output) {
  dnnl::memory::dims in{op.batch(), op.in_channels(), op.in_height(),
                        op.in_width()};
  // Of a group: filters, and channels that they see.
  const int64_t filters = op.out_channels() / op.groups(),
                seen = op.in_channels() / op.groups();
  dnnl::memory::dims filter{filters, seen, op.kernel(), op.kernel()};
  if (op.groups() > 1)
    filter.insert(filter.begin(), op.groups());
  dnnl::memory::dims out{op.batch(), op.out_channels(),
                         outputExtent(op.in_height(), op),
                         outputExtent(op.in_width(), op)};
  return {{in, dnnlType(input), Tag::nhwc},
          {filter, dnnlType(weight), op.groups() > 1 ? Tag::gohwi : Tag::ohwi},
          {out, dnnlType(output), Tag::nhwc},
          {filter, dnnlType(weight), Tag::any}};
}

/// The padding after the image, less what the stride leaves unused.
int64_t paddingAfter(int64_t extent, const plan::fb::Conv &op) {
  return (outputExtent(extent, op) - 1) * op.stride() + op.kernel() - extent -
         op.padding();
}

Geometry makeGeometry(const plan::fb::Conv &op) {
  return {{op.stride(), op.stride()},
          {op.padding(), op.padding()},
          {paddingAfter(op.in_height(), op), paddingAfter(op.in_width(), op)}};
}

// Direct, never Winograd: its rounding error is several times larger.
constexpr auto algorithm = dnnl::algorithm::convolution_direct;

dnnl::convolution_forward::primitive_desc
describeForward(OneDnn &shared, const Tensors &t, const Geometry &g) {
  return describePrimitive<dnnl::convolution_forward>(
      shared.engine, dnnl::post_ops(), dnnl::prop_kind::forward_training,
      algorithm, t.input, t.anyWeight, t.output, g.strides, g.before, g.after);
}

/// What the backward descriptors want as a hint: the forward of the same
/// shape, all in the operands' type.
dnnl::convolution_forward::primitive_desc describeHint(OneDnn &shared,
                                                       const plan::fb::Conv &op,
                                                       plan::fb::DType operand,
                                                       const Geometry &g) {
  return describeForward(shared, makeTensors(op, operand, operand, operand), g);
}

class ConvTask : public OneDnnTask {
public:
  ConvTask(OneDnn &shared, const plan::fb::Conv &op, const BufferView &lhs,
           const BufferView &rhs, const BufferView &result)
      : OneDnnTask(shared) {
    switch (op.kind()) {
    case plan::fb::ConvKind_Forward:
      forward(shared, op, lhs, rhs, result);
      break;
    case plan::fb::ConvKind_BackwardData:
      backwardData(shared, op, lhs, rhs, result);
      break;
    case plan::fb::ConvKind_BackwardWeights:
      backwardWeights(shared, op, lhs, rhs, result);
      break;
    }
  }

private:
  void forward(OneDnn &shared, const plan::fb::Conv &op, const BufferView &in,
               const BufferView &weight, const BufferView &out) {
    Tensors t = makeTensors(op, in.dtype, weight.dtype, out.dtype);
    auto created = describeForward(shared, t, makeGeometry(op));
    setPrimitive(dnnl::convolution_forward(created), created.scratchpad_desc());
    addInput(DNNL_ARG_SRC, in.data, t.input, created.src_desc());
    addInput(DNNL_ARG_WEIGHTS, weight.data, t.weight, created.weights_desc());
    addResult(DNNL_ARG_DST, out.data, t.output, created.dst_desc());
  }

  void backwardData(OneDnn &shared, const plan::fb::Conv &op,
                    const BufferView &outGrad, const BufferView &weight,
                    const BufferView &inGrad) {
    Tensors t = makeTensors(op, inGrad.dtype, weight.dtype, outGrad.dtype);
    Geometry g = makeGeometry(op);
    auto created = describeBackward<dnnl::convolution_backward_data>(
        shared.engine, describeHint(shared, op, outGrad.dtype, g), algorithm,
        t.input, t.anyWeight, t.output, g.strides, g.before, g.after);
    setPrimitive(dnnl::convolution_backward_data(created),
                 created.scratchpad_desc());
    addInput(DNNL_ARG_DIFF_DST, outGrad.data, t.output,
             created.diff_dst_desc());
    addInput(DNNL_ARG_WEIGHTS, weight.data, t.weight, created.weights_desc());
    addResult(DNNL_ARG_DIFF_SRC, inGrad.data, t.input, created.diff_src_desc());
  }

  void backwardWeights(OneDnn &shared, const plan::fb::Conv &op,
                       const BufferView &in, const BufferView &outGrad,
                       const BufferView &weightGrad) {
    Tensors t = makeTensors(op, in.dtype, weightGrad.dtype, outGrad.dtype);
    Geometry g = makeGeometry(op);
    auto created = describeBackward<dnnl::convolution_backward_weights>(
        shared.engine, describeHint(shared, op, in.dtype, g), algorithm,
        t.input, t.anyWeight, t.output, g.strides, g.before, g.after);
    setPrimitive(dnnl::convolution_backward_weights(created),
                 created.scratchpad_desc());
    addInput(DNNL_ARG_SRC, in.data, t.input, created.src_desc());
    addInput(DNNL_ARG_DIFF_DST, outGrad.data, t.output,
             created.diff_dst_desc());
    addResult(DNNL_ARG_DIFF_WEIGHTS, weightGrad.data, t.weight,
              created.diff_weights_desc());
  }
};

} // namespace

std::unique_ptr<Task> makeOneDnnConv(OneDnn &shared, const plan::fb::Conv &op,
                                     const BufferView &lhs,
                                     const BufferView &rhs,
                                     const BufferView &result) {
  try {
    return std::make_unique<ConvTask>(shared, op, lhs, rhs, result);
  } catch (const dnnl::error &error) {
    failOneDnn(error,
               fmt::format("{} {} convolution of {}x{}x{}x{}",
                           plan::fb::EnumNameDType(lhs.dtype),
                           plan::fb::EnumNameConvKind(op.kind()), op.batch(),
                           op.in_height(), op.in_width(), op.in_channels()));
  }
}

} // namespace pfc::rt
