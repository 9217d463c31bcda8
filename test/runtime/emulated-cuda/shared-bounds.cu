// An access behind a shared array, where the next one lies.
// RUN: not pfc-device kernel %s k --threads 64 64xf32 2>&1 | FileCheck %s
extern "C" __global__ void k(float *y) {
  __shared__ float first[64];
  __shared__ float second[64];
  first[threadIdx.x] = second[threadIdx.x] = 1.0f;
  __syncthreads();
  // CHECK: pfc-device: error: kernel 'k': block 0, thread 32:
  // CHECK-SAME: line [[#@LINE+3]]
  // CHECK-SAME: out of bounds: reads 4 bytes at byte 256 of shared array
  // CHECK-SAME: 'first', which has 256 bytes
  y[threadIdx.x] = first[threadIdx.x + 32];
}
