#include "passes/codegen/cuda/ScalarsToEmitC.h"
#include "passes/codegen/cuda/ShareKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/EmitC/IR/EmitC.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace pfc::cuda {

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

bool ScalarLowering::replace(Operation *op, Value value) {
  op->getResult(0).replaceAllUsesWith(value);
  op->erase();
  return true;
}

Value ScalarLowering::castTo(Value value, Type type) {
  if (value.getType() == type)
    return value;
  return emitc::CastOp::create(builder, value.getLoc(), type, value);
}

Type ScalarLowering::unsignedOf(Type type) {
  // Indices become that type later.
  return builder.getIntegerType(type.isIndex()
                                    ? indexType.getIntOrFloatBitWidth()
                                    : type.getIntOrFloatBitWidth(),
                                /*isSigned=*/false);
}

template <typename Target>
bool ScalarLowering::binary(Operation *op, Type type) {
  return replace(op, Target::create(builder, op->getLoc(), type,
                                    op->getOperand(0), op->getOperand(1)));
}

bool ScalarLowering::call(Operation *op, StringRef callee) {
  return replace(op, emitc::CallOpaqueOp::create(builder, op->getLoc(),
                                                 op->getResultTypes(), callee,
                                                 op->getOperands())
                         .getResult(0));
}

/// pfc::larger<int64_t>(a, b): literals have no type of their own.
bool ScalarLowering::choose(Operation *op, StringRef callee, Type type) {
  ArrayAttr arguments = builder.getTypeArrayAttr(type);
  return replace(op, emitc::CallOpaqueOp::create(builder, op->getLoc(), type,
                                                 callee, op->getOperands(),
                                                 ArrayAttr(), arguments)
                         .getResult(0));
}

/// A literal is printed where it is used.
bool ScalarLowering::literal(Operation *op, Type type, StringRef text) {
  return replace(op,
                 emitc::LiteralOp::create(builder, op->getLoc(), type, text));
}

/// A literal that ShareKernels.h knows as a number.
bool ScalarLowering::number(Operation *op, TypedAttr value, StringRef text) {
  auto literal =
      emitc::LiteralOp::create(builder, op->getLoc(), value.getType(), text);
  literal->setAttr(numberAttrName, value);
  return replace(op, literal);
}

bool ScalarLowering::cast(Operation *op, Type type) {
  return replace(op, castTo(op->getOperand(0), type));
}

static emitc::CmpPredicate predicateOf(arith::CmpIPredicate predicate) {
  using enum arith::CmpIPredicate;
  switch (predicate) {
  case eq:
    return emitc::CmpPredicate::eq;
  case ne:
    return emitc::CmpPredicate::ne;
  case slt:
  case ult:
    return emitc::CmpPredicate::lt;
  case sle:
  case ule:
    return emitc::CmpPredicate::le;
  case sgt:
  case ugt:
    return emitc::CmpPredicate::gt;
  case sge:
  case uge:
    return emitc::CmpPredicate::ge;
  }
  llvm_unreachable("all predicates are handled");
}

bool ScalarLowering::compare(Operation *op, bool isUnsigned) {
  auto compare = mlir::cast<arith::CmpIOp>(op);
  SmallVector<Value> sides(op->getOperands());
  if (isUnsigned)
    for (Value &side : sides)
      side = castTo(side, unsignedOf(side.getType()));
  return replace(op, emitc::CmpOp::create(builder, op->getLoc(),
                                          builder.getI1Type(),
                                          predicateOf(compare.getPredicate()),
                                          sides[0], sides[1]));
}

//===----------------------------------------------------------------------===//
// Indices: never negative, they never wrap
//===----------------------------------------------------------------------===//

bool ScalarLowering::lowerIndexOp(Operation *op) {
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case([&](arith::ConstantOp constant) {
        int64_t value = mlir::cast<IntegerAttr>(constant.getValue()).getInt();
        return number(op, IntegerAttr::get(indexType, value),
                      std::to_string(value));
      })
      .Case([&](arith::AddIOp) { return binary<emitc::AddOp>(op, indexType); })
      .Case([&](arith::SubIOp) { return binary<emitc::SubOp>(op, indexType); })
      .Case([&](arith::MulIOp) { return binary<emitc::MulOp>(op, indexType); })
      .Case([&](arith::DivUIOp) { return binary<emitc::DivOp>(op, indexType); })
      .Case([&](arith::RemUIOp) { return binary<emitc::RemOp>(op, indexType); })
      .Case(
          [&](arith::MinUIOp) { return choose(op, "pfc::smaller", indexType); })
      .Case([&](arith::CmpIOp) { return compare(op, /*isUnsigned=*/false); })
      .Case<arith::IndexCastOp, arith::IndexCastUIOp>([&](Operation *) {
        auto lowered = [&](Type type) {
          return type.isIndex() ? Type(indexType) : type;
        };
        Value source = op->getOperand(0);
        Type type = lowered(op->getResultTypes().front());
        // Indices become that type later: no cast of a type to itself.
        return lowered(source.getType()) == type ? replace(op, source)
                                                 : cast(op, type);
      })
      .Default(false);
}

//===----------------------------------------------------------------------===//
// Floating point
//===----------------------------------------------------------------------===//

/// A 16-bit float in CUDA C++.
struct Half {
  emitc::OpaqueType type;
  StringRef fromFloat, toFloat;
};

/// Of bf16 or f16, or of what those became.
static Half halfOf(Type type) {
  MLIRContext *context = type.getContext();
  auto bfloat = emitc::OpaqueType::get(context, "__nv_bfloat16");
  if (type.isBF16() || type == bfloat)
    return {bfloat, "__float2bfloat16_rn", "__bfloat162float"};
  return {emitc::OpaqueType::get(context, "__half"), "__float2half_rn",
          "__half2float"};
}

/// Of an ordered comparison, which C++'s operators are.
static std::optional<emitc::CmpPredicate> ordered(arith::CmpFPredicate kind) {
  switch (kind) {
  case arith::CmpFPredicate::OEQ:
    return emitc::CmpPredicate::eq;
  case arith::CmpFPredicate::OGT:
    return emitc::CmpPredicate::gt;
  case arith::CmpFPredicate::OGE:
    return emitc::CmpPredicate::ge;
  case arith::CmpFPredicate::OLT:
    return emitc::CmpPredicate::lt;
  case arith::CmpFPredicate::OLE:
    return emitc::CmpPredicate::le;
  default:
    return std::nullopt;
  }
}

/// With as many digits as make it the same number again.
static std::string textOf(const APFloat &value) {
  SmallString<32> digits;
  value.toString(digits, /*FormatPrecision=*/0, /*FormatMaxPadding=*/8);
  std::string text(digits);
  if (text.find_first_of(".E") == std::string::npos)
    text += ".0";
  bool single = &value.getSemantics() == &APFloat::IEEEsingle();
  return (value.isNegative() ? "(" + text : text) + (single ? "f" : "") +
         (value.isNegative() ? ")" : "");
}

bool ScalarLowering::lowerFloatConstant(Operation *op, APFloat value) {
  Type type = op->getResultTypes().front();
  if (!value.isFinite())
    return false;
  if (type.isF32())
    return number(op, FloatAttr::get(type, value), textOf(value));
  if (type.isF64())
    return literal(op, type, textOf(value));
  bool loses;
  value.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &loses);
  Half half = halfOf(type);
  op->getResult(0).setType(half.type);
  return literal(op, half.type,
                 (half.fromFloat + "(" + textOf(value) + ")").str());
}

bool ScalarLowering::lowerFloatOp(Operation *op) {
  // math.exp of an f32 is expf.
  if (isa_and_nonnull<math::MathDialect>(op->getDialect()) &&
      op->getNumResults() == 1 && op->getResultTypes()[0].isF32())
    return call(op, (op->getName().stripDialect() + "f").str());
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case([&](arith::ConstantOp constant) {
        auto value = dyn_cast<FloatAttr>(constant.getValue());
        return value && lowerFloatConstant(constant, value.getValue());
      })
      .Case([&](arith::ExtFOp extend) {
        if (!extend.getType().isF32())
          return false;
        return call(op, halfOf(extend.getIn().getType()).toFloat);
      })
      .Case([&](arith::TruncFOp truncate) {
        Type type = truncate.getType();
        if (!type.isBF16() && !type.isF16())
          return false;
        Half half = halfOf(type);
        truncate.getResult().setType(half.type);
        return call(op, half.fromFloat);
      })
      .Case([&](arith::CmpFOp compare) {
        auto predicate = ordered(compare.getPredicate());
        return predicate &&
               replace(op, emitc::CmpOp::create(
                               builder, op->getLoc(), builder.getI1Type(),
                               *predicate, compare.getLhs(), compare.getRhs()));
      })
      .Case([&](arith::BitcastOp bits) {
        Type from = bits.getIn().getType(), to = bits.getType();
        if (from.isF32() && to.isInteger(32))
          return call(op, "__float_as_int");
        return from.isInteger(32) && to.isF32() && call(op, "__int_as_float");
      })
      .Case([&](arith::MaximumFOp) { return call(op, "pfc::maximum"); })
      .Case([&](arith::MinimumFOp) { return call(op, "pfc::minimum"); })
      .Default(false);
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

/// Shifts by at least the width have no result, so that C++'s operator does.
bool ScalarLowering::shift(Operation *op, bool left) {
  Type type = op->getResultTypes().front(), bits = unsignedOf(type);
  Value value = castTo(op->getOperand(0), bits);
  Value amount = castTo(op->getOperand(1), bits);
  Value shifted;
  if (left)
    shifted = emitc::BitwiseLeftShiftOp::create(builder, op->getLoc(), bits,
                                                value, amount);
  else
    shifted = emitc::BitwiseRightShiftOp::create(builder, op->getLoc(), bits,
                                                 value, amount);
  return replace(op, castTo(shifted, type));
}

bool ScalarLowering::multiplyExtended(Operation *op) {
  auto product = mlir::cast<arith::MulUIExtendedOp>(op);
  Type word = product.getLow().getType(), bits = unsignedOf(word);
  SmallVector<Value> factors{castTo(product.getLhs(), bits),
                             castTo(product.getRhs(), bits)};
  Value low =
      emitc::MulOp::create(builder, op->getLoc(), bits, factors[0], factors[1]);
  Value high = emitc::CallOpaqueOp::create(builder, op->getLoc(), bits,
                                           "__umulhi", factors)
                   .getResult(0);
  product.getLow().replaceAllUsesWith(castTo(low, word));
  product.getHigh().replaceAllUsesWith(castTo(high, word));
  op->erase();
  return true;
}

bool ScalarLowering::lowerIntegerOp(Operation *op) {
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case([&](arith::MulUIExtendedOp) { return multiplyExtended(op); })
      .Case([&](arith::ShLIOp) { return shift(op, /*left=*/true); })
      .Case([&](arith::ShRUIOp) { return shift(op, /*left=*/false); })
      .Case([&](arith::MaxSIOp max) {
        return choose(op, "pfc::larger", max.getType());
      })
      .Case([&](arith::MinSIOp min) {
        return choose(op, "pfc::smaller", min.getType());
      })
      .Case([&](arith::CmpIOp compareOp) {
        if (compareOp.getLhs().getType().isInteger(1))
          return false;
        using enum arith::CmpIPredicate;
        bool isUnsigned =
            llvm::is_contained({ult, ule, ugt, uge}, compareOp.getPredicate());
        return compare(op, isUnsigned);
      })
      .Default(false);
}

void ScalarLowering::lower(Operation *op, bool onIndices) {
  builder.setInsertionPoint(op);
  if (onIndices)
    lowerIndexOp(op);
  else if (!lowerFloatOp(op))
    lowerIntegerOp(op);
}

} // namespace pfc::cuda
