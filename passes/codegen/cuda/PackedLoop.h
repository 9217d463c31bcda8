//===- PackedLoop.h - A row's inner loop in packs of neighbours -*- C++ -*-===//
#ifndef PASSES_CODEGEN_CUDA_PACKEDLOOP_H
#define PASSES_CODEGEN_CUDA_PACKEDLOOP_H

#include "mlir/IR/IRMapping.h"
#include "passes/codegen/cuda/DeviceCode.h"

namespace pfc::cuda {

/// What a loop's value `k` from iteration to iteration is: a sum, a maximum, or
/// neither.
enum class Reduction { Sum, Maximum, Other };
Reduction reductionOf(mlir::scf::ForOp loop, unsigned k);
/// What it starts from where it is split over threads: 0, or the least number.
float startOf(Reduction reduction);

/// A loop `for (i = from; i < to; ++i)` whose iterations are independent but
/// for sums and maxima, as code that does `width` iterations with accesses of
/// 16 bytes. Packs begin at multiples of `width`; of one that is not wholly
/// within the bounds only the elements that are count, and are written.
class PackedLoop {
public:
  explicit PackedLoop(mlir::scf::ForOp loop);

  /// Iterations of a pack: 16 bytes of the narrowest element at [.., i], where
  /// rows and offsets are multiples of that; 1 where the loop has to stay as
  /// it is.
  int64_t width() const { return packWidth; }

  /// The loop's packs, split over a block's threads. Returns each thread's sums
  /// and maxima, from startOf.
  mlir::SmallVector<mlir::Value>
  emit(DeviceCode &code, mlir::IRMapping &mapping, int64_t threads);

private:
  /// Elements [.., offset + i] of a buffer.
  struct Access {
    mlir::Value buffer;
    mlir::SmallVector<mlir::Value> row; ///< the indices before the last
    mlir::Value offset;                 ///< null: 0
    mlir::Value registers;              ///< a pack of it

    bool operator==(const Access &other) const {
      return buffer == other.buffer && row == other.row &&
             offset == other.offset;
    }
  };

  bool analyse();
  bool analyseAccess(mlir::Operation &op, mlir::Value buffer,
                     mlir::ValueRange indices);
  bool isOutside(mlir::Value value);
  Access *accessOf(mlir::Operation &op);
  void chooseWidth();
  bool isWhole();

  mlir::Value address(DeviceCode &code, mlir::IRMapping &mapping,
                      const Access &access, mlir::Value at);
  void emitIteration(DeviceCode &code, mlir::IRMapping mapping, mlir::Value i,
                     mlir::Value j, mlir::Value inside, mlir::ValueRange sums);
  void emitStores(DeviceCode &code, mlir::IRMapping &mapping, mlir::Value at);
  mlir::Value within(DeviceCode &code, mlir::IRMapping &mapping,
                     mlir::Value first, mlir::Value last);

  mlir::scf::ForOp loop;
  mlir::SmallVector<Access> accesses;
  llvm::DenseMap<mlir::Operation *, unsigned> accessAt;
  llvm::SmallDenseSet<unsigned> loaded, stored; ///< of `accesses`
  int64_t packWidth = 1;
};

} // namespace pfc::cuda

#endif // PASSES_CODEGEN_CUDA_PACKEDLOOP_H
