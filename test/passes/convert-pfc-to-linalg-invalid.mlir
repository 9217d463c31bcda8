// RUN: pfc-opt %s -convert-pfc-to-linalg -verify-diagnostics

func.func @groups(%x: tensor<4x8xf32>) -> tensor<2x8xf32> {
  // expected-error @below {{still has 2 groups: code is generated for one rank, after pfc-partition}}
  %m, %v = pfc.batch_stats %x : tensor<4x8xf32> -> tensor<2x8xf32>
  return %m : tensor<2x8xf32>
}
