//===- DeviceCode.h - Short ways to write a thread's code -------*- C++ -*-===//
//
// What one thread of a kernel does, in upstream dialects: scf loops over
// arith indices, memref accesses, gpu ids, barriers and sums. ToEmitC.h turns
// it into C++.
//
//   registers   memref.alloca of a few elements, in unrolled loops
//   shared      memref.alloca in the workgroup's address space
//   packs       memref.copy between registers and neighbours in a buffer:
//               accesses of 16 bytes
//
//===----------------------------------------------------------------------===//
#ifndef PASSES_CODEGEN_CUDA_DEVICECODE_H
#define PASSES_CODEGEN_CUDA_DEVICECODE_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Builders.h"

namespace pfc::cuda {

/// On the declaration of a function: its name in C++.
inline constexpr llvm::StringLiteral calleeAttrName = "pfc.callee";
/// On a kernel that is a block's code already: the threads of a block; how many
/// blocks a multiprocessor should hold; bytes of dynamic shared memory.
inline constexpr llvm::StringLiteral blockThreadsAttrName = "pfc.threads";
inline constexpr llvm::StringLiteral residentBlocksAttrName = "pfc.blocks";
inline constexpr llvm::StringLiteral sharedBytesAttrName = "pfc.shared";

/// On shared memory: the launch's.
inline constexpr llvm::StringLiteral dynamicAttrName = "pfc.dynamic";

/// On the cast of a kernel's argument to its tensor map: the rows and columns
/// of a box. On the C++ function: the #plan.tensor_map of each parameter behind
/// the buffers.
inline constexpr llvm::StringLiteral boxAttrName = "pfc.box";
inline constexpr llvm::StringLiteral tensorMapsAttrName = "pfc.tensor_maps";

class DeviceCode {
public:
  DeviceCode(mlir::OpBuilder &builder, mlir::Location loc)
      : builder(builder), loc(loc) {}

  mlir::Value index(int64_t value) {
    return builder.createOrFold<mlir::arith::ConstantIndexOp>(loc, value);
  }
  mlir::Value add(mlir::Value a, mlir::Value b) {
    return builder.createOrFold<mlir::arith::AddIOp>(loc, a, b);
  }
  mlir::Value mul(mlir::Value a, int64_t b) {
    return builder.createOrFold<mlir::arith::MulIOp>(loc, a, index(b));
  }
  mlir::Value div(mlir::Value a, int64_t b) {
    return builder.createOrFold<mlir::arith::DivUIOp>(loc, a, index(b));
  }
  mlir::Value rem(mlir::Value a, int64_t b) {
    return builder.createOrFold<mlir::arith::RemUIOp>(loc, a, index(b));
  }
  mlir::Value less(mlir::Value a, int64_t b) {
    return mlir::arith::CmpIOp::create(
        builder, loc, mlir::arith::CmpIPredicate::ult, a, index(b));
  }
  mlir::Value real(float value) {
    return mlir::arith::ConstantOp::create(builder, loc,
                                           builder.getF32FloatAttr(value));
  }
  mlir::Value zero() { return real(0.0f); }

  mlir::Value thread();
  mlir::Value block();
  mlir::Value blocks();
  void barrier();
  /// The sum of `value` over the block, in every thread of it.
  mlir::Value blockSum(mlir::Value value);
  /// The largest `value` of the block, likewise.
  mlir::Value blockMaximum(mlir::Value value);
  /// The sum over `size` lanes, `stride` apart, in each of them.
  mlir::Value warpSum(mlir::Value value, int64_t size, int64_t stride);

  using LoopBody = llvm::function_ref<void(mlir::Value)>;
  /// for (i = from; i < to; i += step)
  void loop(mlir::Value from, mlir::Value to, mlir::Value step, LoopBody body);
  /// A block's share of `units` units.
  void loopOverUnits(int64_t units, LoopBody body) {
    loop(block(), index(units), blocks(), body);
  }
  /// A loop whose iterations the C++ compiler lays out one after another, so
  /// that registers stay registers.
  void unrolled(int64_t count, LoopBody body);
  /// Asks for `times` iterations at once: as many loads are under way.
  void hintUnroll(int64_t times);
  void when(mlir::Value condition, llvm::function_ref<void()> body);

  mlir::Value registers(int64_t count, mlir::Type element);
  /// `count` registers, all `start`.
  mlir::Value accumulators(int64_t count, float start = 0.0f);
  /// At a multiple of `alignment` bytes; 0: of the element's.
  mlir::Value shared(int64_t count, mlir::Type element, int64_t alignment = 0);
  /// What the launch gives, at a multiple of 1024 bytes.
  mlir::Value dynamicShared(int64_t count, mlir::Type element);

  /// A buffer as one row of elements.
  mlir::Value flat(mlir::Value buffer);
  /// Elements [at, at + count) of a flat buffer to registers, and back.
  void loadPack(mlir::Value flatBuffer, mlir::Value at, mlir::Value registers);
  void storePack(mlir::Value registers, mlir::Value flatBuffer, mlir::Value at);

  /// What copies boxes of `rows` x `columns` elements of `matrix`, an argument
  /// of the kernel, to shared memory.
  mlir::Value tensorMap(mlir::Value matrix, int64_t rows, int64_t columns);

  /// The same index, of which the C++ compiler knows nothing. Below 2^31.
  mlir::Value opaque(mlir::Value index);
  /// Calls a function of the prelude's texts. It may write its first operand,
  /// and reads the others.
  void call(llvm::StringRef callee, mlir::ValueRange operands);

  mlir::Value load(mlir::Value memref, mlir::ValueRange at) {
    return mlir::memref::LoadOp::create(builder, loc, memref, at);
  }
  void store(mlir::Value value, mlir::Value memref, mlir::ValueRange at) {
    mlir::memref::StoreOp::create(builder, loc, value, memref, at);
  }

  mlir::OpBuilder &builder;
  mlir::Location loc;

private:
  mlir::Value pack(mlir::Value flatBuffer, mlir::Value at, int64_t count);
};

} // namespace pfc::cuda

#endif // PASSES_CODEGEN_CUDA_DEVICECODE_H
