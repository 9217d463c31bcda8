// RUN: pfc-opt %S/Inputs/tiny.mlir --pfc-differentiate --pfc-insert-optimizer=clip-grad-norm=2.0 -o %t.mlir
// RUN: pfc-opt %t.mlir --pfc-scale-loss -o %t.scaled.mlir
// RUN: FileCheck %s --input-file=%t.scaled.mlir
// A step that isn't skipped is the same step.
// RUN: pfc-interpret %t.mlir --against %t.scaled.mlir --steps 3
// Without a clip the gradients are summed up for this, and divided.
// RUN: pfc-opt %S/Inputs/tiny.mlir --pfc-differentiate --pfc-insert-optimizer=row-update=all -o %t.free.mlir
// RUN: pfc-opt %t.free.mlir --pfc-scale-loss="initial-scale=1024 growth-interval=2" -o %t.free.scaled.mlir
// RUN: FileCheck %s --input-file=%t.free.scaled.mlir --check-prefix=FREE
// RUN: pfc-interpret %t.free.mlir --against %t.free.scaled.mlir --steps 3
// RUN: pfc-interpret %t.free.scaled.mlir --print --steps 4 | FileCheck %s --check-prefix=GROWS
//
// One all_reduce of one number makes the ranks agree.
// RUN: pfc-opt %t.scaled.mlir --pfc-partition -o %t.parts.mlir
// RUN: FileCheck %s --input-file=%t.parts.mlir --check-prefix=PARTS
// RUN: pfc-interpret %t.scaled.mlir --against %t.parts.mlir --steps 3
//
// Gradients beyond what f16 holds: each step is skipped, and halves the scale,
// on 4 ranks as on one.
// RUN: pfc-opt %t.mlir --pfc-scale-loss=initial-scale=1.5e30 --pfc-partition --pfc-mixed-precision=precision=fp16 -o %t.over.mlir
// RUN: pfc-interpret %t.over.mlir --round --print --steps 2 | FileCheck %s --check-prefix=OVER
//
// AdamW doesn't count a skipped step.
// RUN: pfc-opt %S/Inputs/tiny.mlir --pfc-differentiate --pfc-insert-optimizer="optimizer=adamw clip-grad-norm=2.0" -o %t.adamw.mlir
// RUN: pfc-opt %t.adamw.mlir --pfc-scale-loss -o %t.adamw.scaled.mlir
// RUN: FileCheck %s --input-file=%t.adamw.scaled.mlir --check-prefix=ADAMW
// RUN: pfc-interpret %t.adamw.mlir --against %t.adamw.scaled.mlir --steps 3
// RUN: pfc-opt %t.adamw.mlir --pfc-scale-loss=initial-scale=1.5e30 --pfc-partition --pfc-mixed-precision=precision=fp16 -o %t.adamw.over.mlir
// RUN: pfc-interpret %t.adamw.over.mlir --round --print --initial-state --steps 2 | FileCheck %s --check-prefix=OVER
//
// A step that trains nothing is left alone.
// RUN: pfc-opt %S/Inputs/tiny.mlir -o %t.tiny.mlir
// RUN: pfc-opt %t.tiny.mlir --pfc-scale-loss | cmp - %t.tiny.mlir

// CHECK-LABEL: func.func @train_step
// CHECK:       %[[SCALE:.*]] = pfc.variable "loss_scale" optimizer_state init <constant, 65536.0, 0.0> : tensor<1xf32>
// CHECK-NEXT:  pfc.softmax_cross_entropy_grad %{{.*}} scale %[[SCALE]] {
// CHECK:       %[[ROWS:.*]] = pfc.normalize_grad
// CHECK-COUNT-7: pfc.sum_squares
// CHECK:       %[[SUM:.*]] = pfc.add
// CHECK-NEXT:  %[[STEPS:.*]] = pfc.variable "loss_scale.good_steps" optimizer_state init <constant, 0.0, 0.0> : tensor<1xf32>
// CHECK-NEXT:  %[[HEAD:.*]] = pfc.sum_squares %[[ROWS]]
// CHECK-NEXT:  %[[FOUND:.*]] = pfc.found_inf %[[SUM]], %[[HEAD]]
// CHECK-NEXT:  %[[UNSCALE:.*]], %[[NEXT:.*]], %[[NEXT_STEPS:.*]], %[[SKIPPED:.*]] = pfc.update_loss_scale %[[SCALE]], %[[STEPS]], %[[FOUND]] {backoff = 5.000000e-01 : f64, growth = 2.000000e+00 : f64, interval = 2000 : i64}
// CHECK-NEXT:  %[[FACTOR:.*]], %[[NORM:.*]] = pfc.clip_factor %[[SUM]] unscale %[[UNSCALE]]
// CHECK:       pfc.update_rows sampled {{.*}} unscale %[[UNSCALE]] unless %[[FOUND]]
// CHECK-COUNT-7: pfc.sgd %{{.*}} clip %[[FACTOR]] unless %[[FOUND]]
// CHECK:       pfc.assign "loss_scale", %[[NEXT]]
// CHECK-NEXT:  pfc.assign "loss_scale.good_steps", %[[NEXT_STEPS]]
// CHECK-NEXT:  pfc.output "loss_scale", %[[NEXT]]
// CHECK-NEXT:  pfc.output "skipped", %[[SKIPPED]]

// FREE-COUNT-8: pfc.sum_squares
// FREE:         %[[UNSCALE:.*]], %{{.*}}, %{{.*}}, %{{.*}} = pfc.update_loss_scale {{.*}} interval = 2 : i64}
// FREE-COUNT-7: pfc.sgd %{{.*}} clip %[[UNSCALE]] unless

// ADAMW:       %[[UNSCALE:.*]], %{{.*}}, %{{.*}}, %{{.*}} = pfc.update_loss_scale %{{.*}}, %{{.*}}, %[[FOUND:.*]] {
// ADAMW-NEXT:  %[[C1:.*]], %[[C2:.*]] = pfc.bias_corrections %{{.*}}, %{{.*}} unless %[[FOUND]] {
// ADAMW:       %[[FACTOR:.*]], %{{.*}} = pfc.clip_factor {{.*}} unscale %[[UNSCALE]]
// ADAMW:       pfc.update_rows sampled %{{.*}} adamw %{{.*}} corrected %[[C1]], %[[C2]], {{.*}} unscale %[[UNSCALE]] unless %[[FOUND]]
// ADAMW-COUNT-7: pfc.adamw %{{.*}} corrected %[[C1]], %[[C2]] clip %[[FACTOR]] unless %[[FOUND]]

// GROWS: loss_scale [1]: 1024
// GROWS: loss_scale [1]: 2048
// GROWS: loss_scale [1]: 2048
// GROWS: loss_scale [1]: 4096

// The embedding's gradients are summed where they are split; the flag is not.
// PARTS:      %[[FLAG:.*]] = pfc.found_inf
// PARTS-NEXT: %[[FOUND:.*]] = shard.all_reduce %[[FLAG]] on @ranks {{.*}} : tensor<1xf32> -> tensor<1xf32>
// PARTS-NEXT: pfc.update_loss_scale %{{.*}}, %{{.*}}, %[[FOUND]]

// OVER: loss_scale [1]: 7.5e+29
// OVER: skipped [1]: 1
// OVER: loss_scale [1]: 3.75e+29
// OVER: skipped [1]: 1
