// Products for each head of each image, with every transposition, and reshapes
// that merge and split rows of dimension 0; then Partial FC over 8 classes on 4
// ranks. Heads are pieces of the tokens' rows.
module {
  shard.grid @ranks(shape = 4)

  func.func @train_step(%images: tensor<8x4x4x1xui8> {pfc.input = "images"},
                        %labels: tensor<8xi64> {pfc.input = "labels"},
                        %lr: tensor<1xf32> {pfc.input = "lr"},
                        %step: tensor<1xi64> {pfc.input = "step"}) {
    %x = pfc.scale_pixels %images : tensor<8x4x4x1xui8> -> tensor<8x4x4x1xf32>
    %conv.weight = pfc.variable "conv.weight" parameter init <normal, 0.0, 0.5> : tensor<4x3x3x1xf32>
    %conv = pfc.conv2d %x, %conv.weight {stride = 1 : i64, padding = 1 : i64}
      : tensor<8x4x4x1xf32>, tensor<4x3x3x1xf32> -> tensor<8x4x4x4xf32>
    %tokens = pfc.reshape %conv : tensor<8x4x4x4xf32> -> tensor<8x16x4xf32>
    %rows = pfc.reshape %tokens : tensor<8x16x4xf32> -> tensor<128x4xf32>
    %q.weight = pfc.variable "q.weight" parameter init <normal, 0.0, 0.5> : tensor<4x4xf32>
    %k.weight = pfc.variable "k.weight" parameter init <normal, 0.0, 0.5> : tensor<4x4xf32>
    %qs = pfc.linear %rows, %q.weight : tensor<128x4xf32>, tensor<4x4xf32> -> tensor<128x4xf32>
    %ks = pfc.linear %rows, %k.weight : tensor<128x4xf32>, tensor<4x4xf32> -> tensor<128x4xf32>
    %q = pfc.reshape %qs : tensor<128x4xf32> -> tensor<16x16x2xf32>
    %k = pfc.reshape %ks : tensor<128x4xf32> -> tensor<16x16x2xf32>
    %v = pfc.reshape %rows : tensor<128x4xf32> -> tensor<16x16x2xf32>

    %p = pfc.matmul %q, %k {transpose_rhs} : tensor<16x16x2xf32>, tensor<16x16x2xf32> -> tensor<16x16x16xf32>
    %o = pfc.matmul %p, %v : tensor<16x16x16xf32>, tensor<16x16x2xf32> -> tensor<16x16x2xf32>
    %a = pfc.matmul %p, %o {transpose_lhs} : tensor<16x16x16xf32>, tensor<16x16x2xf32> -> tensor<16x16x2xf32>
    %b = pfc.matmul %o, %p {transpose_lhs, transpose_rhs} : tensor<16x16x2xf32>, tensor<16x16x16xf32> -> tensor<16x2x16xf32>
    %heads = pfc.reshape %a : tensor<16x16x2xf32> -> tensor<8x2x16x2xf32>
    %flat = pfc.reshape %heads : tensor<8x2x16x2xf32> -> tensor<8x64xf32>
    %other = pfc.reshape %b : tensor<16x2x16xf32> -> tensor<8x64xf32>
    %sum = pfc.add %flat, %other : tensor<8x64xf32>
    %fc.weight = pfc.variable "fc.weight" parameter init <uniform, -0.125, 0.125> : tensor<16x64xf32>
    %embeddings = pfc.linear %sum, %fc.weight : tensor<8x64xf32>, tensor<16x64xf32> -> tensor<8x16xf32>

    %indices, %counts, %columns = pfc.sample_centers %labels, %step
      {classes = 8 : i64, sample_rate = 1.0 : f64, seed = 7 : i64, capacity = 2 : i64}
      : tensor<8xi64>, tensor<1xi64> -> tensor<8xi64>, tensor<4xi64>
    %head.weight = pfc.variable "head.weight" parameter init <normal, 0.0, 0.01> {rows = 8 : i64, sharded} : tensor<8x16xf32>
    %centers = pfc.gather_rows %head.weight, %indices : tensor<8x16xf32>, tensor<8xi64> -> tensor<8x16xf32>
    %xn = pfc.normalize %embeddings : tensor<8x16xf32>
    %wn = pfc.normalize %centers : tensor<8x16xf32>
    %cosines = pfc.cosine_logits %xn, %wn : tensor<8x16xf32>, tensor<8x16xf32> -> tensor<8x8xf32>
    %logits = pfc.margin %cosines, %columns margin <m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 8.0, gradient = exact, filter = 0.0>
      : tensor<8x8xf32>, tensor<8xi64>
    %loss, %stats = pfc.softmax_cross_entropy %logits, %columns, %counts {shift = 0.0 : f64}
      : tensor<8x8xf32>, tensor<8xi64>, tensor<4xi64> -> tensor<8x2xf32>
    pfc.output "loss", %loss : tensor<1xf32>
    return
  }

  // Of what lies on the ranks in other ways: whole, or as partial sums.
  func.func @embed(%images: tensor<8x4x4x1xui8> {pfc.input = "images"}) {
    %x = pfc.scale_pixels %images : tensor<8x4x4x1xui8> -> tensor<8x4x4x1xf32>
    %rows = pfc.reshape %x : tensor<8x4x4x1xf32> -> tensor<32x4xf32>
    %q = pfc.reshape %rows : tensor<32x4xf32> -> tensor<4x16x2xf32>
    %mix = pfc.variable "mix" buffer init <normal, 0.0, 1.0> : tensor<4x2x2xf32>
    %mixed = pfc.matmul %q, %mix : tensor<4x16x2xf32>, tensor<4x2x2xf32> -> tensor<4x16x2xf32>
    pfc.output "mixed", %mixed : tensor<4x16x2xf32>
    %gram = pfc.matmul %rows, %rows {transpose_lhs} : tensor<32x4xf32>, tensor<32x4xf32> -> tensor<4x4xf32>
    %parts = pfc.reshape %gram : tensor<4x4xf32> -> tensor<4x2x2xf32>
    %scattered = pfc.matmul %q, %parts : tensor<4x16x2xf32>, tensor<4x2x2xf32> -> tensor<4x16x2xf32>
    pfc.output "scattered", %scattered : tensor<4x16x2xf32>
    %square = pfc.matmul %parts, %parts : tensor<4x2x2xf32>, tensor<4x2x2xf32> -> tensor<4x2x2xf32>
    pfc.output "square", %square : tensor<4x2x2xf32>
    return
  }
}
