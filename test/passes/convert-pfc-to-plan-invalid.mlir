// RUN: pfc-opt %s -split-input-file -convert-pfc-to-plan -verify-diagnostics

// An op that an earlier pass should have lowered.
func.func @train_step(%x: tensor<4x8xf32> {pfc.input = "images"}) {
  %w = pfc.variable "w" parameter init<normal, 0.0, 0.1> : tensor<3x8xf32>
  // expected-error @below {{has no instruction and no kernel body}}
  %y = pfc.linear %x, %w : tensor<4x8xf32>, tensor<3x8xf32> -> tensor<4x3xf32>
  return
}

// -----

// expected-error @below {{argument 0 has no pfc.input name}}
func.func @train_step(%x: tensor<4x8xf32>) {
  return
}

// -----

func.func @train_step() {
  %a = pfc.variable "w" parameter init<normal, 0.0, 0.1> : tensor<3x8xf32>
  return
}
func.func @embed() {
  // expected-error @below {{reads "w" as 'tensor<4x8xf32>', elsewhere it is 'tensor<3x8xf32>'}}
  %a = pfc.variable "w" parameter init<normal, 0.0, 0.1> : tensor<4x8xf32>
  return
}

// -----

func.func @train_step(%g: tensor<32xf32> {pfc.input = "g"}, %h: tensor<16xf32> {pfc.input = "h"}) {
  %s = pfc.bucket %g, %h : tensor<32xf32>, tensor<16xf32> to tensor<48xf32>
  // expected-error @below {{takes apart what was put together otherwise}}
  %t:2 = pfc.unbucket %s : tensor<48xf32> to tensor<16xf32>, tensor<32xf32>
  pfc.output "t", %t#0 : tensor<16xf32>
  return
}
