// A vision transformer small enough to read, as frontend/graph makes them: four
// patches, of which three are kept, one block of two heads; then Partial FC over
// 8 classes on 4 ranks.
module {
  shard.grid @ranks(shape = 4)

  func.func @train_step(%images: tensor<8x4x4x1xui8> {pfc.input = "images"},
                        %labels: tensor<8xi64> {pfc.input = "labels"},
                        %lr: tensor<1xf32> {pfc.input = "lr"},
                        %step: tensor<1xi64> {pfc.input = "step"}) {
    %pixels = pfc.scale_pixels %images : tensor<8x4x4x1xui8> -> tensor<8x4x4x1xf32>
    %proj.weight = pfc.variable "patch.weight" parameter init <normal, 0.0, 0.5> : tensor<8x2x2x1xf32>
    %patches = pfc.conv2d %pixels, %proj.weight {stride = 2 : i64, padding = 0 : i64}
      : tensor<8x4x4x1xf32>, tensor<8x2x2x1xf32> -> tensor<8x2x2x8xf32>
    %map = pfc.reshape %patches : tensor<8x2x2x8xf32> -> tensor<8x32xf32>
    %pos = pfc.variable "pos" parameter init <normal, 0.0, 0.5> : tensor<32xf32>
    %placed = pfc.add_bias %map, %pos : tensor<8x32xf32>, tensor<32xf32>
    %all = pfc.reshape %placed : tensor<8x32xf32> -> tensor<8x4x1x8xf32>
    %kept, %slots, %keys = pfc.sample_tokens %step {seed = 7 : i64} : tensor<8x3xi64>, tensor<8x4xi64>
    %x = pfc.gather_tokens %all, %kept, %slots : tensor<8x4x1x8xf32>, tensor<8x3xi64>, tensor<8x4xi64> -> tensor<8x3x1x8xf32>

    %gamma = pfc.variable "norm.weight" parameter init <uniform, 0.5, 1.5> : tensor<8xf32>
    %beta = pfc.variable "norm.bias" parameter init <normal, 0.0, 0.5> : tensor<8xf32>
    %mean, %var = pfc.layer_stats %x : tensor<8x3x1x8xf32> -> tensor<8x3x1xf32>
    %norm = pfc.layer_norm %x, %mean, %var, %gamma, %beta {eps = 1.0e-5 : f64}
      : tensor<8x3x1x8xf32>, tensor<8x3x1xf32>, tensor<8xf32> -> tensor<8x3x1x8xf32>
    %qkv.weight = pfc.variable "qkv.weight" parameter init <normal, 0.0, 0.5> : tensor<24x1x1x8xf32>
    %qkv = pfc.conv2d %norm, %qkv.weight {stride = 1 : i64, padding = 0 : i64}
      : tensor<8x3x1x8xf32>, tensor<24x1x1x8xf32> -> tensor<8x3x1x24xf32>
    %q, %k, %v = pfc.split_heads %qkv {heads = 2 : i64}
      : tensor<8x3x1x24xf32> -> tensor<16x3x4xf32>, tensor<16x3x4xf32>, tensor<16x3x4xf32>
    %scores = pfc.matmul %q, %k {transpose_rhs} : tensor<16x3x4xf32>, tensor<16x3x4xf32> -> tensor<16x3x3xf32>
    %shares = pfc.softmax %scores {scale = 0.5 : f64} : tensor<16x3x3xf32> -> tensor<16x3x3xf32>
    %seen = pfc.matmul %shares, %v : tensor<16x3x3xf32>, tensor<16x3x4xf32> -> tensor<16x3x4xf32>
    %attention = pfc.merge_heads %seen {heads = 2 : i64} : tensor<16x3x4xf32> -> tensor<8x3x1x8xf32>
    %bias = pfc.variable "attn.bias" parameter init <normal, 0.0, 0.5> : tensor<8xf32>
    %biased = pfc.add_bias %attention, %bias : tensor<8x3x1x8xf32>, tensor<8xf32>
    %dropped = pfc.drop_path %biased, %step {rate = 0.25 : f64, seed = 7 : i64, layer = 1 : i64} : tensor<8x3x1x8xf32>
    %joined = pfc.add %x, %dropped : tensor<8x3x1x8xf32>
    %relu = pfc.relu6 %joined : tensor<8x3x1x8xf32>

    %mask = pfc.variable "mask" parameter init <normal, 0.0, 0.5> : tensor<8xf32>
    %restored = pfc.restore_tokens %relu, %kept, %slots mask %mask : tensor<8xf32>
      : tensor<8x3x1x8xf32>, tensor<8x3xi64>, tensor<8x4xi64> -> tensor<8x4x1x8xf32>
    %flat = pfc.reshape %restored : tensor<8x4x1x8xf32> -> tensor<8x32xf32>
    %fc.weight = pfc.variable "fc.weight" parameter init <uniform, -0.125, 0.125> : tensor<16x32xf32>
    %embeddings = pfc.linear %flat, %fc.weight : tensor<8x32xf32>, tensor<16x32xf32> -> tensor<8x16xf32>

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
}
