// One kernel, executed alone on buffers whose element i is i.
// RUN: pfc-device kernel %s add --threads 16 --blocks 2 16xf32 4x8xbf16 16xi32 \
// RUN:   | FileCheck %s --match-full-lines
// CHECK: argument 0 (16xf32): 0 1 2 3 4 5 6 7 ...
// CHECK-NEXT: argument 1 (4x8xbf16): 1 3 5 7 9 11 13 15 ...
// CHECK-NEXT: argument 2 (16xi32): 15 14 13 12 11 10 9 8 ...
#include <cuda_bf16.h>
extern "C" __global__ void add(const float *x, __nv_bfloat16 *y, int *z) {
  unsigned i = threadIdx.x;
  if (blockIdx.x == 0)
    y[i] = __float2bfloat16(x[i] + i + 1);
  else
    z[i] = 15 - z[i];
}

// RUN: not pfc-device kernel %s add 16xf32 2>&1 \
// RUN:   | FileCheck %s --check-prefix=COUNT
// COUNT: pfc-device: error: kernel 'add' takes 3 arguments, the plan gives it 1
// RUN: not pfc-device kernel %s add 16xf33 2>&1 \
// RUN:   | FileCheck %s --check-prefix=TYPE
// TYPE: pfc-device: error: argument '16xf33': no element type 'f33'; there are f32, bf16, f16, i64, i32, u8
// RUN: not pfc-device kernel %s add 16x-1xf32 2>&1 \
// RUN:   | FileCheck %s --check-prefix=EXTENT
// RUN: not pfc-device kernel %s add 65536x65536xf32 2>&1 \
// RUN:   | FileCheck %s --check-prefix=EXTENT
// EXTENT: pfc-device: error: argument '{{.*}}': write extents, of at most 2^30 elements together, and the element type: 64x56xf32
// RUN: not pfc-device kernel %t.none add 16xf32 2>&1 \
// RUN:   | FileCheck %s --check-prefix=NONE
// NONE: pfc-device: error: {{.*}}none: cannot be read

// Numbers come behind the buffers.
// RUN: pfc-device kernel %s scale --threads 4 8xf32 i32=2 f32=-0.5 i64=1 \
// RUN:   | FileCheck %s --check-prefix=NUMBERS --match-full-lines
// NUMBERS: argument 0 (8xf32): 0 -0.5 -1 3 4 5 6 7
extern "C" __global__ void scale(float *x, int n, float factor,
                                 long long from) {
  if (threadIdx.x < n)
    x[from + threadIdx.x] *= factor;
}

// RUN: not pfc-device kernel %s scale i32=2 8xf32 2>&1 \
// RUN:   | FileCheck %s --check-prefix=ORDER
// ORDER: pfc-device: error: argument '8xf32': a kernel takes its buffers before its numbers
// RUN: not pfc-device kernel %s scale 8xf32 i32=x 2>&1 \
// RUN:   | FileCheck %s --check-prefix=NUMBER
// NUMBER: pfc-device: error: argument 'i32=x': 'x' is no such number
// RUN: not pfc-device kernel %s scale 8xf32 bf16=1 2>&1 \
// RUN:   | FileCheck %s --check-prefix=KIND
// KIND: pfc-device: error: argument 'bf16=1': a number is an i32, i64 or f32
