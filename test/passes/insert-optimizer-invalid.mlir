// RUN: pfc-opt %s --pfc-insert-optimizer --split-input-file --verify-diagnostics
//
// A step's moments are not divided by what they can't be.
// RUN: not pfc-opt %S/Inputs/tiny.mlir --pfc-insert-optimizer=momentum=1.5 2>&1 | FileCheck %s --check-prefix=SGD
// RUN: not pfc-opt %S/Inputs/tiny.mlir --pfc-insert-optimizer="optimizer=adamw beta1=1" 2>&1 | FileCheck %s --check-prefix=ADAMW
// RUN: not pfc-opt %S/Inputs/tiny.mlir --pfc-insert-optimizer="optimizer=adamw beta2=-0.5" 2>&1 | FileCheck %s --check-prefix=ADAMW
// RUN: not pfc-opt %S/Inputs/tiny.mlir --pfc-insert-optimizer="optimizer=adamw eps=0" 2>&1 | FileCheck %s --check-prefix=ADAMW
// SGD: error: momentum must be in [0, 1)
// ADAMW: error: beta1 and beta2 must be in [0, 1), and eps above 0

// expected-error @below {{needs an argument with pfc.input = "lr" for its optimizer}}
func.func @train_step(%lr: tensor<1xf32>) {
  %w = pfc.variable "w" parameter init <constant, 0.0, 0.0> : tensor<4xf32>
  pfc.gradient "w", %w : tensor<4xf32>
  return
}

// -----

func.func @train_step(%lr: tensor<1xf32> {pfc.input = "lr"}) {
  %w = pfc.variable "w" buffer init <constant, 0.0, 0.0> : tensor<4xf32>
  // expected-error @below {{names no parameter of this type}}
  pfc.gradient "w", %w : tensor<4xf32>
  return
}

// -----

func.func @train_step(%lr: tensor<1xf32> {pfc.input = "lr"}, %rows: tensor<2x4xf32>, %indices: tensor<2xi64>) {
  %w = pfc.variable "w" parameter init <constant, 0.0, 0.0> : tensor<8x4xf32>
  // expected-error @below {{class centers must be gathered once a step}}
  %0 = pfc.scatter_rows %rows, %indices : tensor<2x4xf32>, tensor<2xi64> -> tensor<8x4xf32>
  %1 = pfc.scatter_rows %rows, %indices : tensor<2x4xf32>, tensor<2xi64> -> tensor<8x4xf32>
  %2 = pfc.add %0, %1 : tensor<8x4xf32>
  pfc.gradient "w", %2 : tensor<8x4xf32>
  return
}
