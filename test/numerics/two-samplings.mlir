// Two samples of a step, each of its own seed.
// RUN: pfc-check-plan %s --from=fused | FileCheck %s
// RUN: pfc-check-plan %s --from=fused --device=emulated-cuda | FileCheck %s
// CHECK: agree
module {
  shard.grid @ranks(shape = 1)
  func.func @train_step(%l: tensor<8xi64> {pfc.input = "labels"}, %s: tensor<1xi64> {pfc.input = "step"}) {
    %f = pfc.rank_constant base 0 per_rank 0 threshold 0 below 0 per_capped_rank 0 : tensor<1xi64>
    %c = pfc.rank_constant base 100 per_rank 0 threshold 0 below 0 per_capped_rank 0 : tensor<1xi64>
    %i, %u, %k = pfc.sample_local_centers %l, %s, %f, %c, %f {shard_size = 100 : i64, sample_rate = 0.5 : f64, seed = 7 : i64} : tensor<8xi64>, tensor<1xi64> -> tensor<56xi64>
    %i2, %u2, %k2 = pfc.sample_local_centers %l, %s, %f, %c, %f {shard_size = 100 : i64, sample_rate = 0.5 : f64, seed = 8 : i64} : tensor<8xi64>, tensor<1xi64> -> tensor<56xi64>
    pfc.output "a", %i : tensor<56xi64>
    pfc.output "b", %i2 : tensor<56xi64>
    return
  }
}
