//===- PackedBody.h - A generic's body for neighbouring elements *- C++ -*-===//
#ifndef PASSES_CODEGEN_CUDA_PACKEDBODY_H
#define PASSES_CODEGEN_CUDA_PACKEDBODY_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "passes/codegen/cuda/DeviceCode.h"

namespace pfc::cuda {

/// Where a thread is in a generic's iteration space: at the first of `width`
/// neighbours along the last loop.
struct Position {
  mlir::SmallVector<mlir::Value> dims; ///< one index a loop
  mlir::Value linear;                  ///< row-major over all loops
};

/// One generic's operands and body, for a pack of `width` iterations that are
/// neighbours along its last loop.
///
///   load(at)            operands that a pack reads as neighbours, to
///                       registers; those it reads at one place, once
///   body(at, j, outs)   the body for iteration j of the pack
class PackedBody {
public:
  /// `mostWidth` limits width().
  PackedBody(mlir::linalg::GenericOp op, DeviceCode &code,
             int64_t mostWidth = 16);

  /// Iterations of a pack: 16 bytes of the narrowest operand, where the last
  /// loop, or with `linear()` all of them, has a multiple of that.
  int64_t width() const { return packWidth; }

  /// Inputs that a pack reads as neighbours and that depend on no reduction
  /// loop: registers for each of them.
  int64_t countInvariant() { return packs(/*invariant=*/true).size(); }
  /// Loads of 16 bytes of the others: a pack of the narrowest operand's is one,
  /// one of wider elements several.
  int64_t countLoads();

  /// `linear` in [0, volume) as a position.
  Position positionOf(mlir::Value linear);
  /// From indices, one a loop.
  Position positionOf(mlir::ValueRange dims);

  /// Loads inputs; `invariant`: those that depend on no reduction loop, and
  /// otherwise the others.
  void load(const Position &at, bool invariant);
  void loadAll(const Position &at) {
    load(at, true);
    load(at, false);
  }
  /// What the body yields for iteration `j`; `outs` stand for its results'
  /// arguments.
  mlir::SmallVector<mlir::Value> body(const Position &at, mlir::Value j,
                                      mlir::ValueRange outs);

private:
  /// How a pack reads an input.
  enum class Reach {
    Neighbours, ///< at `width` neighbouring elements
    Uniform,    ///< at one element
    Scattered,  ///< at any
  };
  /// Inputs that a pack reads as neighbours; `invariant` as in load().
  mlir::SmallVector<mlir::OpOperand *> packs(bool invariant);
  Reach reachOf(mlir::AffineMap map) const;
  bool dependsOnPosition();
  void chooseWidth(int64_t most);
  mlir::SmallVector<mlir::Value> expand(mlir::AffineMap map,
                                        mlir::ValueRange dims);
  mlir::Value linearAt(mlir::Value buffer, mlir::AffineMap map,
                       const Position &at);

  mlir::linalg::GenericOp op;
  DeviceCode &code;
  mlir::SmallVector<int64_t> ranges;
  int64_t packWidth = 1;
  mlir::SmallVector<mlir::Value> loaded; ///< registers or a scalar, by input
};

} // namespace pfc::cuda

#endif // PASSES_CODEGEN_CUDA_PACKEDBODY_H
