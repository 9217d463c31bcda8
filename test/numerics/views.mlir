// What is read under another shape is read, though the op that reshapes it comes
// before the update: y is of the old w.
// RUN: pfc-check-plan %s --from=fused | FileCheck %s
// CHECK: agree
module {
  shard.grid @ranks(shape = 1)
  func.func @train_step(%x: tensor<4x16xf32> {pfc.input = "x"}, %lr: tensor<1xf32> {pfc.input = "lr"}) {
    %w = pfc.variable "w" parameter init<normal, 0.0, 1.0> : tensor<4x16xf32>
    %v = pfc.variable "v" optimizer_state init<normal, 0.0, 1.0> : tensor<4x16xf32>
    %r = pfc.reshape %w : tensor<4x16xf32> -> tensor<4x4x4xf32>
    %p, %m = pfc.sgd %w, %v, %x, %lr {mu = 0.9 : f64, weight_decay = 5.0e-4 : f64} : tensor<4x16xf32>
    pfc.assign "w", %p : tensor<4x16xf32>
    pfc.assign "v", %m : tensor<4x16xf32>
    %q = pfc.matmul %x, %x {transpose_rhs} : tensor<4x16xf32>, tensor<4x16xf32> -> tensor<4x4xf32>
    pfc.output "q", %q : tensor<4x4xf32>
    %y = pfc.add %r, %r : tensor<4x4x4xf32>
    pfc.output "y", %y : tensor<4x4x4xf32>
    return
  }
}
