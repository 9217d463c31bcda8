// RUN: pfc-opt %s --pfc-scale-loss --verify-diagnostics

// expected-error @below {{has 0 gradients of a loss; one can be scaled}}
func.func @train_step(%p: tensor<4xf32>, %lr: tensor<1xf32>) {
  %p1, %v1 = pfc.sgd %p, %p, %p, %lr {mu = 0.9 : f64, weight_decay = 0.0 : f64} : tensor<4xf32>
  return
}
