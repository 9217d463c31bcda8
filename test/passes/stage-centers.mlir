// Class centers in host memory: the sampled rows come and go, and the step sees
// a small table of them.
// RUN: sed 's/{rows = 10 : i64, sharded}/{rows = 10 : i64, sharded, host}/' %S/Inputs/tiny.mlir > %t.host.mlir
// RUN: pfc-opt %t.host.mlir --pfc-differentiate --pfc-insert-optimizer --pfc-partition -o %t.before.mlir
// RUN: pfc-opt %t.before.mlir --pfc-stage-centers=seed=7 -o %t.mlir
// RUN: FileCheck %s --input-file=%t.mlir
//
// What it computes is what class centers in device memory do: rows of zeros
// start with the variable's initial values, of the seed that the interpreter
// has, and those that no step has taken stay zero.
// RUN: pfc-opt %S/Inputs/tiny.mlir --pfc-differentiate --pfc-insert-optimizer --pfc-partition -o %t.device.mlir
// RUN: pfc-interpret %t.device.mlir --print --seed 7 --initial-state --steps 3 > %t.device.txt
// RUN: pfc-interpret %t.mlir --print --seed 7 --initial-state --steps 3 > %t.host.txt
// RUN: diff %t.device.txt %t.host.txt
// RUN: FileCheck %s --input-file=%t.host.txt --check-prefix=RESULT
// RESULT: loss
//
// The rest of the pipeline takes it like other class centers.
// RUN: pfc-opt %t.mlir --pfc-fuse-margin-softmax --pfc-tile-head -o %t.tiled.mlir
// RUN: FileCheck %s --input-file=%t.tiled.mlir --check-prefix=TILED --implicit-check-not=gather_rows
// RUN: pfc-interpret %t.mlir --against %t.tiled.mlir --steps 3 --initial-state
//
// AdamW's two tables come and go with them.
// RUN: pfc-opt %t.host.mlir --pfc-differentiate --pfc-insert-optimizer=optimizer=adamw --pfc-partition --pfc-stage-centers=seed=7 -o %t.adamw.mlir
// RUN: FileCheck %s --input-file=%t.adamw.mlir --check-prefix=ADAMW
// RUN: pfc-opt %S/Inputs/tiny.mlir --pfc-differentiate --pfc-insert-optimizer=optimizer=adamw --pfc-partition -o %t.adamw.device.mlir
// RUN: pfc-interpret %t.adamw.device.mlir --print --seed 7 --initial-state --steps 3 > %t.adamw.device.txt
// RUN: pfc-interpret %t.adamw.mlir --print --seed 7 --initial-state --steps 3 > %t.adamw.host.txt
// RUN: diff %t.adamw.device.txt %t.adamw.host.txt
// RUN: FileCheck %s --input-file=%t.adamw.host.txt --check-prefix=RESULT
//
// In bf16 they are rounded when they are stored, not on the device.
// RUN: sed -e 's/tensor<10x16xf32>$/tensor<10x16xbf16>/' -e 's/head.weight, %indices : tensor<10x16xf32>/head.weight, %indices : tensor<10x16xbf16>/' %t.host.mlir > %t.bf16.mlir
// RUN: pfc-opt %t.bf16.mlir --pfc-differentiate --pfc-insert-optimizer=seed=7 --pfc-partition --pfc-stage-centers=seed=7 | FileCheck %s --check-prefix=BF16
//
// RUN: sed 's/pfc.output "loss"/%again = pfc.gather_rows %head.weight, %indices : tensor<10x16xf32>, tensor<12xi64> -> tensor<12x16xf32>\n pfc.output "again", %again : tensor<12x16xf32>\n pfc.output "loss"/' %t.host.mlir > %t.twice.mlir
// RUN: not pfc-opt %t.twice.mlir --pfc-partition --pfc-stage-centers 2>&1 | FileCheck %s --check-prefix=TWICE
// TWICE: 'pfc.variable' op "head.weight" in host memory is used by pfc.gather_rows besides the gather and the update of a sample's rows
//
// RUN: not pfc-opt %t.host.mlir --pfc-differentiate --pfc-insert-optimizer=row-update=all --pfc-partition --pfc-stage-centers 2>&1 | FileCheck %s --check-prefix=ALL
// ALL: 'pfc.variable' op "head.weight" in host memory is updated in all of its rows

// CHECK-LABEL: func.func @train_step
// CHECK-SAME:  %[[LR:[a-z0-9]+]]: tensor<1xf32> {pfc.input = "lr"}
// CHECK:       %[[FIRST:.*]] = pfc.rank_constant base 0 per_rank 2 threshold 2 below 0 per_capped_rank 1
// CHECK:       %[[INDICES:.*]], %{{.*}}, %{{.*}} = pfc.sample_local_centers
// CHECK:       %[[W:.*]] = pfc.variable "head.weight" parameter init <normal, 0.0, 0.01> {host, rows = 10 : i64, sharded} : tensor<3x16xf32>
// CHECK:       %[[ROWS:.*]], %[[SLOTS:.*]] = pfc.fetch_rows %[[W]], %[[INDICES]], %[[FIRST]] init <normal, 0.0, 0.01> {key = {{.*}} : i64} : tensor<3x16xf32>, tensor<3xi64> -> tensor<3x16xf32>
// CHECK:       %[[MOMENTUM:.*]], %{{.*}} = pfc.fetch_rows %[[V:.*]], %[[INDICES]] {{.*}}: tensor<3x16xf32>, tensor<3xi64> -> tensor<3x16xf32>
// CHECK:       pfc.gather_rows %[[ROWS]], %[[SLOTS]]
// CHECK:       %[[W1:.*]], %[[V1:.*]] = pfc.update_rows sampled %[[ROWS]], %[[MOMENTUM]], %[[SLOTS]], %{{.*}}, %[[LR]] count
// CHECK-NEXT:  %[[W2:.*]] = pfc.store_rows %[[W]], %[[INDICES]], %[[W1]]
// CHECK-NEXT:  %[[V2:.*]] = pfc.store_rows %[[V]], %[[INDICES]], %[[V1]]
// CHECK:       pfc.assign "head.weight", %[[W2]]
// CHECK-NEXT:  pfc.assign "head.weight.momentum", %[[V2]]

// ADAMW: %[[ROWS:.*]], %[[SLOTS:.*]] = pfc.fetch_rows
// ADAMW: %[[MR:.*]], %{{.*}} = pfc.fetch_rows %[[M:[^ ]*]], %[[INDICES:[^ ]*]] :
// ADAMW: %[[VR:.*]], %{{.*}} = pfc.fetch_rows %[[V:[^ ]*]], %[[INDICES]] :
// ADAMW: %[[W1:.*]], %[[M1:.*]], %[[V1:.*]] = pfc.update_rows sampled %[[ROWS]], %[[MR]] adamw %[[VR]] corrected {{.*}}, %[[SLOTS]], {{.*}} count
// ADAMW: %[[M2:.*]] = pfc.store_rows %[[M]], %[[INDICES]], %[[M1]]
// ADAMW: %[[V2:.*]] = pfc.store_rows %[[V]], %[[INDICES]], %[[V1]]
// ADAMW: pfc.assign "head.weight.exp_avg", %[[M2]]
// ADAMW: pfc.assign "head.weight.exp_avg_sq", %[[V2]]

// TILED: %[[ROWS:.*]], %[[SLOTS:.*]] = pfc.fetch_rows
// TILED: pfc.target_cosines %{{.*}}, %[[ROWS]], %[[SLOTS]]
// TILED: pfc.gather_unit_rows %[[ROWS]], %[[SLOTS]]
// TILED: pfc.update_rows sampled %[[ROWS]], %{{.*}}, %[[SLOTS]], {{.*}}of_unit_rows

// BF16: %[[STEP:[a-z0-9]+]]: tensor<1xi64> {pfc.input = "step"}
// BF16: pfc.variable "head.weight" {{.*}} : tensor<3x16xbf16>
// BF16: %[[ROWS:.*]], %{{.*}} = pfc.fetch_rows {{.*}} : tensor<3x16xbf16>, tensor<3xi64> -> tensor<3x16xf32>
// BF16: %[[W1:.*]], %{{.*}} = pfc.update_rows sampled %[[ROWS]], {{.*}} : tensor<3x16xf32>, tensor<3xi64>
// BF16: pfc.store_rows %{{.*}}, %{{.*}}, %[[W1]] rounded %[[STEP]] from %{{.*}} {seed = 7 : i64} : tensor<3x16xbf16>, tensor<3xi64>, tensor<3x16xf32>
