#include "EagerNetwork.h"

#include "dialects/pfc/ir/PfcDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

#include <tuple>

using namespace mlir;
using namespace pfc;
using namespace pfc::simulate;

/// Columns of the tiles that GPU libraries compute products in.
static constexpr int64_t tileColumns = 128;

static double elements(Value value) {
  return static_cast<double>(
      cast<ShapedType>(value.getType()).getNumElements());
}

/// How much longer a product with so many channels takes for whole tiles.
static double padding(int64_t channels) {
  return static_cast<double>(llvm::alignTo(channels, tileColumns)) /
         static_cast<double>(channels);
}

bool EagerConv::operator<(const EagerConv &other) const {
  return std::tie(inputs, outputs, side, outputSide, kernel, groups) <
         std::tie(other.inputs, other.outputs, other.side, other.outputSide,
                  other.kernel, other.groups);
}

static EagerConv shapeOf(Conv2dOp conv) {
  auto shape = [](Value value) {
    return cast<ShapedType>(value.getType()).getShape();
  };
  EagerConv of;
  of.inputs = shape(conv.getInput()).back();
  of.outputs = shape(conv.getOutput()).back();
  of.side = shape(conv.getInput())[1];
  of.outputSide = shape(conv.getOutput())[1];
  of.kernel = shape(conv.getFilter())[1];
  of.groups = of.inputs / shape(conv.getFilter()).back();
  return of;
}

namespace {

/// Counts the whole batch; `finish` divides by it.
class Counter {
public:
  void count(Operation &op) {
    using Kind = EagerLayer::Kind;
    llvm::TypeSwitch<Operation *>(&op)
        .Case([&](ScalePixelsOp pixels) {
          numbers[pixels.getOutput()] = newActivation(pixels.getOutput());
        })
        .Case([&](ReshapeOp reshape) {
          numbers[reshape.getOutput()] = numbers.at(reshape.getInput());
        })
        .Case([&](DropoutOp dropout) { // in place
          numbers[dropout.getOutput()] = numbers.at(dropout.getInput());
        })
        .Case([&](Conv2dOp conv) {
          addLayer(Kind::Conv, conv, {conv.getInput()});
          result.layers.back().conv = shapeOf(conv);
          countConv(conv);
        })
        .Case([&](AddBiasOp bias) { // a part of the linear layer
          numbers[bias.getOutput()] = numbers.at(bias.getInput());
          llvm::append_range(result.layers.back().parameters,
                             parametersOf(bias));
        })
        .Case([&](LinearOp linear) {
          addLayer(Kind::Linear, linear, {linear.getInput()});
          addProducts(2 * elements(linear.getOutput()) *
                          channels(linear.getInput()),
                      linear.getInput(), linear.getOutput());
          keep(linear.getInput());
        })
        .Case([&](BatchNormOp norm) {
          addLayer(Kind::Norm, norm, {norm.getInput()});
          pass(norm.getInput(), 3 + 5, 2);
          keep(norm.getInput());
        })
        .Case([&](PReluOp prelu) {
          addLayer(Kind::PRelu, prelu, {prelu.getInput()});
          pass(prelu.getInput(), 2 + 5, 3);
          keep(prelu.getInput());
        })
        .Case([&](AddOp add) {
          addLayer(Kind::Sum, add, {add.getLhs(), add.getRhs()});
          pass(add.getResult(), 3 + 3, 2);
        })
        .Case([&](LayerNormOp norm) {
          addLayer(Kind::Norm, norm, {norm.getInput()});
          pass(norm.getInput(), 2 + 5, 3);
          keep(norm.getInput());
        })
        .Case([&](Relu6Op relu) {
          addLayer(Kind::Relu, relu, {relu.getInput()});
          pass(relu.getInput(), 2 + 3, 2);
          keep(relu.getInput());
        })
        .Case<DropPathOp, SplitHeadsOp, MergeHeadsOp, GatherTokensOp,
              RestoreTokensOp>([&](Operation *copy) {
          for (Value result : copy->getResults()) {
            addLayer(Kind::Copy, copy, {copy->getOperand(0)}, result);
            pass(result, 2 + 2, 2);
          }
        })
        .Case([&](SoftmaxOp softmax) {
          addLayer(Kind::Softmax, softmax, {softmax.getInput()});
          pass(softmax.getOutput(), 4 + 5, 4);
          keep(softmax.getOutput());
        })
        .Case([&](MatmulOp product) {
          addLayer(Kind::Product, product,
                   {product.getLhs(), product.getRhs()});
          result.flops += 3 * static_cast<double>(product.getCost().flops);
          result.kernels += 3;
          keep(product.getLhs());
          keep(product.getRhs());
        })
        .Case([&](VariableOp variable) {
          if (variable.getRole() != Role::Parameter)
            return;
          result.parameters += elements(variable);
          result.kernels += 1;
        });
  }

  EagerNetwork finish(int64_t images) const {
    EagerNetwork one = result;
    const double n = static_cast<double>(images);
    one.flops /= n;
    one.passed /= n;
    one.kept /= n;
    for (double &activation : one.activations)
      activation /= n;
    return one;
  }

private:
  static double channels(Value value) {
    return static_cast<double>(
        cast<ShapedType>(value.getType()).getShape().back());
  }

  int newActivation(Value value) {
    result.activations.push_back(elements(value));
    return static_cast<int>(result.activations.size()) - 1;
  }

  static std::vector<double> parametersOf(Operation *op) {
    std::vector<double> sizes;
    for (Value operand : op->getOperands())
      if (auto variable = operand.getDefiningOp<VariableOp>();
          variable && variable.getRole() == Role::Parameter)
        sizes.push_back(elements(operand));
    return sizes;
  }

  void addLayer(EagerLayer::Kind kind, Operation *op, ValueRange inputs) {
    addLayer(kind, op, inputs, op->getResult(0));
  }

  void addLayer(EagerLayer::Kind kind, Operation *op, ValueRange inputs,
                Value output) {
    EagerLayer layer;
    layer.kind = kind;
    for (Value input : inputs)
      layer.inputs.push_back(numbers.at(input));
    layer.output = newActivation(output);
    layer.parameters = parametersOf(op);
    numbers[output] = layer.output;
    result.layers.push_back(std::move(layer));
  }

  /// Of the op and of its gradients: of the input, if it comes from an op that
  /// has one, and of the parameters.
  void addProducts(double flops, Value input, Value output) {
    const double in = padding(static_cast<int64_t>(channels(input)));
    const double out = padding(static_cast<int64_t>(channels(output)));
    const bool first = !input.getDefiningOp<ScalePixelsOp>();
    result.flops += flops * (out + out + (first ? in : 0));
    result.kernels += first ? 3 : 2;
  }

  void countConv(Conv2dOp conv) {
    keep(conv.getInput());
    if (channels(conv.getInput()) != channels(conv.getFilter())) {
      // In groups: what it reads and writes takes longer than its products.
      result.passed += 3 * (elements(conv.getInput()) + elements(conv));
      result.kernels += 3;
      return;
    }
    addProducts(static_cast<double>(conv.getCost().flops), conv.getInput(),
                conv.getOutput());
  }

  void pass(Value activation, int passes, int kernels) {
    result.passed += passes * elements(activation);
    result.kernels += kernels;
  }

  /// An activation that several ops read is kept once.
  void keep(Value activation) {
    if (kept.insert(activation).second)
      result.kept += elements(activation);
  }

  EagerNetwork result;
  llvm::DenseSet<Value> kept;
  llvm::DenseMap<Value, int> numbers; // of activations
};

} // namespace

EagerNetwork pfc::simulate::countBackbone(ModuleOp graph) {
  auto step = graph.lookupSymbol<func::FuncOp>("train_step");
  const int64_t images =
      cast<ShapedType>(step.getArgument(0).getType()).getDimSize(0);
  Counter counter;
  for (Operation &op : step.getOps()) {
    // The head is the first that reads labels.
    if (isa<SampleCentersOp>(op))
      break;
    counter.count(op);
  }
  return counter.finish(images);
}
