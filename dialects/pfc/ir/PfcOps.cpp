//===- PfcOps.cpp - What TableGen made of the ops -------------------------===//
#include "dialects/pfc/ir/PfcDialect.h"

using namespace mlir;

namespace pfc {

/// The types of a table's state: `momentum bf16`, where the momentum's elements
/// are not the table's; squares are always f32.
static ParseResult
parseStateTypes(OpAsmParser &parser, Type &momentum, Type &squares,
                const std::optional<OpAsmParser::UnresolvedOperand> &adamw,
                Type table) {
  momentum = table;
  auto shaped = dyn_cast<RankedTensorType>(table);
  if (adamw)
    squares = shaped ? shaped.clone(parser.getBuilder().getF32Type()) : table;
  if (failed(parser.parseOptionalKeyword("momentum")))
    return success();
  Type element;
  SMLoc loc = parser.getCurrentLocation();
  if (failed(parser.parseType(element)))
    return failure();
  if (!shaped || !isa<FloatType>(element))
    return parser.emitError(loc,
                            "expected a float type of a tensor's elements");
  momentum = shaped.clone(element);
  return success();
}

static void printStateTypes(OpAsmPrinter &printer, Operation *, Type momentum,
                            Type, Value, Type table) {
  if (momentum != table)
    printer << " momentum "
            << cast<RankedTensorType>(momentum).getElementType();
}

} // namespace pfc

#define GET_OP_CLASSES
#include "dialects/pfc/ir/PfcOps.cpp.inc"

namespace pfc {

int64_t RankConstantOp::evaluate(int64_t rank) {
  return getBase() + getPerRank() * rank +
         (rank < static_cast<int64_t>(getThreshold()) ? getBelow() : 0) +
         getPerCappedRank() * std::min<int64_t>(rank, getThreshold());
}

} // namespace pfc
