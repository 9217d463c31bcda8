//===- ShareKernels.cpp - One kernel for many sizes -----------------------===//
//
// A network has the same layers at several resolutions and widths, so that
// most of its kernels are a few texts with other numbers in them. NVRTC's time
// goes with the number of texts.
//
// Two kernels have the same form if printing them without those numbers gives
// the same: ops, types, attributes, and which value is used where.
//
//===----------------------------------------------------------------------===//
#include "passes/codegen/cuda/ShareKernels.h"

#include "mlir/Dialect/EmitC/IR/EmitC.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace pfc::cuda {
namespace {

TypedAttr numberOf(Value value) {
  auto literal = value.getDefiningOp<emitc::LiteralOp>();
  return literal ? literal->getAttrOfType<TypedAttr>(numberAttrName)
                 : TypedAttr();
}

/// Gives each use of a number a literal of its own, right before it.
void splitNumbers(emitc::FuncOp function) {
  SmallVector<emitc::LiteralOp> literals;
  function.walk([&](emitc::LiteralOp literal) {
    if (literal->hasAttr(numberAttrName))
      literals.push_back(literal);
  });
  for (emitc::LiteralOp literal : literals) {
    for (OpOperand &use : llvm::make_early_inc_range(literal->getUses())) {
      OpBuilder builder(use.getOwner());
      use.set(builder.clone(*literal)->getResult(0));
    }
    literal->erase();
  }
}

bool isDivisor(OpOperand &use) {
  return isa<emitc::DivOp, emitc::RemOp>(use.getOwner()) &&
         use.getOperandNumber() == 1;
}

bool isUnrolled(Operation *loop) {
  Operation *before = loop->getPrevNode();
  while (isa_and_nonnull<emitc::LiteralOp>(before))
    before = before->getPrevNode();
  auto hint = dyn_cast_or_null<emitc::VerbatimOp>(before);
  return hint && hint.getValue() == "#pragma unroll";
}

/// Whether the number used there may be a parameter.
bool mayVary(OpOperand &use, TypedAttr number) {
  Operation *user = use.getOwner();
  if (isDivisor(use)) {
    auto integer = dyn_cast<IntegerAttr>(number);
    return integer && llvm::isPowerOf2_64(integer.getInt());
  }
  if (isa<emitc::ForOp>(user))
    return !isUnrolled(user);
  if (auto subscript = dyn_cast<emitc::SubscriptOp>(user))
    return !isa<emitc::ArrayType>(subscript.getValue().getType());
  return true;
}

/// What is passed for a number: of a divisor, what shifts or masks as it does.
Attribute parameterFor(OpOperand &use, TypedAttr number) {
  if (!isDivisor(use))
    return number;
  int64_t divisor = cast<IntegerAttr>(number).getInt();
  return IntegerAttr::get(number.getType(), isa<emitc::DivOp>(use.getOwner())
                                                ? llvm::Log2_64(divisor)
                                                : divisor - 1);
}

/// Where a kernel has a number that may vary.
struct Site {
  OpOperand *use;
  TypedAttr number;
};

/// A kernel without its numbers.
class Form {
public:
  explicit Form(emitc::FuncOp function) : function(function), os(text) {
    os << function->getPrevNode()->getAttr("value"); // its description
    printOp(function);
  }

  emitc::FuncOp function;
  std::string text;
  SmallVector<Site> sites;

private:
  void printOp(Operation *op);
  void printOperand(OpOperand &operand);
  void printNew(ValueRange values) {
    for (Value value : values) {
      ids.try_emplace(value, ids.size());
      os << value.getType() << ' ';
    }
  }

  llvm::raw_string_ostream os;
  llvm::DenseMap<Value, unsigned> ids;
};

void Form::printOperand(OpOperand &operand) {
  TypedAttr number = numberOf(operand.get());
  if (number && mayVary(operand, number)) {
    os << "any " << number.getType() << ' ';
    sites.push_back({&operand, number});
  } else if (number) {
    os << number << ' ';
  } else {
    os << ids.lookup(operand.get()) << ' ';
  }
}

void Form::printOp(Operation *op) {
  if (op->hasAttr(numberAttrName))
    return; // printed where it is used
  os << op->getName() << ' ';
  for (NamedAttribute attribute : op->getAttrs())
    if (attribute.getName() != SymbolTable::getSymbolAttrName())
      os << attribute.getName() << attribute.getValue() << ' ';
  for (OpOperand &operand : op->getOpOperands())
    printOperand(operand);
  printNew(op->getResults());
  for (Region &region : op->getRegions())
    for (Block &block : region) {
      os << '{';
      printNew(block.getArguments());
      for (Operation &inner : block)
        printOp(&inner);
      os << '}';
    }
  os << '\n';
}

/// Puts the function's parameter where a number was.
void useParameter(OpOperand &use, Value parameter) {
  Operation *user = use.getOwner(), *literal = use.get().getDefiningOp();
  bool divides = isDivisor(use);
  use.set(parameter);
  literal->erase();
  if (!divides)
    return;
  OpBuilder builder(user);
  Location loc = user->getLoc();
  Type type = user->getResultTypes().front();
  Value dividend = user->getOperand(0), result;
  if (isa<emitc::DivOp>(user))
    result = emitc::BitwiseRightShiftOp::create(builder, loc, type, dividend,
                                                parameter);
  else
    result =
        emitc::BitwiseAndOp::create(builder, loc, type, dividend, parameter);
  user->getResult(0).replaceAllUsesWith(result);
  user->erase();
}

/// The parameters of kernels of the same form.
class Sharing {
public:
  explicit Sharing(ArrayRef<Form *> members) : members(members) {}

  /// Makes the first kernel the one for all.
  void run(llvm::StringMap<KernelCall> &calls);

private:
  bool differs(size_t site) const {
    return llvm::any_of(members, [&](Form *member) {
      return member->sites[site].number != members[0]->sites[site].number;
    });
  }
  /// What each member passes there.
  SmallVector<Attribute> column(size_t site) const {
    SmallVector<Attribute> values;
    for (Form *member : members) {
      const Site &at = member->sites[site];
      values.push_back(parameterFor(*at.use, at.number));
    }
    return values;
  }
  Value addParameter(Type type);

  ArrayRef<Form *> members;
};

Value Sharing::addParameter(Type type) {
  emitc::FuncOp function = members.front()->function;
  unsigned count = function.getNumArguments();
  bool added =
      succeeded(function.insertArgument(count, type, {}, function.getLoc()));
  assert(added && "a kernel's type takes any arguments");
  (void)added;
  return function.getArgument(count);
}

void Sharing::run(llvm::StringMap<KernelCall> &calls) {
  emitc::FuncOp first = members.front()->function;
  // Numbers that vary alike are one parameter.
  llvm::MapVector<Attribute, Value> parameters;
  Builder builder(first.getContext());
  for (size_t site = 0; site < members[0]->sites.size(); ++site) {
    if (!differs(site))
      continue;
    SmallVector<Attribute> values = column(site);
    Value &parameter = parameters[builder.getArrayAttr(values)];
    if (!parameter)
      parameter = addParameter(cast<TypedAttr>(values.front()).getType());
    useParameter(*members[0]->sites[site].use, parameter);
  }
  for (auto [k, member] : llvm::enumerate(members)) {
    KernelCall &call = calls[member->function.getSymName()];
    call.kernel = first.getSymNameAttr();
    for (auto &[values, parameter] : parameters)
      call.numbers.push_back(cast<ArrayAttr>(values)[k]);
  }
  for (Form *member : members.drop_front()) {
    member->function->getPrevNode()->erase();
    member->function.erase();
  }
}

} // namespace

llvm::StringMap<KernelCall> shareKernels(ModuleOp kernels) {
  std::vector<std::unique_ptr<Form>> forms;
  llvm::MapVector<StringRef, SmallVector<Form *>> groups;
  for (auto function : kernels.getOps<emitc::FuncOp>()) {
    splitNumbers(function);
    forms.push_back(std::make_unique<Form>(function));
    groups[forms.back()->text].push_back(forms.back().get());
  }
  llvm::StringMap<KernelCall> calls;
  for (auto &[text, members] : groups)
    Sharing(members).run(calls);
  return calls;
}

} // namespace pfc::cuda
