// RUN: pfc-opt %s --pfc-differentiate --split-input-file --verify-diagnostics

// expected-error @below {{has no pfc.softmax_cross_entropy to differentiate}}
func.func @train_step() {
  return
}

// -----

func.func @train_step(%z: tensor<2x3xf32>, %columns: tensor<2xi64>, %counts: tensor<1xi64>) {
  // expected-error @below {{depends on no parameter: nothing to train}}
  %loss, %stats = pfc.softmax_cross_entropy %z, %columns, %counts {shift = 0.0 : f64}
    : tensor<2x3xf32>, tensor<2xi64>, tensor<1xi64> -> tensor<2x2xf32>
  return
}

// -----

func.func @train_step(%columns: tensor<2xi64>, %counts: tensor<1xi64>) {
  %z = pfc.variable "z" parameter init <constant, 0.0, 0.0> : tensor<2x3xf32>
  %loss, %stats = pfc.softmax_cross_entropy %z, %columns, %counts {shift = 0.0 : f64}
    : tensor<2x3xf32>, tensor<2xi64>, tensor<1xi64> -> tensor<2x2xf32>
  // expected-error @below {{is a second loss; a step has one}}
  %loss1, %stats1 = pfc.softmax_cross_entropy %z, %columns, %counts {shift = 0.0 : f64}
    : tensor<2x3xf32>, tensor<2xi64>, tensor<1xi64> -> tensor<2x2xf32>
  return
}

// -----

func.func @train_step(%columns: tensor<2xi64>, %counts: tensor<1xi64>, %factors: tensor<2xf32>) {
  %z = pfc.variable "z" parameter init <constant, 0.0, 0.0> : tensor<2x3xf32>
  // expected-error @below {{has no gradient, but the loss and a parameter meet in it}}
  %y = pfc.scale_rows %z, %factors : tensor<2x3xf32>, tensor<2xf32> -> tensor<2x3xf32>
  %loss, %stats = pfc.softmax_cross_entropy %y, %columns, %counts {shift = 0.0 : f64}
    : tensor<2x3xf32>, tensor<2xi64>, tensor<1xi64> -> tensor<2x2xf32>
  return
}

// -----

func.func @train_step(%columns: tensor<2xi64>, %counts: tensor<1xi64>) {
  %z = pfc.variable "z" parameter init <constant, 0.0, 0.0> : tensor<2x3xf32>
  // expected-warning @below {{the loss does not depend on parameter "unused": it will not be trained}}
  %unused = pfc.variable "unused" parameter init <constant, 0.0, 0.0> : tensor<2x3xf32>
  %loss, %stats = pfc.softmax_cross_entropy %z, %columns, %counts {shift = 0.0 : f64}
    : tensor<2x3xf32>, tensor<2xi64>, tensor<1xi64> -> tensor<2x2xf32>
  return
}
