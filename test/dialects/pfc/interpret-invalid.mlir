// What the interpreter refuses, each with its reason.
// RUN: not pfc-interpret %s --function index 2>&1 | FileCheck %s --check-prefix=INDEX
// RUN: not pfc-interpret %s --function repeated 2>&1 | FileCheck %s --check-prefix=REPEATED
// RUN: not pfc-interpret %s --function unread 2>&1 | FileCheck %s --check-prefix=UNREAD
// RUN: not pfc-interpret %s --function twice 2>&1 | FileCheck %s --check-prefix=TWICE
// RUN: not pfc-interpret %s --function foreign 2>&1 | FileCheck %s --check-prefix=FOREIGN
// RUN: not pfc-interpret %s --function axes 2>&1 | FileCheck %s --check-prefix=AXES
// RUN: not pfc-interpret %s --function maximum 2>&1 | FileCheck %s --check-prefix=MAXIMUM
// RUN: not pfc-interpret %s --function unnamed 2>&1 | FileCheck %s --check-prefix=UNNAMED
// RUN: not pfc-interpret %s --function missing 2>&1 | FileCheck %s --check-prefix=MISSING
// RUN: not pfc-interpret %s --function index --check-gradients 2>&1 | FileCheck %s --check-prefix=INDEX
// RUN: not pfc-interpret %t.none 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: pfc-interpret: error: cannot open input file '{{.*}}none': No such file or directory

shard.grid @ranks(shape = 2)

// INDEX: [[#@LINE+4]]:{{.*}} an index is beyond the table
func.func @index() {
  %table = arith.constant dense<1.0> : tensor<2x1xf32>
  %indices = arith.constant dense<[1, 2]> : tensor<2xi64>
  %rows = pfc.gather_rows %table, %indices : tensor<2x1xf32>, tensor<2xi64> -> tensor<2x1xf32>
  return
}

// REPEATED: an index is beyond the table or occurs twice
func.func @repeated(%lr: tensor<1xf32> {pfc.input = "lr"}) {
  %table = arith.constant dense<1.0> : tensor<2x1xf32>
  %indices = arith.constant dense<[1, 1]> : tensor<2xi64>
  %w, %v = pfc.update_rows all %table, %table, %indices, %table, %lr {mu = 0.5 : f64, weight_decay = 0.1 : f64} : tensor<2x1xf32>, tensor<2xi64>, tensor<2x1xf32>
  return
}

// UNREAD: no variable 'x' is read here
func.func @unread() {
  %x = arith.constant dense<1.0> : tensor<1xf32>
  pfc.assign "x", %x : tensor<1xf32>
  return
}

// TWICE: variable 'x' is assigned twice
func.func @twice() {
  %x = pfc.variable "x" parameter init<constant, 1.0, 0.0> : tensor<1xf32>
  pfc.assign "x", %x : tensor<1xf32>
  pfc.assign "x", %x : tensor<1xf32>
  return
}

// FOREIGN: 'arith.addf' op is not known to the reference interpreter
func.func @foreign() {
  %x = arith.constant dense<1.0> : tensor<1xf32>
  %y = arith.addf %x, %x : tensor<1xf32>
  return
}

// AXES: the interpreter needs grid_axes = [0]
func.func @axes() {
  %x = arith.constant dense<1.0> : tensor<1xf32>
  %y = shard.all_reduce %x on @ranks : tensor<1xf32> -> tensor<1xf32>
  return
}

// MAXIMUM: the interpreter only knows sums
func.func @maximum() {
  %x = arith.constant dense<1.0> : tensor<1xf32>
  %y = shard.all_reduce %x on @ranks grid_axes = [0] reduction = max : tensor<1xf32> -> tensor<1xf32>
  return
}

// UNNAMED: argument 0 has no pfc.input
func.func @unnamed(%x: tensor<1xf32>) {
  return
}

// MISSING: has no function @missing
