//===- SpecChecks.h - What only several keys together can say ---*- C++ -*-===//
#ifndef PFC_FRONTEND_SPEC_SPECCHECKS_H
#define PFC_FRONTEND_SPEC_SPECCHECKS_H

#include "frontend/spec/SpecErrors.h"
#include "frontend/spec/SpecParser.h"
#include "llvm/ADT/StringSet.h"

namespace pfc {

/// Checks keys against each other and fills in the defaults that depend on
/// other keys. Keys in `invalid` already have an error: nothing is concluded
/// from them.
void checkSpec(LoadedSpec &loaded, const llvm::StringSet<> &invalid,
               SpecErrors &errors);

} // namespace pfc

#endif // PFC_FRONTEND_SPEC_SPECCHECKS_H
