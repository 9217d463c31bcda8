//===- Differentiate.cpp - pfc-differentiate ------------------------------===//
//
// Reverse-mode differentiation of a straight-line program: one walk back over
// the ops, a map from each value to the sum of the gradients that reached it.
//
//===----------------------------------------------------------------------===//
#include "passes/Passes.h"
#include "llvm/ADT/MapVector.h"

namespace pfc {
#define GEN_PASS_DEF_DIFFERENTIATEPASS
#include "passes/Passes.h.inc"
} // namespace pfc

using namespace mlir;
using namespace pfc;

namespace {

class Differentiation {
public:
  explicit Differentiation(func::FuncOp function)
      : block(function.getBody().front()),
        builder(OpBuilder::atBlockTerminator(&block)) {}

  LogicalResult run(SoftmaxCrossEntropyOp root);

private:
  Block &block;
  OpBuilder builder;
  /// Values computed from a parameter.
  DenseSet<Value> differentiated;
  DenseMap<Value, Value> gradients;
  /// Gradients by name: several ops may read one parameter.
  llvm::MapVector<StringAttr, Value> parameterGradients;

  void findDifferentiated(Operation *root);
  LogicalResult pullBack(Operation *op);
  void accumulate(Value &sum, Value gradient);
  void nameGradients();
  void eraseUnused(Operation *lastForward);
};

} // namespace

void Differentiation::findDifferentiated(Operation *root) {
  for (Operation &op : block) {
    auto variable = dyn_cast<VariableOp>(op);
    bool starts = variable && variable.getRole() == Role::Parameter;
    if (starts || llvm::any_of(op.getOperands(), [&](Value operand) {
          return differentiated.contains(operand);
        }))
      differentiated.insert(op.result_begin(), op.result_end());
    if (&op == root)
      return;
  }
}

void Differentiation::accumulate(Value &sum, Value gradient) {
  sum =
      sum ? AddOp::create(builder, gradient.getLoc(), sum, gradient) : gradient;
}

LogicalResult Differentiation::pullBack(Operation *op) {
  auto differentiable = dyn_cast<DifferentiableOpInterface>(op);
  if (!differentiable)
    return op->emitOpError("has no gradient, but the loss and a parameter "
                           "meet in it");
  SmallVector<Value> resultGradients;
  for (Value result : op->getResults())
    resultGradients.push_back(gradients.lookup(result));
  SmallVector<Value> operandGradients(op->getNumOperands());
  if (failed(
          differentiable.buildVjp(builder, resultGradients, operandGradients)))
    return failure();
  for (auto [operand, gradient] :
       llvm::zip_equal(op->getOperands(), operandGradients))
    if (gradient && differentiated.contains(operand))
      accumulate(gradients[operand], gradient);
  return success();
}

LogicalResult Differentiation::run(SoftmaxCrossEntropyOp root) {
  findDifferentiated(root);
  if (!differentiated.contains(root.getLoss()))
    return root.emitOpError("depends on no parameter: nothing to train");
  Operation *lastForward = block.getTerminator()->getPrevNode();
  if (failed(pullBack(root)))
    return failure();
  for (Operation *op = root->getPrevNode(); op; op = op->getPrevNode()) {
    if (llvm::none_of(op->getResults(), [&](Value result) {
          return gradients.lookup(result) != nullptr;
        }))
      continue;
    if (auto variable = dyn_cast<VariableOp>(op))
      accumulate(parameterGradients[variable.getNameAttr()],
                 gradients.lookup(variable.getValue()));
    else if (failed(pullBack(op)))
      return failure();
  }
  nameGradients();
  eraseUnused(lastForward);
  return success();
}

void Differentiation::nameGradients() {
  for (auto [name, gradient] : parameterGradients)
    GradientOp::create(builder, gradient.getLoc(), name, gradient);
  for (auto variable : block.getOps<VariableOp>())
    if (variable.getRole() == Role::Parameter &&
        !parameterGradients.contains(variable.getNameAttr()))
      variable.emitWarning("the loss does not depend on parameter ")
          << variable.getNameAttr() << ": it will not be trained";
}

/// Erases what was built for operands that need no gradient.
void Differentiation::eraseUnused(Operation *lastForward) {
  Operation *op = block.getTerminator()->getPrevNode();
  while (op != lastForward) {
    Operation *previous = op->getPrevNode();
    if (isOpTriviallyDead(op))
      op->erase();
    op = previous;
  }
}

/// The one loss of the step.
static FailureOr<SoftmaxCrossEntropyOp> findLoss(func::FuncOp function) {
  SoftmaxCrossEntropyOp loss;
  for (auto op : function.getOps<SoftmaxCrossEntropyOp>()) {
    if (loss)
      return op.emitOpError("is a second loss; a step has one");
    loss = op;
  }
  if (!loss)
    return function.emitOpError(
        "has no pfc.softmax_cross_entropy to differentiate");
  return loss;
}

namespace {
struct DifferentiatePass
    : public pfc::impl::DifferentiatePassBase<DifferentiatePass> {
  using Base::Base;

  void runOnOperation() override {
    auto function = getOperation().lookupSymbol<func::FuncOp>("train_step");
    if (!function)
      return;
    FailureOr<SoftmaxCrossEntropyOp> loss = findLoss(function);
    if (failed(loss) || failed(Differentiation(function).run(*loss)))
      signalPassFailure();
  }
};
} // namespace
