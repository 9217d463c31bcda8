//===- TensorCore.h - What a warp multiplies --------------------*- C++ -*-===//
//
// ldmatrix and mma.m16n8k16 of a whole warp, when its last lane has come. Where
// elements lie in fragments is the PTX ISA's ("Matrix Fragments for
// mma.m16n8k16", "ldmatrix"): with g = lane / 4 and t = lane % 4,
//   a[i]  rows g and g + 8 (i % 2), columns 2t and 2t + 1, + 8 (i / 2)
//   b[i]  column g, rows 2t and 2t + 1, + 8 i
//   d[i]  row g + 8 (i / 2), column 2t + i % 2
// and wgmma.m64n128k16 of a thread, whose warp is the w-th of its warpgroup:
//   d[i]  row 16 w + g + 8 (i / 2 % 2), column 8 (i / 4) + 2t + i % 2
// of operands in shared memory ("Matrix Descriptor Format", "Swizzling Modes").
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DEVICE_EMULATED_CUDA_TENSORCORE_H
#define PFC_RUNTIME_DEVICE_EMULATED_CUDA_TENSORCORE_H

#include "runtime/device/emulated_cuda/EmulationAbi.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace pfc::rt::emulated {

/// Four 8x8 matrices of 16-bit elements: lane l brings row l % 8 of matrix
/// l / 8, and gets two elements of each.
void loadMatrices(const std::array<emulation::MatrixRow *, 32> &lanes);

/// d += a·b, 16x16 by 16x8, sums in fp32.
void multiply(const std::array<emulation::Fragments *, 32> &lanes);

/// A warpgroup's product, of which a thread has 64 elements.
struct GroupProduct {
  float *d;
  uint64_t a, b; ///< descriptors
  bool bf16;
};

/// Rows of 32 bytes in shared memory, swizzled by 128 bytes.
class DescribedRows {
public:
  explicit DescribedRows(uint64_t descriptor) : descriptor(descriptor) {}

  /// What the emulation does not know, or null.
  const char *problem() const;
  /// Where bytes [16 half, 16 half + 16) of a row lie.
  uint32_t chunk(unsigned row, unsigned half) const;

private:
  uint32_t start() const { return (descriptor & 0x3fff) << 4; }
  uint64_t descriptor;
};

/// The 16-byte chunks of 2 rows of a, then of 32 of b, that `thread` of its
/// warpgroup multiplies.
std::array<uint32_t, 68> chunksOf(const GroupProduct &product, unsigned thread);
/// Of those chunks, in the shared memory at `base`.
void multiply(const GroupProduct &product,
              const std::array<uint32_t, 68> &chunks, const std::byte *base);

} // namespace pfc::rt::emulated

#endif // PFC_RUNTIME_DEVICE_EMULATED_CUDA_TENSORCORE_H
