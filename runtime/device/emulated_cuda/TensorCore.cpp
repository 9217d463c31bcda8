#include "runtime/device/emulated_cuda/TensorCore.h"

#include "runtime/base/Bfloat16.h"
#include "runtime/base/Float16.h"

#include <cstring>

namespace pfc::rt::emulated {

using emulation::Fragments;
using emulation::MatrixRow;

void loadMatrices(const std::array<MatrixRow *, 32> &lanes) {
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned matrix = 0; matrix < 4; ++matrix)
      lanes[lane]->to[matrix] = lanes[matrix * 8 + lane / 4]->row[lane % 4];
}

/// Element `half` of the two in a register.
static float element(unsigned bits, unsigned half, bool bf16) {
  auto narrow = static_cast<uint16_t>(bits >> (16 * half));
  return bf16 ? bfloat16ToFloat(narrow) : float16ToFloat(narrow);
}

void multiply(const std::array<Fragments *, 32> &lanes) {
  float a[16][16], b[16][8];
  for (unsigned lane = 0; lane < 32; ++lane) {
    const Fragments &of = *lanes[lane];
    unsigned g = lane / 4, t = lane % 4;
    for (unsigned half = 0; half < 2; ++half) {
      for (unsigned i = 0; i < 4; ++i)
        a[g + 8 * (i % 2)][2 * t + half + 8 * (i / 2)] =
            element(of.a[i], half, of.bf16);
      for (unsigned i = 0; i < 2; ++i)
        b[2 * t + half + 8 * i][g] = element(of.b[i], half, of.bf16);
    }
  }
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned i = 0; i < 4; ++i) {
      unsigned row = lane / 4 + 8 * (i / 2), column = lane % 4 * 2 + i % 2;
      float sum = 0;
      for (unsigned k = 0; k < 16; ++k)
        sum += a[row][k] * b[k][column];
      *lanes[lane]->d[i] += sum;
    }
}

const char *DescribedRows::problem() const {
  if (descriptor >> 62 != 1)
    return "names a layout other than rows swizzled by 128 bytes";
  if ((start() >> 7 & 7) != 0 || (descriptor >> 49 & 7) != 0)
    return "names rows that do not begin at a multiple of 1024 bytes";
  return nullptr;
}

/// A chip exchanges chunks by the bits of their address.
uint32_t DescribedRows::chunk(unsigned row, unsigned half) const {
  auto groupStride = static_cast<uint32_t>(descriptor >> 32 & 0x3fff) << 4;
  uint32_t at = start() + row / 8 * groupStride + row % 8 * 128 + half * 16;
  return at ^ (at >> 7 & 7) << 4;
}

std::array<uint32_t, 68> chunksOf(const GroupProduct &product,
                                  unsigned thread) {
  std::array<uint32_t, 68> chunks;
  unsigned g = thread % 32 / 4, t = thread % 4, next = 0;
  auto add = [&](uint64_t descriptor, unsigned row) {
    for (unsigned half = 0; half < 2; ++half)
      chunks[next++] = DescribedRows(descriptor).chunk(row, half);
  };
  for (unsigned h = 0; h < 2; ++h)
    add(product.a, thread / 32 * 16 + g + 8 * h);
  for (unsigned c = 0; c < 32; ++c)
    add(product.b, c / 2 * 8 + 2 * t + c % 2);
  return chunks;
}

void multiply(const GroupProduct &product,
              const std::array<uint32_t, 68> &chunks, const std::byte *base) {
  auto read = [&](unsigned row, float (&values)[16]) {
    uint16_t bits[16];
    std::memcpy(bits, base + chunks[2 * row], 16);
    std::memcpy(bits + 8, base + chunks[2 * row + 1], 16);
    for (unsigned i = 0; i < 16; ++i)
      values[i] = element(bits[i], 0, product.bf16);
  };
  float a[2][16], b[16];
  for (unsigned h = 0; h < 2; ++h)
    read(h, a[h]);
  for (unsigned c = 0; c < 32; ++c) {
    read(2 + c, b);
    for (unsigned h = 0; h < 2; ++h) {
      float sum = 0;
      for (unsigned k = 0; k < 16; ++k)
        sum += a[h][k] * b[k];
      product.d[c / 2 * 4 + h * 2 + c % 2] += sum;
    }
  }
}

} // namespace pfc::rt::emulated
