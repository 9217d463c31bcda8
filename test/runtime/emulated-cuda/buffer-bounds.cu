// An access behind a buffer of the arena, where the next buffer's bytes lie.
// RUN: not pfc-device kernel %s k --threads 64 64xf32 64xf32 2>&1 \
// RUN:   | FileCheck %s
extern "C" __global__ void k(const float *x, float *y) {
  // CHECK: pfc-device: error: kernel 'k': block 0, thread 63:
  // CHECK-SAME: line [[#@LINE+3]] (`y[threadIdx.x] = x[threadIdx.x + 1];`)
  // CHECK-SAME: out of bounds: reads 4 bytes at byte 256 of argument 0
  // CHECK-SAME: (64 f32), which has 256 bytes
  y[threadIdx.x] = x[threadIdx.x + 1];
}
