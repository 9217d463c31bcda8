// For CUDA, small ops on channels that stand one behind another, or can be
// brought there, are one kernel; what waits for other ranks stays apart. So are
// sums of an image's pixels of which one needs the other.
// RUN: pfc-opt %s -convert-pfc-to-plan=target=cuda | FileCheck %s
// RUN: pfc-opt %s -convert-pfc-to-plan=target=cuda -plan-schedule-collectives -plan-assign-memory -plan-verify-memory -codegen-cuda -o %t.mlir
// RUN: %python %S/Inputs/kernel_cuda.py %t.mlir | FileCheck %s --check-prefix=CU

#rows = affine_map<(d0, d1, d2) -> (d1, d2)>
#one = affine_map<(d0, d1, d2) -> (d0, d2)>
#known = affine_map<(d0, d1, d2) -> (0, d2)>
#image = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#id2 = affine_map<(d0, d1) -> (d0, d1)>
#id1 = affine_map<(d0) -> (d0)>
#first = affine_map<(d0) -> (0, d0)>
#turned = affine_map<(d0) -> (0, 39 - d0)>
#back = affine_map<(d0) -> (79 - d0)>

// Each image's sums, of which the second is around the first: many images.
// CHECK: plan.launch @kernels::@k0_images_around(
// Their sum, the sum of squares around it, and what they scale: 40 channels.
// CHECK: plan.launch @kernels::@k1_total_spread_scale(%{{[0-9]+}}, %[[T:[0-9]+]], %{{[0-9]+}}, %gamma, %{{[0-9]+}})
// CHECK-SAME: writes [1, 2, 4]
// Other channels are read: it has to be there, all of it.
// CHECK: plan.launch @kernels::@k2_mirror(
// CHECK: plan.collective all_gather %[[T]]
// CHECK: plan.launch @kernels::@k3_ranks(
// What needs no rank but this one doesn't join what does.
// CHECK: plan.launch @kernels::@k4_alone(
// Sums of an image's pixels of which none needs the other, and ops on
// activations, are kernels of their own.
// CHECK: plan.launch @kernels::@k5_squares(%more,
// CHECK: plan.launch @kernels::@k5_squares(%images,
// CHECK: plan.launch @kernels::@k6_twice(
// CHECK: plan.launch @kernels::@k7_product(
// What another thread reads isn't written over in the same kernel.
// CHECK: plan.collective all_gather %gamma, %[[G:[0-9]+]]
// CHECK: plan.launch @kernels::@k8_turned_doubled(%[[G]], %{{[0-9]+}}, %{{[0-9]+}}) extent 1 writes [1, 2]

// CU:      void k0_images_around(
// A unit is an image's channels: what the block has stored it reads.
// CU:        for (int32_t [[UNIT:.+]] = blockIdx.x; [[UNIT]] < {{.*}}; [[UNIT]] += gridDim.x) {
// CU:          v2{{\[}}
// CU:          __syncthreads();
// CU:          pfc::load({{.*}}, v2,
// CU:          v3{{\[}}
// CU:          __syncthreads();

// CU:      __launch_bounds__(256) void k1_total_spread_scale(
// CU-NEXT:   __shared__ float shared0[256];
// CU-NEXT:   for (int32_t [[TILE:.+]] = blockIdx.x; [[TILE]] < 2; [[TILE]] += gridDim.x) {
// CU-NEXT:     int32_t [[LANE:.+]] = threadIdx.x % 32;
// CU-NEXT:     int32_t [[C:.+]] = [[TILE]] * 32 + [[LANE]];
// A warp's share of the sum, for channels that there are.
// CU:          bool [[IS:.+]] = [[C]] < 40;
// CU-NEXT:     if ([[IS]]) {
// CU-NEXT:       #pragma unroll 4
// CU-NEXT:       for (int32_t [[I:.+]] = threadIdx.x / 32; [[I]] < 16; [[I]] += 8) {
// CU:          shared0[threadIdx.x] =
// CU-NEXT:     __syncthreads();
// CU-NEXT:     bool [[FIRST:.+]] = threadIdx.x < 32;
// CU-NEXT:     if ([[FIRST]]) {
// CU:            if ([[IS]]) {
// CU:              v2{{\[}}[[C]]] =
// CU:          __syncthreads();
// What it found is read once, before the loop.
// CU:          if ([[IS]]) {
// CU:            pfc::load({{.*}}, v2, [[C]]);
// CU-NEXT:       #pragma unroll 4
// CU:              v3{{\[}}[[C]]] =
// CU:          __syncthreads();
// CU-NEXT:     if ([[FIRST]]) {
// CU-NEXT:       if ([[IS]]) {
// CU:              v5{{\[}}[[C]]] =
// CU:          __syncthreads();
module {
  shard.grid @ranks(shape = 2)
  func.func @step(%images: tensor<16x64x40xf32> {pfc.input = "images"}, %more: tensor<16x64x40xf32> {pfc.input = "more"}, %gamma: tensor<40xf32> {pfc.input = "gamma"}) {
    %zero = arith.constant 0.0 : f32
    %parts0 = tensor.empty() : tensor<16x40xf32>
    %parts1 = linalg.fill ins(%zero : f32) outs(%parts0 : tensor<16x40xf32>) -> tensor<16x40xf32>
    %parts = linalg.generic {indexing_maps = [#image, #one], iterator_types = ["parallel", "reduction", "parallel"]}
        ins(%images : tensor<16x64x40xf32>) outs(%parts1 : tensor<16x40xf32>) attrs = {pfc.source = "images"} {
    ^bb0(%in: f32, %sum: f32):
      %next = arith.addf %sum, %in : f32
      linalg.yield %next : f32
    } -> tensor<16x40xf32>
    %around = linalg.generic {indexing_maps = [#image, #one, #one], iterator_types = ["parallel", "reduction", "parallel"]}
        ins(%images, %parts : tensor<16x64x40xf32>, tensor<16x40xf32>) outs(%parts1 : tensor<16x40xf32>) attrs = {pfc.source = "around"} {
    ^bb0(%in: f32, %mean: f32, %sum: f32):
      %off = arith.subf %in, %mean : f32
      %square = arith.mulf %off, %off : f32
      %next = arith.addf %sum, %square : f32
      linalg.yield %next : f32
    } -> tensor<16x40xf32>
    %empty = tensor.empty() : tensor<1x40xf32>
    %start = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x40xf32>) -> tensor<1x40xf32>
    %total = linalg.generic {indexing_maps = [#rows, #one], iterator_types = ["parallel", "reduction", "parallel"]}
        ins(%parts : tensor<16x40xf32>) outs(%start : tensor<1x40xf32>) attrs = {pfc.source = "total"} {
    ^bb0(%in: f32, %sum: f32):
      %next = arith.addf %sum, %in : f32
      linalg.yield %next : f32
    } -> tensor<1x40xf32>
    %spread = linalg.generic {indexing_maps = [#rows, #known, #one], iterator_types = ["parallel", "reduction", "parallel"]}
        ins(%parts, %total : tensor<16x40xf32>, tensor<1x40xf32>) outs(%start : tensor<1x40xf32>) attrs = {pfc.source = "spread"} {
    ^bb0(%in: f32, %mean: f32, %sum: f32):
      %off = arith.subf %in, %mean : f32
      %square = arith.mulf %off, %off : f32
      %next = arith.addf %sum, %square : f32
      linalg.yield %next : f32
    } -> tensor<1x40xf32>
    %all = shard.all_gather %total on @ranks grid_axes = [0] gather_axis = 0 : tensor<1x40xf32> -> tensor<2x40xf32>
    %vector = tensor.empty() : tensor<40xf32>
    %scale = linalg.generic {indexing_maps = [#first, #id1, #id1], iterator_types = ["parallel"]}
        ins(%spread, %gamma : tensor<1x40xf32>, tensor<40xf32>) outs(%vector : tensor<40xf32>) attrs = {pfc.source = "scale"} {
    ^bb0(%in: f32, %g: f32, %out: f32):
      %scaled = arith.mulf %in, %g : f32
      linalg.yield %scaled : f32
    } -> tensor<40xf32>
    %mirror = linalg.generic {indexing_maps = [#turned, #id1], iterator_types = ["parallel"]}
        ins(%spread : tensor<1x40xf32>) outs(%vector : tensor<40xf32>) attrs = {pfc.source = "mirror"} {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<40xf32>
    %ranks = linalg.generic {indexing_maps = [#rows, #one], iterator_types = ["parallel", "reduction", "parallel"]}
        ins(%all : tensor<2x40xf32>) outs(%start : tensor<1x40xf32>) attrs = {pfc.source = "ranks"} {
    ^bb0(%in: f32, %sum: f32):
      %next = arith.addf %sum, %in : f32
      linalg.yield %next : f32
    } -> tensor<1x40xf32>
    %alone = linalg.generic {indexing_maps = [#id1, #id1], iterator_types = ["parallel"]}
        ins(%gamma : tensor<40xf32>) outs(%vector : tensor<40xf32>) attrs = {pfc.source = "alone"} {
    ^bb0(%in: f32, %out: f32):
      %twice = arith.addf %in, %in : f32
      linalg.yield %twice : f32
    } -> tensor<40xf32>
    %others = linalg.generic {indexing_maps = [#image, #one], iterator_types = ["parallel", "reduction", "parallel"]}
        ins(%more : tensor<16x64x40xf32>) outs(%parts1 : tensor<16x40xf32>) attrs = {pfc.source = "squares"} {
    ^bb0(%in: f32, %sum: f32):
      %square = arith.mulf %in, %in : f32
      %next = arith.addf %sum, %square : f32
      linalg.yield %next : f32
    } -> tensor<16x40xf32>
    %first = linalg.generic {indexing_maps = [#image, #one], iterator_types = ["parallel", "reduction", "parallel"]}
        ins(%images : tensor<16x64x40xf32>) outs(%parts1 : tensor<16x40xf32>) attrs = {pfc.source = "squares"} {
    ^bb0(%in: f32, %sum: f32):
      %square = arith.mulf %in, %in : f32
      %next = arith.addf %sum, %square : f32
      linalg.yield %next : f32
    } -> tensor<16x40xf32>
    %activations = tensor.empty() : tensor<16x64x40xf32>
    %twice = linalg.generic {indexing_maps = [#image, #image], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%images : tensor<16x64x40xf32>) outs(%activations : tensor<16x64x40xf32>) attrs = {pfc.source = "twice"} {
    ^bb0(%in: f32, %out: f32):
      %value = arith.addf %in, %in : f32
      linalg.yield %value : f32
    } -> tensor<16x64x40xf32>
    %product = linalg.generic {indexing_maps = [#image, #image], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%more : tensor<16x64x40xf32>) outs(%activations : tensor<16x64x40xf32>) attrs = {pfc.source = "product"} {
    ^bb0(%in: f32, %out: f32):
      %value = arith.mulf %in, %in : f32
      linalg.yield %value : f32
    } -> tensor<16x64x40xf32>
    %gammas = shard.all_gather %gamma on @ranks grid_axes = [0] gather_axis = 0 : tensor<40xf32> -> tensor<80xf32>
    %vectors = tensor.empty() : tensor<80xf32>
    %turned = linalg.generic {indexing_maps = [#back, #id1], iterator_types = ["parallel"]}
        ins(%gammas : tensor<80xf32>) outs(%vectors : tensor<80xf32>) attrs = {pfc.source = "turned"} {
    ^bb0(%in: f32, %out: f32):
      %value = arith.addf %in, %in : f32
      linalg.yield %value : f32
    } -> tensor<80xf32>
    %doubled = linalg.generic {indexing_maps = [#id1, #id1], iterator_types = ["parallel"]}
        ins(%gammas : tensor<80xf32>) outs(%vectors : tensor<80xf32>) attrs = {pfc.source = "doubled"} {
    ^bb0(%in: f32, %out: f32):
      %value = arith.addf %in, %in : f32
      linalg.yield %value : f32
    } -> tensor<80xf32>
    pfc.output "around", %around : tensor<16x40xf32>
    pfc.output "scale", %scale : tensor<40xf32>
    pfc.output "mirror", %mirror : tensor<40xf32>
    pfc.output "ranks", %ranks : tensor<1x40xf32>
    pfc.output "alone", %alone : tensor<40xf32>
    pfc.output "others", %others : tensor<16x40xf32>
    pfc.output "first", %first : tensor<16x40xf32>
    pfc.output "twice", %twice : tensor<16x64x40xf32>
    pfc.output "product", %product : tensor<16x64x40xf32>
    pfc.output "turned", %turned : tensor<80xf32>
    pfc.output "doubled", %doubled : tensor<80xf32>
    return
  }
}
