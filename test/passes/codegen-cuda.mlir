// Kernels become CUDA C++: one function a schedule.
// RUN: pfc-opt %s -codegen-cuda -o %t.mlir
// RUN: FileCheck %s --input-file=%t.mlir
// RUN: %python %S/Inputs/kernel_cuda.py %t.mlir | FileCheck %s --check-prefix=CU

// CHECK: plan.kernel_cuda = "
// CHECK: plan.kernel @prelu arguments 3 threads 256 description "prelu"
// CHECK: plan.kernel @cast arguments 2 threads 256 description "cast"
// CHECK: plan.kernel @sums arguments 3 threads 1024 description "sums"
// CHECK: plan.kernel @sweep arguments 4 threads 1024 description "sweep"
// CHECK: plan.kernel @weighted arguments 5 threads 1024 description "weighted"
// CHECK: plan.kernel @few arguments 3 threads 1024 description "few"
// CHECK: plan.kernel @columns arguments 2 threads 256 description "columns"
// CHECK: plan.kernel @rows arguments 2 threads 128 description "rows"
// CHECK: plan.kernel @largest arguments 2 threads 64 description "largest"
// CHECK: plan.kernel @gather arguments 3 threads 64 description "gather"
// CHECK-NOT: module @kernels
// Blocks of 256 threads with 4 floats, or 8 bf16, each: 2·256·1024, 2·256·2048.
// CHECK: plan.launch @kernels::@prelu(%{{.*}}) extent 512 writes [2] :
// CHECK: plan.launch @kernels::@cast(%{{.*}}) extent 256 writes [1] :
// CHECK: plan.launch @kernels::@sums(%{{.*}}) extent 4 writes [1, 2] :
// CHECK: plan.launch @kernels::@rows(%{{.*}}) extent 64 writes [1] :
// CHECK: plan.launch @kernels::@gather(%{{.*}}) extent 64 writes [2] :

// Only what is used is included.
// CU:     #include <cuda_bf16.h>
// CU-NOT: #include
// CU:     typedef int int32_t;

#id4 = affine_map<(n, h, w, c) -> (n, h, w, c)>
#channel4 = affine_map<(n, h, w, c) -> (c)>
#image4 = affine_map<(n, h, w, c) -> (n, c)>
#id2 = affine_map<(d0, d1) -> (d0, d1)>
#row2 = affine_map<(d0, d1) -> (d0)>
#column2 = affine_map<(d0, d1) -> (d1)>
#line = affine_map<(n, h, w, c) -> (h)>
#place = affine_map<(n, h, w, c) -> (w)>

module {
  module @kernels {
    // Element-wise: a thread has a pack of 16 bytes; the channels' slopes are
    // one, too.
    // CU:      // prelu
    // CU-NEXT: extern "C" __global__ __launch_bounds__(256) void prelu(const float *__restrict__ [[X:v[0-9]+]], const float *__restrict__ [[A:v[0-9]+]], float *__restrict__ [[Y:v[0-9]+]]) {
    // CU-NEXT:   for (int32_t [[I:.+]] = blockIdx.x * 256 + threadIdx.x; [[I]] < 131072; [[I]] += gridDim.x * 256) {
    // CU-NEXT:     int32_t [[AT:.+]] = [[I]] * 4;
    // CU-NEXT:     int32_t [[C:.+]] = [[AT]] % 64;
    // CU-NEXT:     float [[AS:.+]][4];
    // CU-NEXT:     pfc::load([[AS]], [[A]], [[C]]);
    // CU-NEXT:     float [[XS:.+]][4];
    // CU-NEXT:     pfc::load([[XS]], [[X]], [[AT]]);
    // CU-NEXT:     float [[YS:.+]][4];
    // CU-NEXT:     #pragma unroll
    // CU-NEXT:     for (int32_t [[J:.+]] = 0; [[J]] < 4; [[J]] += 1) {
    // CU:            [[YS]]{{\[}}[[J]]] =
    // CU:          pfc::store([[Y]], [[AT]], [[YS]]);
    func.func @prelu(%x: memref<2x64x64x64xf32>, %a: memref<64xf32>, %y: memref<2x64x64x64xf32>, %begin: index, %end: index)
        attributes {plan.description = "prelu"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        linalg.generic {indexing_maps = [#channel4, #id4, #id4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
            ins(%a, %x : memref<64xf32>, memref<2x64x64x64xf32>) outs(%y : memref<2x64x64x64xf32>) {
        ^bb0(%slope: f32, %in: f32, %out: f32):
          %zero = arith.constant 0.0 : f32
          %positive = arith.cmpf ogt, %in, %zero : f32
          %scaled = arith.mulf %slope, %in : f32
          %value = arith.select %positive, %in, %scaled : f32
          linalg.yield %value : f32
        }
      }
      return
    }

    // bf16: eight in a pack; arithmetic is fp32.
    // CU:      void cast(const float *__restrict__ {{v[0-9]+}}, __nv_bfloat16 *__restrict__
    // CU:        float {{.*}}[8];
    // CU:        __nv_bfloat16 {{.*}}[8];
    // CU:        __float2bfloat16_rn(
    func.func @cast(%x: memref<2x64x64x64xf32>, %y: memref<2x64x64x64xbf16>, %begin: index, %end: index)
        attributes {plan.description = "cast"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        linalg.generic {indexing_maps = [#id4, #id4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
            ins(%x : memref<2x64x64x64xf32>) outs(%y : memref<2x64x64x64xbf16>) {
        ^bb0(%in: f32, %out: bf16):
          %value = arith.truncf %in : f32 to bf16
          linalg.yield %value : bf16
        }
      }
      return
    }

    // Sums over pixels: 8 lanes of 4 channels × 128 threads over the pixels, by
    // shuffles and then over the 32 warps in their order. Both sums in one pass.
    // CU:      __launch_bounds__(1024, 1) void sums(
    // CU:        __shared__ float shared0[1024];
    // CU:        __shared__ float shared1[1024];
    // CU:        for (int32_t {{.*}} = threadIdx.x / 8; {{.*}} < 4096; {{.*}} += 128) {
    // CU:        pfc::warpSum<4, 8>(
    // CU:        __syncthreads();
    // CU:        if (threadIdx.x < 32) {
    // CU:        __syncthreads();
    func.func @sums(%x: memref<2x64x64x64xf32>, %s: memref<2x64xf32>, %q: memref<2x64xf32>, %begin: index, %end: index)
        attributes {plan.description = "sums"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        %zero = arith.constant 0.0 : f32
        linalg.fill ins(%zero : f32) outs(%s : memref<2x64xf32>)
        linalg.fill ins(%zero : f32) outs(%q : memref<2x64xf32>)
        linalg.generic {indexing_maps = [#id4, #image4, #image4], iterator_types = ["parallel", "reduction", "reduction", "parallel"]}
            ins(%x : memref<2x64x64x64xf32>) outs(%s, %q : memref<2x64xf32>, memref<2x64xf32>) {
        ^bb0(%in: f32, %sum: f32, %squares: f32):
          %square = arith.mulf %in, %in : f32
          %next = arith.addf %sum, %in : f32
          %more = arith.addf %squares, %square : f32
          linalg.yield %next, %more : f32, f32
        }
      }
      return
    }

    // A sweep stores packs on the way; two inputs, so two pixels at once.
    // CU:      __launch_bounds__(1024, 1) void sweep(const float *__restrict__ [[X:v[0-9]+]], const float *__restrict__ [[Z:v[0-9]+]], float *__restrict__ [[Y:v[0-9]+]], float *__restrict__ [[S:v[0-9]+]]) {
    // CU:        #pragma unroll 2
    // CU-NEXT:   for (int32_t {{.*}} = threadIdx.x / 8; {{.*}} < 4096; {{.*}} += 128) {
    // CU:          pfc::load({{.*}}, [[X]],
    // CU:          pfc::load({{.*}}, [[Z]],
    // CU:          pfc::store([[Y]],
    // CU:        pfc::warpSum<4, 8>(
    // CU:        [[S]]{{\[}}
    func.func @sweep(%x: memref<2x64x64x64xf32>, %z: memref<2x64x64x64xf32>, %y: memref<2x64x64x64xf32>, %s: memref<2x64xf32>, %begin: index, %end: index)
        attributes {plan.description = "sweep"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        %zero = arith.constant 0.0 : f32
        linalg.fill ins(%zero : f32) outs(%s : memref<2x64xf32>)
        linalg.generic {indexing_maps = [#id4, #id4, #id4, #image4], iterator_types = ["parallel", "reduction", "reduction", "parallel"]}
            ins(%x, %z : memref<2x64x64x64xf32>, memref<2x64x64x64xf32>) outs(%y, %s : memref<2x64x64x64xf32>, memref<2x64xf32>) {
        ^bb0(%a: f32, %b: f32, %out: f32, %sum: f32):
          %value = arith.addf %a, %b : f32
          %next = arith.addf %sum, %value : f32
          linalg.yield %value, %next : f32, f32
        }
      }
      return
    }

    // Lines and places of pixels are found where something is read by them; what
    // is stored is summed, too.
    // CU:      void weighted(const float *__restrict__ {{v[0-9]+}}, const float *__restrict__ [[A:v[0-9]+]], const float *__restrict__ [[B:v[0-9]+]], float *__restrict__ [[Y:v[0-9]+]],
    // CU:        for (int32_t [[P:.+]] = threadIdx.x / 8; [[P]] < 2048; [[P]] += 128) {
    // CU-NEXT:     int32_t [[PLACE:v[0-9]+]] = [[P]] % 32;
    // CU-NEXT:     int32_t [[LINE:v[0-9]+]] = [[P]] / 32;
    // CU:          float [[AT:v[0-9]+]] = [[A]]{{\[}}[[LINE]]];
    // CU-NEXT:     float [[BT:v[0-9]+]] = [[B]]{{\[}}[[PLACE]]];
    // CU-NEXT:     float [[OUT:v[0-9]+]][4];
    // CU:            float [[BEFORE:v[0-9]+]] = [[SUM:v[0-9]+]]{{\[}}[[K:.+]]];
    // CU:            float [[VALUE:v[0-9]+]] = ({{v[0-9]+}} * [[AT]]) * [[BT]];
    // CU-NEXT:       [[OUT]]{{\[}}[[K]]] = [[VALUE]];
    // CU-NEXT:       [[SUM]]{{\[}}[[K]]] = [[BEFORE]] + [[VALUE]];
    // CU-NEXT:     }
    // CU-NEXT:     pfc::store([[Y]], {{v[0-9]+}}, [[OUT]]);
    // CU-NEXT:   }
    // Sums of a warp, and then of the block's 32 warps in their order.
    // CU-NEXT:   #pragma unroll
    // CU-NEXT:   for (int32_t [[K:.+]] = 0; [[K]] < 4; [[K]] += 1) {
    // CU-NEXT:     float [[OWN:v[0-9]+]] = [[SUM]]{{\[}}[[K]]];
    // CU-NEXT:     float [[WARP:v[0-9]+]] = pfc::warpSum<4, 8>([[OWN]]);
    // CU-NEXT:     if (threadIdx.x % 32 < 8) {
    // CU-NEXT:       int32_t [[TO:v[0-9]+]] = (threadIdx.x / 32) * 32 + ([[LANE:v[0-9]+]] + [[K]]);
    // CU-NEXT:       shared0{{\[}}[[TO]]] = [[WARP]];
    // CU-NEXT:     }
    // CU-NEXT:   }
    // CU-NEXT:   __syncthreads();
    // CU-NEXT:   if (threadIdx.x < 32) {
    // CU-NEXT:     float [[TOTAL:v[0-9]+]][1];
    // CU-NEXT:     [[TOTAL]][0] = 0.0f;
    // CU-NEXT:     #pragma unroll
    // CU-NEXT:     for (int32_t [[W:.+]] = 0; [[W]] < 32; [[W]] += 1) {
    // CU-NEXT:       int32_t [[FROM:v[0-9]+]] = [[W]] * 32 + threadIdx.x;
    // CU-NEXT:       float [[NEXT:v[0-9]+]] = shared0{{\[}}[[FROM]]];
    // CU-NEXT:       float [[BEFORE:v[0-9]+]] = [[TOTAL]][0];
    // CU-NEXT:       [[TOTAL]][0] = [[BEFORE]] + [[NEXT]];
    // CU-NEXT:     }
    func.func @weighted(%x: memref<2x64x32x64xf32>, %a: memref<64xf32>, %b: memref<32xf32>, %y: memref<2x64x32x64xf32>, %s: memref<2x64xf32>, %begin: index, %end: index)
        attributes {plan.description = "weighted"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        %zero = arith.constant 0.0 : f32
        linalg.fill ins(%zero : f32) outs(%s : memref<2x64xf32>)
        linalg.generic {indexing_maps = [#id4, #line, #place, #id4, #image4], iterator_types = ["parallel", "reduction", "reduction", "parallel"]}
            ins(%x, %a, %b : memref<2x64x32x64xf32>, memref<64xf32>, memref<32xf32>) outs(%y, %s : memref<2x64x32x64xf32>, memref<2x64xf32>) {
        ^bb0(%in: f32, %line: f32, %place: f32, %out: f32, %sum: f32):
          %half = arith.mulf %in, %line : f32
          %value = arith.mulf %half, %place : f32
          %next = arith.addf %sum, %value : f32
          linalg.yield %value, %next : f32, f32
        }
      }
      return
    }

    // Where there are not as many channels as a block's lanes take, those beyond
    // read and write nothing. What all pixels need is read once.
    // CU:      void few(const float *__restrict__ [[X:v[0-9]+]], const float *__restrict__ [[M:v[0-9]+]], float *__restrict__ [[S:v[0-9]+]]) {
    // CU:        int32_t [[LANE:v[0-9]+]] = (threadIdx.x % 8) * 4;
    // CU:        int32_t [[CHANNEL:v[0-9]+]] = {{v[0-9]+}} + [[LANE]];
    // CU:        if ([[CHANNEL]] < 40) {
    // CU:          int32_t [[OWN:v[0-9]+]] = {{.*}} * 40 + [[CHANNEL]];
    // CU:          pfc::load({{.*}}, [[M]], [[OWN]]);
    // CU:          for (
    // CU:            pfc::load({{.*}}, [[X]],
    // CU-NOT:        pfc::load
    // CU:        __syncthreads();
    // CU:          if ([[TO:v[0-9]+]] < 40) {
    // CU:            [[S]]{{\[.*\]}} =
    func.func @few(%x: memref<2x64x64x40xf32>, %m: memref<2x40xf32>, %s: memref<2x40xf32>, %begin: index, %end: index)
        attributes {plan.description = "few"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        %zero = arith.constant 0.0 : f32
        linalg.fill ins(%zero : f32) outs(%s : memref<2x40xf32>)
        linalg.generic {indexing_maps = [#id4, #image4, #image4], iterator_types = ["parallel", "reduction", "reduction", "parallel"]}
            ins(%x, %m : memref<2x64x64x40xf32>, memref<2x40xf32>) outs(%s : memref<2x40xf32>) {
        ^bb0(%in: f32, %mean: f32, %sum: f32):
          %off = arith.subf %in, %mean : f32
          %next = arith.addf %sum, %off : f32
          linalg.yield %next : f32
        }
      }
      return
    }

    // The same for sums over rows.
    // CU:      __launch_bounds__(256) void columns(
    // CU:        for (int32_t {{.*}} = threadIdx.x / 8; {{.*}} < 64; {{.*}} += 32) {
    // CU:        pfc::warpSum<4, 8>(
    func.func @columns(%x: memref<64x64xf32>, %s: memref<64xf32>, %begin: index, %end: index)
        attributes {plan.description = "columns"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        %zero = arith.constant 0.0 : f32
        linalg.fill ins(%zero : f32) outs(%s : memref<64xf32>)
        linalg.generic {indexing_maps = [#id2, #column2], iterator_types = ["reduction", "parallel"]}
            ins(%x : memref<64x64xf32>) outs(%s : memref<64xf32>) {
        ^bb0(%in: f32, %sum: f32):
          %next = arith.addf %sum, %in : f32
          linalg.yield %next : f32
        }
      }
      return
    }

    // A block a row; the first thread writes.
    // CU:      __launch_bounds__(128) void rows(
    // CU:        for (int32_t [[ROW:.+]] = blockIdx.x; [[ROW]] < 64; [[ROW]] += gridDim.x) {
    // CU:        [[SUM:v[0-9]+]] = pfc::blockSum<128>(
    // CU:        if (threadIdx.x < 1) {
    // CU-NEXT:     {{.*}}{{\[}}[[ROW]]] = [[SUM]];
    func.func @rows(%x: memref<64x512xf32>, %s: memref<64xf32>, %begin: index, %end: index)
        attributes {plan.description = "rows"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        %zero = arith.constant 0.0 : f32
        linalg.fill ins(%zero : f32) outs(%s : memref<64xf32>)
        linalg.generic {indexing_maps = [#id2, #row2], iterator_types = ["parallel", "reduction"]}
            ins(%x : memref<64x512xf32>) outs(%s : memref<64xf32>) {
        ^bb0(%in: f32, %sum: f32):
          %next = arith.addf %sum, %in : f32
          linalg.yield %next : f32
        }
      }
      return
    }

    // A row's largest element, from the least number on.
    // CU:      __launch_bounds__(64, 1) void largest(
    // CU:        [[OWN:v[0-9]+]][0] = (-3.40282347E+38f);
    // CU:        pfc::load(
    // CU:        pfc::maximum(
    // CU:        [[OWNMOST:v[0-9]+]] = [[OWN]][0];
    // CU-NEXT:   [[MOST:v[0-9]+]] = pfc::blockMaximum<64>([[OWNMOST]]);
    // CU:        pfc::maximum([[MOST]],
    func.func @largest(%x: memref<64x512xf32>, %y: memref<64xf32>, %begin: index, %end: index)
        attributes {plan.description = "largest"} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c512 = arith.constant 512 : index
      %least = arith.constant -3.40282347E+38 : f32
      scf.for %i = %begin to %end step %c1 {
        %most = scf.for %d = %c0 to %c512 step %c1 iter_args(%before = %least) -> (f32) {
          %value = memref.load %x[%i, %d] : memref<64x512xf32>
          %next = arith.maximumf %before, %value : f32
          scf.yield %next : f32
        }
        memref.store %most, %y[%i] : memref<64xf32>
      }
      return
    }

    // Data-dependent rows: a block a row, packs of its inner loop split over
    // threads. Too large a table has 64-bit indices.
    // CU:      __launch_bounds__(64, 1) void gather(
    // CU:        for (int64_t [[ROW:.+]] = blockIdx.x; [[ROW]] < 64; [[ROW]] += gridDim.x) {
    // CU:        for (int64_t [[J:.+]] = threadIdx.x; [[J]] < 128; [[J]] += 64) {
    // CU:        pfc::load([[PACK:v[0-9]+]], v1,
    // CU:        pfc::store(v3,
    func.func @gather(%table: memref<4000000x512xf32>, %at: memref<64xi64>, %y: memref<64x512xf32>, %begin: index, %end: index)
        attributes {plan.description = "gather"} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c512 = arith.constant 512 : index
      scf.for %i = %begin to %end step %c1 {
        %row64 = memref.load %at[%i] : memref<64xi64>
        %row = arith.index_cast %row64 : i64 to index
        scf.for %d = %c0 to %c512 step %c1 {
          %value = memref.load %table[%row, %d] : memref<4000000x512xf32>
          memref.store %value, %y[%i, %d] : memref<64x512xf32>
        }
      }
      return
    }

    // Between bounds that are known when it runs: of a pack that reaches beyond
    // them what is inside counts, and is written.
    // CU:      __launch_bounds__(32, 1) void between(
    // CU:        pfc::load(
    // CU:        ? {{.*}} + {{.*}} :
    // CU:        if ({{.*}} >= {{.*}} & {{.*}} + 3 < {{.*}}) {
    // CU-NEXT:     pfc::store(
    // CU-NEXT:   } else {
    func.func @between(%at: memref<2xi64>, %x: memref<8x64xf32>, %y: memref<8x64xf32>, %s: memref<8xf32>, %begin: index, %end: index)
        attributes {plan.description = "between"} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %zero = arith.constant 0.0 : f32
      scf.for %i = %begin to %end step %c1 {
        %from64 = memref.load %at[%c0] : memref<2xi64>
        %to64 = memref.load %at[%c1] : memref<2xi64>
        %from = arith.index_cast %from64 : i64 to index
        %to = arith.index_cast %to64 : i64 to index
        %sum = scf.for %d = %from to %to step %c1 iter_args(%total = %zero) -> f32 {
          %value = memref.load %x[%i, %d] : memref<8x64xf32>
          memref.store %value, %y[%i, %d] : memref<8x64xf32>
          %next = arith.addf %total, %value : f32
          scf.yield %next : f32
        }
        memref.store %sum, %s[%i] : memref<8xf32>
      }
      return
    }

    // Rows that are no packs, and elements in another order, stay as they are.
    // CU:      void backwards(
    // CU-NOT:    pfc::load
    // CU:        for (int32_t {{.*}} = threadIdx.x; {{.*}} < 64; {{.*}} += 32) {
    // CU-NOT:    pfc::store
    // CU:        for (int32_t {{.*}} = threadIdx.x; {{.*}} < 63; {{.*}} += 32) {
    func.func @backwards(%x: memref<8x64xf32>, %y: memref<8x64xf32>, %z: memref<8x63xf32>, %begin: index, %end: index)
        attributes {plan.description = "backwards"} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c63 = arith.constant 63 : index
      %c64 = arith.constant 64 : index
      scf.for %i = %begin to %end step %c1 {
        scf.for %d = %c0 to %c64 step %c1 {
          %e = arith.subi %c63, %d : index
          %value = memref.load %x[%i, %d] : memref<8x64xf32>
          memref.store %value, %y[%i, %e] : memref<8x64xf32>
        }
        scf.for %d = %c0 to %c63 step %c1 {
          %value = memref.load %x[%i, %d] : memref<8x64xf32>
          memref.store %value, %z[%i, %d] : memref<8x63xf32>
        }
      }
      return
    }
  }

  plan.program @step batch 1 {
    %x = plan.alloc : memref<2x64x64x64xf32>
    %slopes = plan.alloc : memref<64xf32>
    %z = plan.alloc : memref<2x64x64x64xf32>
    plan.launch @kernels::@prelu(%x, %slopes, %z) extent 2 writes [2]
        : memref<2x64x64x64xf32>, memref<64xf32>, memref<2x64x64x64xf32>
    %narrow = plan.alloc : memref<2x64x64x64xbf16>
    plan.launch @kernels::@cast(%x, %narrow) extent 2 writes [1]
        : memref<2x64x64x64xf32>, memref<2x64x64x64xbf16>
    %s = plan.alloc : memref<2x64xf32>
    %q = plan.alloc : memref<2x64xf32>
    plan.launch @kernels::@sums(%x, %s, %q) extent 2 writes [1, 2]
        : memref<2x64x64x64xf32>, memref<2x64xf32>, memref<2x64xf32>
    %matrix = plan.alloc : memref<64x512xf32>
    %lengths = plan.alloc : memref<64xf32>
    plan.launch @kernels::@rows(%matrix, %lengths) extent 64 writes [1]
        : memref<64x512xf32>, memref<64xf32>
    plan.launch @kernels::@largest(%matrix, %lengths) extent 64 writes [1]
        : memref<64x512xf32>, memref<64xf32>
    %table = plan.alloc : memref<4000000x512xf32>
    %at = plan.alloc : memref<64xi64>
    %y = plan.alloc : memref<64x512xf32>
    plan.launch @kernels::@gather(%table, %at, %y) extent 64 writes [2]
        : memref<4000000x512xf32>, memref<64xi64>, memref<64x512xf32>
  }
}
