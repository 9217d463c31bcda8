#include "dialects/pfc/onnx/ExportOnnx.h"

#include "dialects/pfc/ir/PfcDialect.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"
#include <onnx/onnx_pb.h>

using namespace mlir;

namespace pfc {
namespace {

constexpr int64_t irVersion = 8; // that opset 17 came with
constexpr int64_t opset = 17;
// A protocol buffer's size is a signed 32-bit integer.
constexpr size_t maxModelBytes = (size_t{1} << 31) - 1;

ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

/// The layer's name, by which every tool prints the value.
StringRef layerName(Operation *op) {
  if (auto name = dyn_cast<NameLoc>(op->getLoc()))
    return name.getName();
  return op->getName().stripDialect();
}

class Exporter {
public:
  Exporter(func::FuncOp embed, OnnxWeights weights)
      : embed(embed), weights(weights) {}

  FailureOr<std::string> run() {
    model.set_ir_version(irVersion);
    model.set_producer_name("pfc");
    model.add_opset_import()->set_version(opset);
    graph = model.mutable_graph();
    graph->set_name("embed");
    for (Operation &op : embed.getBody().front().without_terminator())
      if (failed(add(op)))
        return failure();
    std::string bytes;
    if (model.ByteSizeLong() > maxModelBytes ||
        !model.SerializeToString(&bytes))
      return embed.emitError("the network has more than 2 GiB, which an ONNX "
                             "file can't");
    return bytes;
  }

private:
  LogicalResult add(Operation &op) {
    return TypeSwitch<Operation *, LogicalResult>(&op)
        .Case<ScalePixelsOp, Conv2dOp, BatchNormOp, PReluOp, AddOp, ReshapeOp,
              MatmulOp, LinearOp, AddBiasOp, LayerNormOp, Relu6Op, SplitHeadsOp,
              SoftmaxOp, MergeHeadsOp, OutputOp>(
            [&](auto each) { return add(each); })
        .Case<VariableOp, LayerStatsOp>(
            [](auto) { return success(); }) // where it is used
        .Default([](Operation *each) {
          return each->emitError("has no ONNX node: the network can't be "
                                 "exported");
        });
  }

  /// Images come scaled, so that the model is arcface_torch's.
  LogicalResult add(ScalePixelsOp op) {
    ArrayRef<int64_t> nhwc = shapeOf(op.getOutput());
    describe(*graph->add_input(), "images", {-1, nhwc[3], nhwc[1], nhwc[2]});
    names[op.getOutput()] = "images";
    return success();
  }

  LogicalResult add(Conv2dOp op) {
    if (!isImages(op.getInput()))
      return addTokenLinear(op);
    ArrayRef<int64_t> filter = shapeOf(op.getFilter()); // OHWI
    FailureOr<std::string> weight = initializer(
        op.getFilter(), {filter[0], filter[3], filter[1], filter[2]});
    if (failed(weight))
      return failure();
    onnx::NodeProto &node = addNode("Conv", op, {op.getInput()});
    node.add_input(*weight);
    int64_t padding = op.getPadding();
    setInts(node, "kernel_shape", {filter[1], filter[2]});
    setInts(node, "strides",
            {int64_t(op.getStride()), int64_t(op.getStride())});
    setInts(node, "pads", {padding, padding, padding, padding});
    setInt(node, "group", shapeOf(op.getInput())[3] / filter[3]);
    return success();
  }

  /// A linear layer of tokens, whose weight the state dict has as [out,in].
  LogicalResult addTokenLinear(Conv2dOp op) {
    ArrayRef<int64_t> filter = shapeOf(op.getFilter());
    if (filter[1] != 1 || filter[2] != 1 || op.getStride() != 1 ||
        op.getPadding() != 0 || filter[3] != shapeOf(op.getInput())[3])
      return op.emitError("is more than a linear layer of tokens: the network "
                          "can't be exported");
    FailureOr<std::string> weight =
        initializer(op.getFilter(), {filter[0], filter[3]});
    if (failed(weight))
      return failure();
    std::string columns = transpose(op, *weight, {1, 0});
    addNode("MatMul", op, {op.getInput()}).add_input(columns);
    return success();
  }

  LogicalResult add(BatchNormOp op) {
    if (op.getTraining())
      return op.emitError("normalises by its own batch, which an exported "
                          "network doesn't");
    onnx::NodeProto &node = addNode("BatchNormalization", op, {op.getInput()});
    for (Value parameter :
         {op.getGamma(), op.getBeta(), op.getMean(), op.getVariance()}) {
      FailureOr<std::string> weight =
          initializer(parameter, {shapeOf(parameter).back()});
      if (failed(weight))
        return failure();
      node.add_input(*weight);
    }
    setFloat(node, "epsilon", op.getEps().convertToDouble());
    return success();
  }

  LogicalResult add(PReluOp op) {
    // ONNX broadcasts from the last dimension, ours are channels first.
    SmallVector<int64_t> shape(shapeOf(op.getInput()).size() - 1, 1);
    shape[0] = shapeOf(op.getSlope())[0];
    FailureOr<std::string> slope = initializer(op.getSlope(), shape);
    if (failed(slope))
      return failure();
    addNode("PRelu", op, {op.getInput()}).add_input(*slope);
    return success();
  }

  LogicalResult add(AddOp op) {
    addNode("Add", op, {op.getLhs(), op.getRhs()});
    return success();
  }

  /// To rows: the state dict's fc has its columns in the order of NCHW. Else
  /// images become NHWC first.
  LogicalResult add(ReshapeOp op) {
    ArrayRef<int64_t> from = shapeOf(op.getInput());
    SmallVector<int64_t> to(shapeOf(op.getOutput()));
    if (to.size() == 2 && from[0] == to[0]) {
      setInt(addNode("Flatten", op, {op.getInput()}), "axis", 1);
      return success();
    }
    std::string input = names.lookup(op.getInput());
    if (isImages(op.getInput()))
      input = transpose(op, input, {0, 2, 3, 1});
    to[0] = -1; // of any batch
    std::string shape = integers(op, to);
    onnx::NodeProto &node = addNode("Reshape", op, {});
    node.add_input(input);
    node.add_input(shape);
    if (to.size() == 4)
      tokens.insert(op.getOutput());
    return success();
  }

  LogicalResult add(MatmulOp op) {
    if (op.getAddend())
      return op.emitError("adds its product to another: the network can't be "
                          "exported");
    auto operand = [&](Value value, bool transposed) {
      std::string name = names.lookup(value);
      if (!transposed)
        return name;
      return transpose(op, name,
                       op.isBatched() ? ArrayRef<int64_t>{0, 2, 1}
                                      : ArrayRef<int64_t>{1, 0});
    };
    std::string lhs = operand(op.getLhs(), op.getTransposeLhs());
    std::string rhs = operand(op.getRhs(), op.getTransposeRhs());
    onnx::NodeProto &node = addNode("MatMul", op, {});
    node.add_input(lhs);
    node.add_input(rhs);
    return success();
  }

  LogicalResult add(LinearOp op) {
    FailureOr<std::string> weight =
        initializer(op.getWeight(), shapeOf(op.getWeight()));
    if (failed(weight))
      return failure();
    onnx::NodeProto &node = addNode("Gemm", op, {op.getInput()});
    node.add_input(*weight);
    setInt(node, "transB", 1);
    return success();
  }

  LogicalResult add(AddBiasOp op) {
    SmallVector<int64_t> shape(shapeOf(op.getBias()));
    if (isImages(op.getInput()))
      shape.append({1, 1});
    FailureOr<std::string> bias = initializer(op.getBias(), shape);
    if (failed(bias))
      return failure();
    addNode("Add", op, {op.getInput()}).add_input(*bias);
    return success();
  }

  LogicalResult add(LayerNormOp op) {
    if (isImages(op.getInput()))
      return op.emitError("normalises channels that come first: the network "
                          "can't be exported");
    onnx::NodeProto &node = addNode("LayerNormalization", op, {op.getInput()});
    for (Value parameter : {op.getGamma(), op.getBeta()}) {
      FailureOr<std::string> weight =
          initializer(parameter, shapeOf(parameter));
      if (failed(weight))
        return failure();
      node.add_input(*weight);
    }
    setInt(node, "axis", -1);
    setFloat(node, "epsilon", op.getEps().convertToDouble());
    return success();
  }

  LogicalResult add(Relu6Op op) {
    std::string least = real(op, "min", 0), most = real(op, "max", 6);
    onnx::NodeProto &node = addNode("Clip", op, {op.getInput()});
    node.add_input(least);
    node.add_input(most);
    return success();
  }

  /// [B,…,n·h·d] -> [B,T,n·h,d] -> [B,n·h,T,d] -> n × [B,h,T,d] -> [B·h,T,d]
  LogicalResult add(SplitHeadsOp op) {
    int64_t heads = op.getHeads(), count = op.getNumResults();
    ArrayRef<int64_t> part = shapeOf(op.getParts().front());
    if (isImages(op.getInput()))
      return op.emitError("takes channels that come first: the network can't "
                          "be exported");
    std::string input = reshape(op, names.lookup(op.getInput()),
                                {-1, part[1], count * heads, part[2]});
    input = transpose(op, input, {0, 2, 1, 3});
    SmallVector<std::string> parts{input};
    if (count > 1) {
      onnx::NodeProto &split = addNode("Split", op, "split", {input});
      setInt(split, "axis", 1);
      parts.assign(1, split.output(0));
      while (static_cast<int64_t>(parts.size()) < count) {
        parts.push_back(unique(layerName(op).str() + ".split"));
        split.add_output(parts.back());
      }
    }
    for (auto [result, name] : llvm::zip(op.getParts(), parts))
      names[result] = reshape(op, name, {-1, part[1], part[2]});
    return success();
  }

  /// [B·h,T,d] -> [B,h,T,d] -> [B,T,h,d] -> [B,…,h·d]
  LogicalResult add(MergeHeadsOp op) {
    ArrayRef<int64_t> part = shapeOf(op.getParts().front());
    if (op.getNumOperands() != 1)
      return op.emitError("merges more than one tensor: the network can't be "
                          "exported");
    SmallVector<int64_t> shape(shapeOf(op.getOutput()));
    shape[0] = -1;
    std::string input =
        reshape(op, names.lookup(op.getParts().front()),
                {-1, static_cast<int64_t>(op.getHeads()), part[1], part[2]});
    input = transpose(op, input, {0, 2, 1, 3});
    names[op.getOutput()] = reshape(op, input, shape);
    tokens.insert(op.getOutput());
    return success();
  }

  LogicalResult add(SoftmaxOp op) {
    std::string scale = real(op, "scale", op.getScale().convertToDouble());
    std::string scaled =
        addNode("Mul", op, "scaled", {names.lookup(op.getInput()), scale})
            .output(0);
    onnx::NodeProto &node = addNode("Softmax", op, {});
    node.add_input(scaled);
    setInt(node, "axis", -1);
    return success();
  }

  LogicalResult add(OutputOp op) {
    ArrayRef<int64_t> shape = shapeOf(op.getValue());
    describe(*graph->add_output(), names.lookup(op.getValue()), {-1, shape[1]});
    return success();
  }

  /// A node of one result, which gets the layer's name, or the output's.
  onnx::NodeProto &addNode(const char *type, Operation *op,
                           ArrayRef<Value> inputs) {
    onnx::NodeProto &node = *graph->add_node();
    node.set_op_type(type);
    for (Value input : inputs)
      node.add_input(names.lookup(input));
    std::string name = unique(layerName(op).str());
    node.set_name(name);
    for (Operation *user : op->getResult(0).getUsers())
      if (auto output = dyn_cast<OutputOp>(user))
        name = output.getName().str();
    node.add_output(name);
    names[op->getResult(0)] = name;
    if (llvm::any_of(inputs, [&](Value v) { return tokens.contains(v); }))
      tokens.insert(op->getResult(0));
    return node;
  }

  /// A node on the way to what `op` is, named after it and `what` it does.
  onnx::NodeProto &addNode(const char *type, Operation *op, StringRef what,
                           ArrayRef<std::string> inputs) {
    onnx::NodeProto &node = *graph->add_node();
    node.set_op_type(type);
    std::string name = unique((layerName(op) + "." + what).str());
    node.set_name(name);
    for (const std::string &input : inputs)
      node.add_input(input);
    node.add_output(name);
    return node;
  }

  /// Whether `value` is NHWC, and so NCHW in the model.
  bool isImages(Value value) const {
    return shapeOf(value).size() == 4 && !tokens.contains(value);
  }

  /// The name of `input`, for `op`, with its dimensions in another order.
  std::string transpose(Operation *op, const std::string &input,
                        ArrayRef<int64_t> order) {
    onnx::NodeProto &node = addNode("Transpose", op, "transpose", {input});
    setInts(node, "perm", order);
    return node.output(0);
  }

  /// The name of `input`, for `op`, under another shape.
  std::string reshape(Operation *op, const std::string &input,
                      ArrayRef<int64_t> shape) {
    std::string extents = integers(op, shape);
    return addNode("Reshape", op, "reshape", {input, extents}).output(0);
  }

  /// The name of a number for `op`.
  std::string real(Operation *op, StringRef what, double value) {
    onnx::TensorProto &tensor = *graph->add_initializer();
    std::string name = unique((layerName(op) + "." + what).str());
    tensor.set_name(name);
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    tensor.add_float_data(static_cast<float>(value));
    return name;
  }

  /// The name of a vector of numbers for `op`.
  std::string integers(Operation *op, ArrayRef<int64_t> numbers) {
    onnx::TensorProto &tensor = *graph->add_initializer();
    std::string name = unique(layerName(op).str() + ".shape");
    tensor.set_name(name);
    tensor.set_data_type(onnx::TensorProto::INT64);
    tensor.add_dims(static_cast<int64_t>(numbers.size()));
    for (int64_t number : numbers)
      tensor.add_int64_data(number);
    return name;
  }

  std::string unique(std::string name) {
    std::string tried = name;
    for (int count = 1; !taken.insert(tried).second; ++count)
      tried = name + "_" + std::to_string(count);
    return tried;
  }

  /// The variable's contents under its name, as `shape`.
  FailureOr<std::string> initializer(Value value, ArrayRef<int64_t> shape) {
    auto variable = value.getDefiningOp<VariableOp>();
    if (!variable) {
      emitError(value.getLoc(), "a weight that is computed: the network can't "
                                "be exported");
      return failure();
    }
    std::string name = variable.getName().str();
    std::optional<OnnxWeight> weight = weights(name);
    int64_t elements = ShapedType::getNumElements(shape);
    if (!weight || weight->bytes.size() != sizeof(float) * size_t(elements)) {
      variable.emitError("the state dict has no '")
          << name << "' of " << elements << " elements";
      return failure();
    }
    onnx::TensorProto &tensor = *graph->add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    for (int64_t extent : shape)
      tensor.add_dims(extent);
    tensor.set_raw_data(std::move(weight->bytes));
    taken.insert(name);
    return name;
  }

  /// -1 is the batch.
  static void describe(onnx::ValueInfoProto &info, const std::string &name,
                       ArrayRef<int64_t> shape) {
    info.set_name(name);
    auto &type = *info.mutable_type()->mutable_tensor_type();
    type.set_elem_type(onnx::TensorProto::FLOAT);
    for (int64_t extent : shape) {
      auto &dimension = *type.mutable_shape()->add_dim();
      if (extent < 0)
        dimension.set_dim_param("batch");
      else
        dimension.set_dim_value(extent);
    }
  }

  static onnx::AttributeProto &
  attribute(onnx::NodeProto &node, const char *name,
            onnx::AttributeProto::AttributeType type) {
    onnx::AttributeProto &added = *node.add_attribute();
    added.set_name(name);
    added.set_type(type);
    return added;
  }
  static void setInt(onnx::NodeProto &node, const char *name, int64_t value) {
    attribute(node, name, onnx::AttributeProto::INT).set_i(value);
  }
  static void setFloat(onnx::NodeProto &node, const char *name, double value) {
    attribute(node, name, onnx::AttributeProto::FLOAT)
        .set_f(static_cast<float>(value));
  }
  static void setInts(onnx::NodeProto &node, const char *name,
                      ArrayRef<int64_t> values) {
    auto &added = attribute(node, name, onnx::AttributeProto::INTS);
    for (int64_t value : values)
      added.add_ints(value);
  }

  func::FuncOp embed;
  OnnxWeights weights;
  onnx::ModelProto model;
  onnx::GraphProto *graph = nullptr;
  llvm::DenseMap<Value, std::string> names;
  llvm::DenseSet<Value> tokens; ///< of four dimensions, as they lie here
  llvm::StringSet<> taken;
};

} // namespace

FailureOr<std::string> exportOnnx(func::FuncOp embed, OnnxWeights weights) {
  return Exporter(embed, weights).run();
}

} // namespace pfc
