// A read of shared memory that nothing wrote.
// RUN: not pfc-device kernel %s k --threads 64 64xf32 2>&1 | FileCheck %s
extern "C" __global__ void k(float *y) {
  __shared__ float tile[64];
  if (threadIdx.x != 3)
    tile[threadIdx.x] = 1.0f;
  __syncthreads();
  // CHECK: pfc-device: error: kernel 'k': block 0, thread 60:
  // CHECK-SAME: line [[#@LINE+3]]
  // CHECK-SAME: reads 4 bytes at byte 12 of shared array 'tile',
  // CHECK-SAME: which no thread of the block has written
  y[threadIdx.x] = tile[63 - threadIdx.x];
}
