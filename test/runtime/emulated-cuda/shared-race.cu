// A race in shared memory: in the threads' order it gives the right result.
// RUN: not pfc-device kernel %s k --threads 64 64xf32 2>&1 | FileCheck %s
extern "C" __global__ void k(float *y) {
  __shared__ float total;
  if (threadIdx.x == 0)
    total = 3.0f;
  // CHECK: pfc-device: error: kernel 'k': block 0, thread 1:
  // CHECK-SAME: line [[#@LINE+3]]
  // CHECK-SAME: reads 4 bytes at byte 0 of shared array 'total',
  // CHECK-SAME: which thread 0 wrote, with no barrier between: a race
  y[threadIdx.x] = total;
}
