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

// AdamW has two numbers a parameter of its own, and two of the whole job, which
// move on before anything else.
// RUN: pfc-opt %t.grad.mlir --pfc-insert-optimizer="optimizer=adamw beta2=0.75 weight-decay=0.1 clip-grad-norm=2.0 row-update=all narrow-momentum" -o %t.adamw.mlir
// RUN: FileCheck %s --input-file=%t.adamw.mlir --check-prefix=ADAMW --implicit-check-not=pfc.sgd --implicit-check-not=pfc.gradient
// RUN: pfc-interpret %t.grad.mlir --against %t.adamw.mlir
// RUN: pfc-opt %t.adamw.mlir --pfc-partition -o %t.adamw.parts.mlir
// RUN: FileCheck %s --input-file=%t.adamw.parts.mlir --check-prefix=PARTS
// RUN: pfc-interpret %t.adamw.mlir --against %t.adamw.parts.mlir --steps 3
// It is another step than SGD's.
// RUN: not pfc-interpret %t.mlir --against %t.adamw.mlir --steps 3 2>&1 | FileCheck %s --check-prefix=BINDS
//
// ADAMW:      %[[C1:.*]] = pfc.variable "adamw.correction1" optimizer_state init <constant, 0.0, 0.0> : tensor<1xf32>
// ADAMW-NEXT: %[[C2:.*]] = pfc.variable "adamw.correction2" optimizer_state init <constant, 0.0, 0.0> : tensor<1xf32>
// ADAMW-NEXT: %[[B1:.*]], %[[B2:.*]] = pfc.bias_corrections %[[C1]], %[[C2]] {beta1 = 9.000000e-01 : f64, beta2 = 7.500000e-01 : f64}
// ADAMW:      %[[TABLE:.*]] = pfc.variable "head.weight"
// ADAMW:      %[[FACTOR:.*]], %{{.*}} = pfc.clip_factor
// ADAMW:      %[[M:.*]] = pfc.variable "head.weight.exp_avg" optimizer_state init <constant, 0.0, 0.0> {rows = 10 : i64, sharded} : tensor<10x16xbf16>
// ADAMW-NEXT: %[[V:.*]] = pfc.variable "head.weight.exp_avg_sq" optimizer_state init <constant, 0.0, 0.0> {rows = 10 : i64, sharded} : tensor<10x16xf32>
// ADAMW-NEXT: %[[T1:.*]], %[[M1:.*]], %[[V1:.*]] = pfc.update_rows all %[[TABLE]], %[[M]] adamw %[[V]] corrected %[[B1]], %[[B2]], %{{.*}} {beta2 = 7.500000e-01 : f64, eps = 1.000000e-08 : f64, mu = 9.000000e-01 : f64, weight_decay = 1.000000e-01 : f64} : tensor<10x16xf32> momentum bf16, tensor
// ADAMW-NEXT: pfc.assign "head.weight", %[[T1]]
// ADAMW-NEXT: pfc.assign "head.weight.exp_avg", %[[M1]]
// ADAMW-NEXT: pfc.assign "head.weight.exp_avg_sq", %[[V1]]
// ADAMW:      %[[M:.*]] = pfc.variable "conv1.weight.exp_avg" optimizer_state init <constant, 0.0, 0.0> : tensor<4x3x3x1xf32>
// ADAMW-NEXT: %[[V:.*]] = pfc.variable "conv1.weight.exp_avg_sq" optimizer_state init <constant, 0.0, 0.0> : tensor<4x3x3x1xf32>
// ADAMW-NEXT: %[[P1:.*]], %[[M1:.*]], %[[V1:.*]] = pfc.adamw %{{.*}}, %[[M]], %[[V]], %{{.*}} corrected %[[B1]], %[[B2]] clip %[[FACTOR]] {beta1 = 9.000000e-01 : f64, beta2 = 7.500000e-01 : f64, eps = 1.000000e-08 : f64, weight_decay = 1.000000e-01 : f64}
// ADAMW-NEXT: pfc.assign "conv1.weight", %[[P1]]
// ADAMW-NEXT: pfc.assign "conv1.weight.exp_avg", %[[M1]]
// ADAMW-NEXT: pfc.assign "conv1.weight.exp_avg_sq", %[[V1]]
// ADAMW:      pfc.assign "adamw.correction1", %[[B1]]
// ADAMW-NEXT: pfc.assign "adamw.correction2", %[[B2]]

// PARTS: %[[T1:.*]], %[[M1:.*]], %[[V1:.*]] = pfc.update_rows sampled %{{.*}} adamw %{{.*}} : tensor<3x16xf32> momentum bf16, tensor
// PARTS: %{{.*}}, %{{.*}}, %[[V2:.*]] = pfc.coast_rows %[[T1]], %[[M1]] adamw %[[V1]] corrected {{.*}} : tensor<3x16xf32> momentum bf16, tensor
// PARTS: pfc.assign "head.weight.exp_avg_sq", %[[V2]] : tensor<3x16xf32>
