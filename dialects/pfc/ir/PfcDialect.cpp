#include "dialects/pfc/ir/PfcDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#include "dialects/pfc/ir/PfcDialect.cpp.inc"
#include "dialects/pfc/ir/PfcEnums.cpp.inc"
#include "dialects/pfc/ir/PfcInterfaces.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/pfc/ir/PfcAttrs.cpp.inc"

void pfc::PfcDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/pfc/ir/PfcAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/pfc/ir/PfcOps.cpp.inc"
      >();
}
