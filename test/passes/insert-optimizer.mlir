// Each gradient becomes an update; class centers are updated by their rows.
// RUN: pfc-opt %S/Inputs/tiny.mlir --pfc-differentiate -o %t.grad.mlir
// RUN: pfc-opt %t.grad.mlir --pfc-insert-optimizer -o %t.mlir
// RUN: FileCheck %s --input-file=%t.mlir --implicit-check-not=pfc.gradient --implicit-check-not=pfc.scatter_rows
// RUN: pfc-opt %t.grad.mlir --pfc-insert-optimizer="momentum=0.5 weight-decay=0.0 clip-grad-norm=2.0 row-update=all" | FileCheck %s --check-prefix=CLIP
// What the forward step says does not change.
// RUN: pfc-interpret %t.grad.mlir --against %t.mlir
//
// The momentum of class centers alone may be bf16.
// RUN: pfc-opt %t.grad.mlir --pfc-insert-optimizer="narrow-momentum row-update=all" -o %t.narrow.mlir
// RUN: FileCheck %s --input-file=%t.narrow.mlir --check-prefix=NARROW
// RUN: pfc-opt %t.narrow.mlir --pfc-partition --pfc-mixed-precision=precision=bf16 | FileCheck %s --check-prefix=LOCAL
// NARROW: %[[V:.*]] = pfc.variable "head.weight.momentum" {{.*}} : tensor<10x16xbf16>
// NARROW: %{{.*}}, %[[V1:.*]] = pfc.update_rows all %{{.*}}, %[[V]], {{.*}} : tensor<10x16xf32> momentum bf16, tensor
// NARROW: pfc.assign "head.weight.momentum", %[[V1]] : tensor<10x16xbf16>
// NARROW: pfc.variable "conv1.weight.momentum" {{.*}} : tensor<4x3x3x1xf32>
// LOCAL:  %[[W:.*]] = pfc.variable "head.weight" {{.*}} : tensor<3x16xf32>
// LOCAL:  %{{.*}}, %[[V1:.*]] = pfc.update_rows sampled %[[W]], %{{.*}} : tensor<3x16xf32> momentum bf16, tensor
// LOCAL:  %{{.*}}, %[[V2:.*]] = pfc.coast_rows %{{.*}}, %[[V1]], {{.*}} : tensor<3x16xf32> momentum bf16, tensor
// LOCAL:  pfc.assign "head.weight.momentum", %[[V2]] : tensor<3x16xbf16>
//
// A clip that never binds changes nothing.
// RUN: pfc-opt %t.grad.mlir --pfc-insert-optimizer=clip-grad-norm=1.0e6 -o %t.clip.mlir
// RUN: pfc-interpret %t.mlir --against %t.clip.mlir --steps 3
// One that binds does.
// RUN: pfc-opt %t.grad.mlir --pfc-insert-optimizer=clip-grad-norm=1.0e-3 -o %t.clip.mlir
// RUN: not pfc-interpret %t.mlir --against %t.clip.mlir --steps 3 2>&1 | FileCheck %s --check-prefix=BINDS

// CHECK-LABEL: func.func @train_step
// CHECK-SAME:  %[[LR:[a-z0-9]+]]: tensor<1xf32> {pfc.input = "lr"}
// CHECK:       %[[W1:.*]] = pfc.variable "conv1.weight"
// CHECK:       %[[INDICES:.*]], %{{.*}}, %{{.*}} = pfc.sample_centers
// CHECK:       %[[TABLE:.*]] = pfc.variable "head.weight"
// CHECK:       %[[ROWS:.*]] = pfc.normalize_grad
// CHECK-NOT:   pfc.output "grad_norm"
// The momentum lies as the class centers lie.
// CHECK:       %[[VT:.*]] = pfc.variable "head.weight.momentum" optimizer_state init <constant, 0.0, 0.0> {rows = 10 : i64, sharded} : tensor<10x16xf32>
// CHECK-NEXT:  %[[T1:.*]], %[[VT1:.*]] = pfc.update_rows sampled %[[TABLE]], %[[VT]], %[[INDICES]], %[[ROWS]], %[[LR]] {mu = 9.000000e-01 : f64, weight_decay = 5.000000e-04 : f64}
// CHECK-NEXT:  pfc.assign "head.weight", %[[T1]]
// CHECK-NEXT:  pfc.assign "head.weight.momentum", %[[VT1]]
// CHECK:       %[[V1:.*]] = pfc.variable "conv1.weight.momentum" optimizer_state init <constant, 0.0, 0.0> : tensor<4x3x3x1xf32>
// CHECK-NEXT:  %[[P:.*]], %[[V:.*]] = pfc.sgd %[[W1]], %[[V1]], %{{.*}}, %[[LR]] {mu = 9.000000e-01 : f64, weight_decay = 5.000000e-04 : f64}
// CHECK-NEXT:  pfc.assign "conv1.weight", %[[P]]
// CHECK-NEXT:  pfc.assign "conv1.weight.momentum", %[[V]]
// Statistics are buffers: nothing to update.
// CHECK-NOT:   running_mean.momentum

// The norm is over the seven parameters of the backbone.
// CLIP-LABEL:         func.func @train_step
// CLIP-COUNT-7:       pfc.sum_squares
// CLIP-NOT:           pfc.sum_squares
// CLIP:               %[[FACTOR:.*]], %[[NORM:.*]] = pfc.clip_factor %{{.*}} {limit = 2.000000e+00 : f64}
// CLIP-NEXT:          pfc.output "grad_norm", %[[NORM]]
// CLIP:               pfc.update_rows all {{.*}} {mu = 5.000000e-01 : f64, weight_decay = 0.000000e+00 : f64}
// CLIP-COUNT-7:       pfc.sgd %{{.*}} clip %[[FACTOR]]
// CLIP-NOT:           pfc.sgd

// BINDS: differs
