// A product in 16 bits and the exponentials that alone read it: as two
// instructions, or as one kernel, by warps or by warpgroups, and its sums. Those
// by warpgroups copy boxes of their operands, of which they take tensor maps.
// `pfc-check-plan` holds all against float64 (numerics/cuda-ops.test).
// RUN: pfc-opt %s --convert-pfc-to-plan=target=cuda | FileCheck %s
// RUN: pfc-opt %s --convert-pfc-to-plan=target=cpu | FileCheck %s --check-prefix=CPU
// RUN: pfc-opt %s --convert-pfc-to-plan=target=cuda --plan-assign-memory --plan-verify-memory --codegen-cuda -o %t.mlir
// RUN: %python %S/Inputs/kernel_cuda.py %t.mlir | FileCheck %s --check-prefix=CU
// RUN: FileCheck %s --check-prefix=KERNEL < %t.mlir

// CPU-NOT: plan.either

module {
  shard.grid @ranks(shape = 1)

  // CHECK-LABEL: plan.program @forms
  // CHECK:       %[[PARTS:.*]] = plan.alloc : memref<2x40xf32>
  // CHECK:       plan.either({{.*}}) writes [2, 6, 7, 8] requires ["", "sm_80", "sm_90a"]
  // CHECK-NEXT:    plan.matmul %[[X:.*]], %[[W:.*]], %[[COS:.*]] {{{.*}}transpose_rhs} : memref<40x64xbf16>, memref<200x64xbf16>, memref<40x200xf32>
  // CHECK-NEXT:    plan.launch @kernels::@{{.*}}_margin_exp(%[[COS]], %{{.*}}, %{{.*}}, %{{.*}}, %[[E:.*]], %[[Z:.*]]) extent 40
  // CHECK-NEXT:  }, {
  // Two tiles of 128 columns, of which the second has a rest.
  // CHECK-NEXT:    plan.launch @kernels::@{{.*}}_matmul_margin_exp_by_warps(%[[X]], %[[W]], %{{.*}}, %{{.*}}, %{{.*}}, %[[E]], %[[PARTS]]) extent 2 writes [5, 6]
  // CHECK-NEXT:    plan.launch @kernels::@{{.*}}_sums_of_tiles(%[[PARTS]], %[[Z]]) extent 40 writes [1]
  // CHECK-NEXT:  }, {
  // CHECK-NEXT:    plan.launch @kernels::@{{.*}}_matmul_margin_exp_by_warpgroups(%[[X]], %[[W]], %{{.*}}, %{{.*}}, %{{.*}}, %[[E]], %[[PARTS]]) extent 2 writes [5, 6]
  // CHECK-NEXT:    plan.launch @kernels::@{{.*}}_sums_of_tiles(%[[PARTS]], %[[Z]]) extent 40 writes [1]
  // CHECK-NEXT: {{^ *}$}}
  // Sums that go on are added to where they are.
  // CHECK:       plan.either
  // CHECK:       }, {
  // CHECK:         plan.launch @kernels::@{{.*}}_sums_of_tiles(%{{.*}}, %[[Z]]) extent 40 writes [1]
  // Without sums there are no parts.
  // CHECK:       plan.either
  // CHECK:       }, {
  // CHECK-NEXT:    plan.launch @kernels::@{{.*}}_matmul_margin_exp_by_warps(
  // CHECK-NEXT:  }, {
  // CHECK-NEXT:    plan.launch @kernels::@{{.*}}_matmul_margin_exp_by_warpgroups(
  // CHECK-NEXT: {{^ *}$}}

  // KERNEL: plan.kernel @{{.*}}_matmul_margin_exp_by_warps arguments 7 threads 256 description
  // KERNEL: plan.kernel @{{.*}}_matmul_margin_exp_by_warpgroups arguments 7 maps [#plan.tensor_map<argument = 0, rows = 128, columns = 64>, #plan.tensor_map<argument = 1, rows = 128, columns = 64>] threads 256 shared 98328 description

  // CU:      // matmul, margin_exp by warps
  // CU-NEXT: extern "C" __global__ __launch_bounds__(256) void {{.*}}(const __nv_bfloat16 *__restrict__ v1, const __nv_bfloat16 *__restrict__ v2, const int64_t *__restrict__ v3, const int64_t *__restrict__ v4, const int64_t *__restrict__ v5, __nv_bfloat16 *__restrict__ v6, float *__restrict__ v7) {
  // CU-NEXT:   __shared__ __align__(16) __nv_bfloat16 shared0[24576];
  // CU:        pfc::multiplyTile(v{{[0-9]+}}, v1, v2, 40, 200, 64, [[ROW:v[0-9]+]], v{{[0-9]+}}, shared0);
  // CU:        = expf(
  // CU:        pfc::storeTile(v6, v{{[0-9]+}}, 40, 200, [[ROW]], v{{[0-9]+}}, shared0);
  // CU-NEXT:   pfc::sumRowsOfTile(v7, v{{[0-9]+}}, 40, {{[a-z][0-9]+}}, [[ROW]], shared0);
  // CU:      // matmul, margin_exp by warpgroups
  // CU-NEXT: extern "C" __global__ __launch_bounds__(256, 2) void {{.*}}, float *__restrict__ v7, const __grid_constant__ pfc::TensorMap v8, const __grid_constant__ pfc::TensorMap v9) {
  // CU-NEXT:   extern __shared__ __align__(1024) __nv_bfloat16 shared0[];
  // CU:        pfc::multiplyGroupTile(v{{[0-9]+}}, v8, v9, 64, [[ROW:v[0-9]+]], v{{[0-9]+}}, shared0);
  // CU:        = expf(
  // CU:        pfc::storeGroupTile(v6, v{{[0-9]+}}, 40, 200, [[ROW]], v{{[0-9]+}}, shared0);
  // CU-NEXT:   pfc::sumRowsOfGroupTile(v7, v{{[0-9]+}}, 40, {{[a-z][0-9]+}}, [[ROW]], shared0);
  func.func @forms(%x: tensor<40x64xbf16> {pfc.input = "x"},
                   %w: tensor<200x64xbf16> {pfc.input = "w"},
                   %columns: tensor<40xi64> {pfc.input = "columns"},
                   %count: tensor<1xi64> {pfc.input = "count"},
                   %first: tensor<1xi64> {pfc.input = "first"}) {
    %c0 = pfc.matmul %x, %w {transpose_rhs} : tensor<40x64xbf16>, tensor<200x64xbf16> -> tensor<40x200xf32>
    %e0, %z0 = pfc.margin_exp %c0, %columns, %count, %first
        margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0>
        {shift = 0.0 : f64} : tensor<40x200xf32>, tensor<40xi64> -> tensor<40x200xbf16>, tensor<40xf32>
    pfc.output "e0", %e0 : tensor<40x200xbf16>
    %c1 = pfc.matmul %x, %w {transpose_rhs} : tensor<40x64xbf16>, tensor<200x64xbf16> -> tensor<40x200xf32>
    %e1, %z1 = pfc.margin_exp %c1, %columns, %count, %first plus %z0 : tensor<40xf32>
        margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0>
        {shift = 0.0 : f64} : tensor<40x200xf32>, tensor<40xi64> -> tensor<40x200xbf16>, tensor<40xf32>
    pfc.output "e1", %e1 : tensor<40x200xbf16>
    pfc.output "z1", %z1 : tensor<40xf32>
    %c2 = pfc.matmul %x, %w {transpose_rhs} : tensor<40x64xbf16>, tensor<200x64xbf16> -> tensor<40x200xf32>
    %e2, %z2 = pfc.margin_exp %c2, %columns, %count, %first
        margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0>
        {shift = 0.0 : f64} : tensor<40x200xf32>, tensor<40xi64> -> tensor<40x200xbf16>, tensor<40xf32>
    pfc.output "e2", %e2 : tensor<40x200xbf16>
    return
  }

  // In fp32, with rows that are no multiples of 16 bytes, and with cosines that
  // others read, too, there is one way.
  // CHECK-LABEL: plan.program @apart
  // CHECK-NOT:   plan.either
  func.func @apart(%x: tensor<40x64xf32> {pfc.input = "x"},
                   %w: tensor<200x64xf32> {pfc.input = "w"},
                   %odd: tensor<40x12xbf16> {pfc.input = "odd"},
                   %x16: tensor<40x64xbf16> {pfc.input = "x16"},
                   %columns: tensor<40xi64> {pfc.input = "columns"},
                   %count: tensor<1xi64> {pfc.input = "count"},
                   %first: tensor<1xi64> {pfc.input = "first"}) {
    %c0 = pfc.matmul %x, %w {transpose_rhs} : tensor<40x64xf32>, tensor<200x64xf32> -> tensor<40x200xf32>
    %e0, %z0 = pfc.margin_exp %c0, %columns, %count, %first
        margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0>
        {shift = 0.0 : f64} : tensor<40x200xf32>, tensor<40xi64> -> tensor<40x200xbf16>, tensor<40xf32>
    pfc.output "e0", %e0 : tensor<40x200xbf16>
    %c1 = pfc.matmul %odd, %odd {transpose_rhs} : tensor<40x12xbf16>, tensor<40x12xbf16> -> tensor<40x40xf32>
    %e1, %z1 = pfc.margin_exp %c1, %columns, %count, %first
        margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0>
        {shift = 0.0 : f64} : tensor<40x40xf32>, tensor<40xi64> -> tensor<40x40xbf16>, tensor<40xf32>
    pfc.output "e1", %e1 : tensor<40x40xbf16>
    %c2 = pfc.matmul %x16, %x16 {transpose_rhs} : tensor<40x64xbf16>, tensor<40x64xbf16> -> tensor<40x40xf32>
    %e2, %z2 = pfc.margin_exp %c2, %columns, %count, %first
        margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0>
        {shift = 0.0 : f64} : tensor<40x40xf32>, tensor<40xi64> -> tensor<40x40xbf16>, tensor<40xf32>
    pfc.output "e2", %e2 : tensor<40x40xbf16>
    pfc.output "c2", %c2 : tensor<40x40xf32>
    return
  }
}
