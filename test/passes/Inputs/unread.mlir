// Two ops that share activations, which nobody reads.
func.func @train_step(%x: tensor<2x3x3x8xf32> {pfc.input = "x"}, %bias: tensor<8xf32> {pfc.input = "bias"}) {
  %0 = pfc.add %x, %x : tensor<2x3x3x8xf32>
  %1 = pfc.add_bias %0, %bias : tensor<2x3x3x8xf32>, tensor<8xf32>
  return
}
