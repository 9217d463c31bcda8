// A barrier that not all threads of a block reach.
// RUN: not pfc-device kernel %s k --threads 64 --blocks 4 64xf32 2>&1 \
// RUN:   | FileCheck %s
extern "C" __global__ void k(float *x) {
  if (blockIdx.x == 1 && threadIdx.x >= 48)
    return;
  // CHECK: pfc-device: error: kernel 'k': block 1, thread 0: barrier not reached by all threads
  // CHECK-SAME: __syncthreads (line [[#@LINE+2]])
  // CHECK-SAME: for thread 48, which has returned
  __syncthreads();
  x[threadIdx.x] = 1.0f;
}
