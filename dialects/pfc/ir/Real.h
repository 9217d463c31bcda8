//===- Real.h - A real number as an attribute parameter ---------*- C++ -*-===//
#ifndef DIALECTS_PFC_IR_REAL_H
#define DIALECTS_PFC_IR_REAL_H

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/Hashing.h"

#include <charconv>

namespace pfc {

/// A double that attributes can hold: compared and hashed by its bits, printed
/// in the fewest digits that read back the same.
struct Real {
  double value = 0.0;

  Real() = default;
  Real(double value) : value(value) {}
  operator double() const { return value; }

  friend bool operator==(Real lhs, Real rhs) {
    return llvm::bit_cast<uint64_t>(lhs.value) ==
           llvm::bit_cast<uint64_t>(rhs.value);
  }
  friend llvm::hash_code hash_value(Real real) {
    return llvm::hash_value(llvm::bit_cast<uint64_t>(real.value));
  }
  friend llvm::raw_ostream &operator<<(llvm::raw_ostream &os, Real real) {
    char digits[32];
    auto end = std::to_chars(digits, digits + sizeof digits, real.value).ptr;
    auto [mantissa, exponent] =
        llvm::StringRef(digits, end - digits).split('e');
    os << mantissa;
    if (!mantissa.contains('.')) // MLIR reads no 2e-04
      os << ".0";
    if (!exponent.empty())
      os << 'e' << exponent;
    return os;
  }
};

} // namespace pfc

template <>
struct mlir::FieldParser<pfc::Real> {
  static FailureOr<pfc::Real> parse(AsmParser &parser) {
    double value;
    if (parser.parseFloat(value))
      return failure();
    return pfc::Real(value);
  }
};

#endif // DIALECTS_PFC_IR_REAL_H
