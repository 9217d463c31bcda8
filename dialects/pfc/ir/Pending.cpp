#include "dialects/pfc/ir/PfcDialect.h"
using namespace mlir;
namespace pfc {
}
