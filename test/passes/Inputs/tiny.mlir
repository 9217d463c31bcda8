// A step small enough to read: a convolution, a residual block of one, a fully
// connected layer, and Partial FC over 10 classes on 4 ranks, two images a
// rank. Layers and names as frontend/graph makes them.
module {
  shard.grid @ranks(shape = 4)

  func.func @train_step(%images: tensor<8x4x4x1xui8> {pfc.input = "images"},
                        %labels: tensor<8xi64> {pfc.input = "labels"},
                        %lr: tensor<1xf32> {pfc.input = "lr"},
                        %step: tensor<1xi64> {pfc.input = "step"}) {
    %x = pfc.scale_pixels %images : tensor<8x4x4x1xui8> -> tensor<8x4x4x1xf32>
    %conv1.weight = pfc.variable "conv1.weight" parameter init <normal, 0.0, 0.5> : tensor<4x3x3x1xf32>
    %conv1 = pfc.conv2d %x, %conv1.weight {stride = 1 : i64, padding = 1 : i64}
      : tensor<8x4x4x1xf32>, tensor<4x3x3x1xf32> -> tensor<8x4x4x4xf32>

    %bn1.weight = pfc.variable "bn1.weight" parameter init <constant, 1.0, 0.0> : tensor<4xf32>
    %bn1.bias = pfc.variable "bn1.bias" parameter init <constant, 0.0, 0.0> : tensor<4xf32>
    %bn1.running_mean = pfc.variable "bn1.running_mean" buffer init <constant, 0.0, 0.0> : tensor<1x4xf32>
    %mean, %var = pfc.batch_stats %conv1 : tensor<8x4x4x4xf32> -> tensor<4x4xf32>
    %mean1, %var1 = pfc.merge_stats %mean, %var : tensor<4x4xf32> -> tensor<1x4xf32>
    %running = pfc.moving_average %bn1.running_mean, %mean1 {momentum = 0.1 : f64, scale = 1.0 : f64} : tensor<1x4xf32>
    pfc.assign "bn1.running_mean", %running : tensor<1x4xf32>
    %bn1 = pfc.batch_norm %conv1, %mean, %var, %bn1.weight, %bn1.bias {eps = 1.0e-5 : f64, training}
      : tensor<8x4x4x4xf32>, tensor<4x4xf32>, tensor<4xf32>
    %prelu.weight = pfc.variable "prelu.weight" parameter init <constant, 0.25, 0.0> : tensor<4xf32>
    %prelu = pfc.prelu %bn1, %prelu.weight : tensor<8x4x4x4xf32>, tensor<4xf32>
    %conv2.weight = pfc.variable "conv2.weight" parameter init <normal, 0.0, 0.5> : tensor<4x1x1x4xf32>
    %conv2 = pfc.conv2d %prelu, %conv2.weight {stride = 1 : i64, padding = 0 : i64}
      : tensor<8x4x4x4xf32>, tensor<4x1x1x4xf32> -> tensor<8x4x4x4xf32>
    %sum = pfc.add %conv2, %prelu : tensor<8x4x4x4xf32>

    %flat = pfc.reshape %sum : tensor<8x4x4x4xf32> -> tensor<8x64xf32>
    %kept = pfc.dropout %flat, %step {rate = 0.25 : f64, seed = 3 : i64, layer = 0 : i64} : tensor<8x64xf32>, tensor<1xi64>
    %fc.weight = pfc.variable "fc.weight" parameter init <uniform, -0.125, 0.125> : tensor<16x64xf32>
    %fc.bias = pfc.variable "fc.bias" parameter init <uniform, -0.125, 0.125> : tensor<16xf32>
    %fc = pfc.linear %kept, %fc.weight : tensor<8x64xf32>, tensor<16x64xf32> -> tensor<8x16xf32>
    %embeddings = pfc.add_bias %fc, %fc.bias : tensor<8x16xf32>, tensor<16xf32>

    %indices, %counts, %columns = pfc.sample_centers %labels, %step
      {classes = 10 : i64, sample_rate = 0.5 : f64, seed = 7 : i64, capacity = 3 : i64}
      : tensor<8xi64>, tensor<1xi64> -> tensor<12xi64>, tensor<4xi64>
    %head.weight = pfc.variable "head.weight" parameter init <normal, 0.0, 0.01> {rows = 10 : i64, sharded} : tensor<10x16xf32>
    %centers = pfc.gather_rows %head.weight, %indices : tensor<10x16xf32>, tensor<12xi64> -> tensor<12x16xf32>
    %xn = pfc.normalize %embeddings : tensor<8x16xf32>
    %wn = pfc.normalize %centers : tensor<12x16xf32>
    %cosines = pfc.cosine_logits %xn, %wn : tensor<8x16xf32>, tensor<12x16xf32> -> tensor<8x12xf32>
    %logits = pfc.margin %cosines, %columns margin <m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 8.0, gradient = exact, filter = 0.0>
      : tensor<8x12xf32>, tensor<8xi64>
    %loss, %stats = pfc.softmax_cross_entropy %logits, %columns, %counts {shift = 0.0 : f64}
      : tensor<8x12xf32>, tensor<8xi64>, tensor<4xi64> -> tensor<8x2xf32>
    pfc.output "loss", %loss : tensor<1xf32>
    return
  }

  func.func @embed(%images: tensor<8x4x4x1xui8> {pfc.input = "images"}) {
    %x = pfc.scale_pixels %images : tensor<8x4x4x1xui8> -> tensor<8x4x4x1xf32>
    %conv1.weight = pfc.variable "conv1.weight" parameter init <normal, 0.0, 0.5> : tensor<4x3x3x1xf32>
    %conv1 = pfc.conv2d %x, %conv1.weight {stride = 1 : i64, padding = 1 : i64}
      : tensor<8x4x4x1xf32>, tensor<4x3x3x1xf32> -> tensor<8x4x4x4xf32>
    %flat = pfc.reshape %conv1 : tensor<8x4x4x4xf32> -> tensor<8x64xf32>
    %fc.weight = pfc.variable "fc.weight" parameter init <uniform, -0.125, 0.125> : tensor<16x64xf32>
    %fc = pfc.linear %flat, %fc.weight : tensor<8x64xf32>, tensor<16x64xf32> -> tensor<8x16xf32>
    pfc.output "embeddings", %fc : tensor<8x16xf32>
    return
  }
}
