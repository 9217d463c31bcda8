//===- Products.h - A product and what reads it, as one kernel --*- C++ -*-===//
//
//   form 0   cosines = X̂·Ŵᵀ by cuBLASLt; E, Z = margin_exp(cosines)
//   form 1   E, parts = margin_exp(X̂·Ŵᵀ), a tile of the product at a time on
//            tensor cores, by warps (mma); Z = Σ parts
//   form 2   the same by warpgroups (wgmma), of operands that the chip copies
//            to shared memory in boxes by itself (cp.async.bulk)
//
// In forms 1 and 2 no cosine is ever in memory: with B·T of them, 10 bytes of
// traffic each become 2. `parts` [⌈T/128⌉, B] are the sums of each tile's rows,
// added in order, so that a step gives the same bits each time. What a tile's
// threads do is in tensor_core.cuh.
//
//===----------------------------------------------------------------------===//
#ifndef PASSES_CODEGEN_CUDA_PRODUCTS_H
#define PASSES_CODEGEN_CUDA_PRODUCTS_H

#include "dialects/pfc/ir/PfcDialect.h"

namespace pfc::cuda {

/// How tensor cores make a tile. A thread has `rows` times `columns` elements
/// of it, 64 in all: its slots.
struct TileForm {
  llvm::StringLiteral requirement; ///< what the chip has
  llvm::StringLiteral description; ///< for people
  llvm::StringLiteral prefix;      ///< of its functions' names
  int64_t rows, columns;
  int64_t sharedBytes;
  /// More shared memory than a kernel has without asking, and copies of boxes
  /// of so many columns; 0: neither.
  int64_t boxColumns;
};

/// Forms 1 and 2.
llvm::ArrayRef<TileForm> tileForms();

/// Threads of a block, and the side of its tiles.
constexpr int64_t kProductThreads = 256, kProductTile = 128;

/// `op` if it alone reads `product`, right behind it, and both can be one
/// kernel: of 16-bit operands whose rows are multiples of 16 bytes, E in 16
/// bits. Else null.
MarginExpOp fusableReader(MatmulOp product);

/// Tiles of a product of B rows and T columns.
inline int64_t productTiles(int64_t rows, int64_t columns) {
  auto tiles = [](int64_t side) {
    return (side + kProductTile - 1) / kProductTile;
  };
  return tiles(rows) * tiles(columns);
}

/// Buffers of a tile's kernel.
struct ProductBuffers {
  mlir::Value lhs, rhs, columns, count, first; ///< read
  mlir::Value exps;                            ///< E, written
  mlir::Value parts;                           ///< written; null: no sums
};

/// A block's code: its share of the tiles. Says at `kernel` how it is launched.
void buildProduct(MarginExpOp op, const TileForm &form, mlir::Operation *kernel,
                  mlir::OpBuilder &builder, const ProductBuffers &buffers);

/// newSums[row] = sums[row] + Σ_j parts[j, row]; `sums` may be null.
void buildSumOfParts(mlir::OpBuilder &builder, mlir::Location loc,
                     mlir::Value parts, mlir::Value sums, mlir::Value newSums,
                     mlir::Value row);

} // namespace pfc::cuda

#endif // PASSES_CODEGEN_CUDA_PRODUCTS_H
