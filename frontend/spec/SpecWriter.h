//===- SpecWriter.h - Specs and their reference as text ---------*- C++ -*-===//
#ifndef PFC_FRONTEND_SPEC_SPECWRITER_H
#define PFC_FRONTEND_SPEC_SPECWRITER_H

#include "frontend/spec/TrainSpec.h"

namespace llvm {
class raw_ostream;
}

namespace pfc {

/// Prints `spec` as a .spec file with every key that has a value. Reading it
/// back gives the same TrainSpec, so a plan can carry it as its origin.
void writeSpec(const TrainSpec &spec, llvm::raw_ostream &os);

/// Prints docs/spec.md.
void writeSpecReference(llvm::raw_ostream &os);

} // namespace pfc

#endif // PFC_FRONTEND_SPEC_SPECWRITER_H
