// RUN: pfc-opt %S/Inputs/tiny.mlir --pfc-differentiate --pfc-insert-optimizer --pfc-partition -o %t.mlir
// RUN: pfc-opt %t.mlir --pfc-fuse-margin-softmax -o %t.fused.mlir
// RUN: pfc-opt %t.fused.mlir --pfc-tile-head -o %t.tiled.mlir
// RUN: FileCheck %s --input-file=%t.tiled.mlir --implicit-check-not=margin_softmax
// RUN: pfc-interpret %t.fused.mlir --against %t.tiled.mlir --steps 3
// RUN: pfc-interpret %t.mlir --against %t.tiled.mlir --steps 3
//
// RUN: pfc-opt %t.mlir --pfc-mixed-precision=precision=bf16 -o %t.bf16.mlir
// RUN: pfc-opt %t.bf16.mlir --pfc-fuse-margin-softmax --pfc-tile-head -o %t.bf16.tiled.mlir
// RUN: FileCheck %s --input-file=%t.bf16.tiled.mlir --check-prefix=BF16
// RUN: pfc-interpret %t.bf16.mlir --against %t.bf16.tiled.mlir
// RUN: pfc-interpret %t.bf16.mlir --against %t.bf16.tiled.mlir --round --tolerance 2e-2

// CHECK-LABEL: func.func @train_step
// CHECK:       %[[W:.*]] = pfc.normalize %{{.*}} : tensor<3x16xf32>
// CHECK-NEXT:  %[[X:.*]] = shard.all_gather
// CHECK-NEXT:  %[[COS:.*]] = pfc.matmul %[[X]], %[[W]] {transpose_rhs} : {{.*}} -> tensor<8x3xf32>
// CHECK-NEXT:  %[[E:.*]], %[[PART:.*]], %[[TARGETS:.*]] = pfc.margin_exp %[[COS]], %[[COLUMNS:.*]], %{{.*}} margin
// CHECK-NEXT:  %[[STATS:.*]] = shard.all_reduce %[[PART]]
// CHECK:       %[[P:.*]], %[[A:.*]] = pfc.margin_patch %[[E]], %[[STATS]], %[[TARGETS]], %[[COLUMNS]]
// CHECK-NEXT:  %[[EW:.*]] = pfc.matmul %[[P]], %[[W]] :
// CHECK-NEXT:  %[[DX:.*]] = pfc.scale_rows %[[EW]], %[[A]]
// CHECK-NEXT:  %[[AX:.*]] = pfc.scale_rows %[[X]], %[[A]]
// CHECK-NEXT:  %[[DW:.*]] = pfc.matmul %[[P]], %[[AX]] {transpose_lhs}
// CHECK-NEXT:  pfc.normalize_grad %[[DW]]
// CHECK-NEXT:  shard.reduce_scatter %[[DX]]

// Nothing of size batch × classes is stored in fp32 but the cosines, which the
// exponentials overwrite.
// BF16: pfc.matmul {{.*}} : tensor<8x16xbf16>, tensor<3x16xbf16> -> tensor<8x3xf32>
// BF16: pfc.margin_exp {{.*}} -> tensor<8x3xbf16>, tensor<8x2xf32>, tensor<8xf32>
// BF16: pfc.matmul {{.*}} : tensor<8x3xbf16>, tensor<3x16xbf16> -> tensor<8x16xf32>
// BF16: pfc.scale_rows {{.*}} : tensor<8x16xbf16>, tensor<8xf32> -> tensor<8x16xbf16>
// BF16: pfc.matmul {{.*}} {transpose_lhs} : tensor<8x3xbf16>, tensor<8x16xbf16> -> tensor<3x16xf32>
