func.func @train_step(%i: tensor<4x8xf32> {pfc.input = "x"}) {
  %x = pfc.add %i, %i : tensor<4x8xf32>
  %a = pfc.reshape %x : tensor<4x8xf32> -> tensor<4x8xf32>
  %p = pfc.matmul %a, %a {transpose_rhs} : tensor<4x8xf32>, tensor<4x8xf32> -> tensor<4x4xf32>
  %b = pfc.reshape %x : tensor<4x8xf32> -> tensor<4x8xf32>
  %q = pfc.matmul %b, %b {transpose_rhs} : tensor<4x8xf32>, tensor<4x8xf32> -> tensor<4x4xf32>
  pfc.output "p", %p : tensor<4x4xf32>
  pfc.output "q", %q : tensor<4x4xf32>
  return
}
