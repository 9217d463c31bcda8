#include "passes/codegen/InPlace.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace pfc {

bool updatesElementwise(OpOperand &use, Value value) {
  Operation *op = use.getOwner();
  unsigned result = cast<OpResult>(value).getResultNumber();
  if (auto rows = dyn_cast<RowKernelOpInterface>(op))
    return rows.getInPlaceOperand(result) ==
           static_cast<int>(use.getOperandNumber());
  auto generic = dyn_cast<linalg::GenericOp>(op);
  return generic && generic.getMatchingIndexingMap(&use).isIdentity() &&
         generic.getIndexingMapMatchingResult(cast<OpResult>(value))
             .isIdentity();
}

bool readsBefore(Operation *user, Operation *op) {
  return !isa<ReshapeOp, SliceOp, BarrierOp, BucketOp, AssignOp, OutputOp,
              tensor::BitcastOp>(user) &&
         user->isBeforeInBlock(op);
}

bool readsLast(Operation *op, Value operand) {
  unsigned times = 0;
  for (Operation *user : operand.getUsers()) {
    if (user == op)
      ++times;
    else if (!readsBefore(user, op))
      return false;
  }
  return times == 1;
}

//===----------------------------------------------------------------------===//
// Variables
//===----------------------------------------------------------------------===//

namespace {

/// A variable's new value may overwrite the old one in place when its producer
/// is the last to read the old one, and reads it element by element. Buckets of
/// variables are updated in place as one, and class centers in steps, some rows
/// in each.
class InPlaceUpdates {
public:
  explicit InPlaceUpdates(func::FuncOp function) : function(function) {
    unsigned next = 0;
    function.walk([&](Operation *op) {
      order[op] = next++;
      if (auto variable = dyn_cast<VariableOp>(op))
        variables[variable.getName()].push_back(variable);
    });
  }

  void apply(BufferTable &buffers);

private:
  SmallVector<Value> stepsTo(Value value);
  bool overwrites(Value value, ArrayRef<StringRef> names);
  bool isReadInTime(Value old, Value value, bool sameElements);

  func::FuncOp function;
  llvm::StringMap<SmallVector<VariableOp>> variables;
  llvm::DenseMap<Operation *, unsigned> order;
};

/// Whether `bucket` is of the variables `names`, in order.
bool isBucketOf(BucketOp bucket, ArrayRef<StringRef> names) {
  return llvm::equal(bucket.getTensors(), names,
                     [](Value tensor, StringRef name) {
                       auto variable = tensor.getDefiningOp<VariableOp>();
                       return variable && variable.getName() == name;
                     });
}

} // namespace

/// Whether all readers of `old` come before the producer of `value`, or are the
/// producer, which may overwrite each element that it has read. Who reads the
/// same memory under another shape is a reader.
bool InPlaceUpdates::isReadInTime(Value old, Value value, bool sameElements) {
  Operation *producer = value.getDefiningOp();
  return llvm::all_of(old.getUses(), [&](OpOperand &use) {
    Operation *reader = use.getOwner();
    if (isa<ReshapeOp, SliceOp, BarrierOp>(reader))
      return isReadInTime(reader->getResult(0), value, /*sameElements=*/false);
    return isa<BucketOp>(reader) || order[reader] < order[producer] ||
           (sameElements && reader == producer &&
            updatesElementwise(use, value));
  });
}

/// `value` and, before it, what row kernels made it from in place, up to a
/// variable.
SmallVector<Value> InPlaceUpdates::stepsTo(Value value) {
  SmallVector<Value> steps = {value};
  while (auto rows = value.getDefiningOp<RowKernelOpInterface>()) {
    int operand =
        rows.getInPlaceOperand(cast<OpResult>(value).getResultNumber());
    if (operand < 0)
      break;
    value = rows->getOperand(operand);
    if (!value.getDefiningOp<RowKernelOpInterface>())
      break;
    steps.push_back(value);
  }
  std::reverse(steps.begin(), steps.end());
  return steps;
}

bool InPlaceUpdates::overwrites(Value value, ArrayRef<StringRef> names) {
  Operation *producer = value.getDefiningOp();
  if (!isa_and_nonnull<linalg::GenericOp, RowKernelOpInterface>(producer))
    return false;
  SmallVector<Value> steps = stepsTo(value);
  for (auto [step, next] :
       llvm::zip(steps, ArrayRef<Value>(steps).drop_front()))
    if (!isReadInTime(step, next, /*sameElements=*/true))
      return false;
  for (StringRef name : names)
    for (VariableOp variable : variables[name]) {
      if (!isReadInTime(variable, steps.front(), names.size() == 1))
        return false;
      for (Operation *user : variable->getUsers())
        if (auto bucket = dyn_cast<BucketOp>(user);
            bucket && !isReadInTime(bucket, value, isBucketOf(bucket, names)))
          return false;
    }
  return true;
}

void InPlaceUpdates::apply(BufferTable &buffers) {
  llvm::DenseSet<Value> taken;
  function.walk([&](AssignOp assign) {
    Value value = assign.getValue();
    if (overwrites(value, assign.getName()) && taken.insert(value).second)
      for (Value step : stepsTo(value))
        buffers.writeInPlace(step, step, assign.getName());
  });
  function.walk([&](UnbucketOp op) {
    SmallVector<StringRef> names;
    for (Value tensor : op.getTensors())
      if (auto assign = tensor.hasOneUse()
                            ? dyn_cast<AssignOp>(*tensor.user_begin())
                            : AssignOp())
        names.push_back(assign.getName());
    SmallVector<Value> tensors(op.getTensors());
    if (names.size() == tensors.size() && overwrites(op.getBucket(), names))
      buffers.writeInPlace(op.getBucket(), tensors, names);
  });
}

void updateVariablesInPlace(func::FuncOp function, BufferTable &buffers) {
  InPlaceUpdates(function).apply(buffers);
}

} // namespace pfc
