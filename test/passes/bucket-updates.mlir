// Updates of one form become one, on buckets; the norm is one of buckets.
// RUN: pfc-opt %s --pfc-bucket-updates -o %t.mlir
// RUN: FileCheck %s --input-file=%t.mlir
// RUN: pfc-interpret %s --against %t.mlir --steps 3
// A bucket is full with 100 bytes: of @whole, every two gradients.
// RUN: pfc-opt %s --pfc-bucket-updates=bucket-bytes=100 | FileCheck %s --check-prefix=FULL
// Or with √(256 · 40), of 256 bytes where 40 cross in a latency's time.
// RUN: pfc-opt %s --pfc-bucket-updates="latency=2 network-bandwidth=20" | FileCheck %s --check-prefix=FULL
// In bf16 between the ranks, until something reads the sum.
// RUN: pfc-opt %s --pfc-bucket-updates=narrow -o %t.narrow.mlir
// RUN: FileCheck %s --input-file=%t.narrow.mlir --check-prefix=NARROW
// RUN: pfc-interpret %s --against %t.narrow.mlir --steps 3
// Each alone, too.
// RUN: pfc-opt %s --pfc-bucket-updates="narrow bucket-bytes=1" | FileCheck %s --check-prefix=ALONE
// ALONE-LABEL: func.func @train_step
// ALONE-DAG:   shard.all_reduce {{.*}} -> tensor<32xbf16>
// ALONE-DAG:   shard.all_reduce {{.*}} -> tensor<16xbf16>
// ALONE:       pfc.clip_factor
// NARROW:      %[[B:.*]] = pfc.bucket
// NARROW-NEXT: %[[NARROW:.*]] = pfc.cast %[[B]] : tensor<48xf32> -> tensor<48xbf16>
// NARROW-NEXT: %[[R:.*]] = shard.all_reduce %[[NARROW]] on @ranks grid_axes = [0] : tensor<48xbf16> -> tensor<48xbf16>
// NARROW:      shard.all_reduce {{.*}} -> tensor<16xf32>
// NARROW:      pfc.sum_squares {{.*}} tensor<5xf32>
// NARROW:      %[[WIDE:.*]] = pfc.cast %[[R]] : tensor<48xbf16> -> tensor<48xf32>
// NARROW-NEXT: pfc.sum_squares %[[WIDE]] : tensor<48xf32>
// NARROW:      pfc.sgd {{.*}}, {{.*}}, %[[WIDE]], {{.*}} : tensor<48xf32>
//
// Of a real network on four ranks, as it is and with the step's code around it.
// RUN: pfcc compile %root/specs/quickstart.spec --emit=graph -o %t.graph.mlir --set model.input_size=16 --set model.embedding_size=16 --set head.classes=11 --set head.sample_rate=0.4 --set train.batch_per_rank=2 --set cluster.world_size=4 --set train.sync_batch_norm=true
// RUN: pfc-opt %t.graph.mlir --pfc-differentiate --pfc-insert-optimizer=clip-grad-norm=1.0 --pfc-partition -o %t.alone.mlir
// RUN: pfc-opt %t.alone.mlir --pfc-bucket-updates=bucket-bytes=200000 --pfc-verify-partitioned -o %t.buckets.mlir
// RUN: pfc-interpret %t.alone.mlir --against %t.buckets.mlir --steps 2
// RUN: grep -c pfc.sgd %t.buckets.mlir | FileCheck %s --check-prefix=NETWORK
// AdamW has one bucket more.
// RUN: pfc-opt %t.graph.mlir --pfc-differentiate --pfc-insert-optimizer="optimizer=adamw clip-grad-norm=1.0" --pfc-partition -o %t.adamw.mlir
// RUN: pfc-opt %t.adamw.mlir --pfc-bucket-updates=bucket-bytes=200000 --pfc-verify-partitioned -o %t.adamw.buckets.mlir
// RUN: pfc-interpret %t.adamw.mlir --against %t.adamw.buckets.mlir --steps 2
// RUN: grep -c pfc.adamw %t.adamw.buckets.mlir | FileCheck %s --check-prefix=NETWORK
// NETWORK: {{^1[0-9]$}}

module {
  shard.grid @ranks(shape = 2)

  // Summed over the ranks right behind the last gradient. %g3 has another
  // reader, %g4 would end in the middle of a row: they stay alone.
  // CHECK-LABEL: func.func @train_step
  // CHECK:       %[[G:.*]] = pfc.add %[[X:.*]], %[[X]] : tensor<2x16xf32>
  // CHECK-NEXT:  %[[H:.*]] = pfc.channel_sum %[[G]]
  // CHECK-NEXT:  %[[B:.*]] = pfc.bucket %[[G1:.*]], %[[H]] : tensor<2x16xf32>, tensor<16xf32> to tensor<48xf32>
  // CHECK-NEXT:  %[[R:.*]] = shard.all_reduce %[[B]] on @ranks grid_axes = [0] : tensor<48xf32> -> tensor<48xf32>
  // CHECK:       shard.all_reduce {{.*}} -> tensor<16xf32>
  // CHECK:       %[[N3:.*]] = pfc.sum_squares {{.*}} tensor<16xf32>
  // CHECK:       %[[N4:.*]] = pfc.sum_squares {{.*}} tensor<5xf32>
  // CHECK:       %[[N:.*]] = pfc.sum_squares %[[R]] : tensor<48xf32> -> tensor<1xf32>
  // CHECK-NEXT:  %[[S:.*]] = pfc.add %[[N]], %[[N3]]
  // CHECK-NEXT:  %[[T:.*]] = pfc.add %[[S]], %[[N4]]
  // CHECK-NOT:   pfc.add
  // CHECK:       %[[F:.*]], %{{.*}} = pfc.clip_factor %[[T]]
  // CHECK:       %[[P:.*]] = pfc.bucket %{{.*}}, %{{.*}} : tensor<2x16xf32>, tensor<16xf32> to tensor<48xf32>
  // CHECK-NEXT:  %[[V:.*]] = pfc.bucket
  // CHECK-NEXT:  %[[P1:.*]], %[[V1:.*]] = pfc.sgd %[[P]], %[[V]], %[[R]], %{{.*}} clip %[[F]] {{.*}} : tensor<48xf32>
  // CHECK-NEXT:  %[[NEW:.*]]:2 = pfc.unbucket %[[P1]] : tensor<48xf32> to tensor<2x16xf32>, tensor<16xf32>
  // CHECK-NEXT:  pfc.assign "a", %[[NEW]]#0
  // CHECK-NEXT:  pfc.assign "b", %[[NEW]]#1
  // CHECK-NEXT:  %[[NEWV:.*]]:2 = pfc.unbucket %[[V1]]
  // CHECK-NEXT:  pfc.assign "a.momentum", %[[NEWV]]#0
  // CHECK-NEXT:  pfc.assign "b.momentum", %[[NEWV]]#1
  // CHECK:       pfc.sgd {{.*}} tensor<16xf32>
  // CHECK:       pfc.sgd {{.*}} tensor<5xf32>
  func.func @train_step(%x: tensor<2x16xf32> {pfc.input = "x"},
                        %y: tensor<3x5xf32> {pfc.input = "y"},
                        %lr: tensor<1xf32> {pfc.input = "lr"}) {
    %a = pfc.variable "a" parameter init<normal, 0.0, 1.0> : tensor<2x16xf32>
    %b = pfc.variable "b" parameter init<normal, 0.0, 1.0> : tensor<16xf32>
    %c = pfc.variable "c" parameter init<normal, 0.0, 1.0> : tensor<16xf32>
    %d = pfc.variable "d" parameter init<normal, 0.0, 1.0> : tensor<5xf32>
    %g4 = pfc.channel_sum %y : tensor<3x5xf32> -> tensor<5xf32>
    %g3 = pfc.channel_sum %x : tensor<2x16xf32> -> tensor<16xf32>
    %g1 = pfc.add %x, %a : tensor<2x16xf32>
    %g = pfc.add %x, %x : tensor<2x16xf32>
    %g2 = pfc.channel_sum %g : tensor<2x16xf32> -> tensor<16xf32>
    %r1 = shard.all_reduce %g1 on @ranks grid_axes = [0] : tensor<2x16xf32> -> tensor<2x16xf32>
    %n1 = pfc.sum_squares %r1 : tensor<2x16xf32> -> tensor<1xf32>
    %r2 = shard.all_reduce %g2 on @ranks grid_axes = [0] : tensor<16xf32> -> tensor<16xf32>
    %n2 = pfc.sum_squares %r2 : tensor<16xf32> -> tensor<1xf32>
    %s2 = pfc.add %n1, %n2 : tensor<1xf32>
    %r3 = shard.all_reduce %g3 on @ranks grid_axes = [0] : tensor<16xf32> -> tensor<16xf32>
    pfc.output "g3", %r3 : tensor<16xf32>
    %n3 = pfc.sum_squares %r3 : tensor<16xf32> -> tensor<1xf32>
    %s3 = pfc.add %s2, %n3 : tensor<1xf32>
    %r4 = shard.all_reduce %g4 on @ranks grid_axes = [0] : tensor<5xf32> -> tensor<5xf32>
    %n4 = pfc.sum_squares %r4 : tensor<5xf32> -> tensor<1xf32>
    %s4 = pfc.add %s3, %n4 : tensor<1xf32>
    %factor, %norm = pfc.clip_factor %s4 {limit = 0.5 : f64} : tensor<1xf32>
    pfc.output "norm", %norm : tensor<1xf32>
    %va = pfc.variable "a.momentum" optimizer_state init<constant, 0.0, 0.0> : tensor<2x16xf32>
    %a1, %va1 = pfc.sgd %a, %va, %r1, %lr clip %factor {mu = 0.9 : f64, weight_decay = 0.1 : f64} : tensor<2x16xf32>
    pfc.assign "a", %a1 : tensor<2x16xf32>
    pfc.assign "a.momentum", %va1 : tensor<2x16xf32>
    %vb = pfc.variable "b.momentum" optimizer_state init<constant, 0.0, 0.0> : tensor<16xf32>
    %b1, %vb1 = pfc.sgd %b, %vb, %r2, %lr clip %factor {mu = 0.9 : f64, weight_decay = 0.1 : f64} : tensor<16xf32>
    pfc.assign "b", %b1 : tensor<16xf32>
    pfc.assign "b.momentum", %vb1 : tensor<16xf32>
    %vc = pfc.variable "c.momentum" optimizer_state init<constant, 0.0, 0.0> : tensor<16xf32>
    %c1, %vc1 = pfc.sgd %c, %vc, %r3, %lr clip %factor {mu = 0.9 : f64, weight_decay = 0.1 : f64} : tensor<16xf32>
    pfc.assign "c", %c1 : tensor<16xf32>
    pfc.assign "c.momentum", %vc1 : tensor<16xf32>
    %vd = pfc.variable "d.momentum" optimizer_state init<constant, 0.0, 0.0> : tensor<5xf32>
    %d1, %vd1 = pfc.sgd %d, %vd, %r4, %lr clip %factor {mu = 0.9 : f64, weight_decay = 0.1 : f64} : tensor<5xf32>
    pfc.assign "d", %d1 : tensor<5xf32>
    pfc.assign "d.momentum", %vd1 : tensor<5xf32>
    return
  }

  // CHECK-LABEL: func.func @adamw
  // CHECK:       %[[G:.*]] = pfc.bucket %{{.*}}, %{{.*}} : tensor<16xf32>, tensor<32xf32> to tensor<48xf32>
  // CHECK-NEXT:  %[[P:.*]] = pfc.bucket
  // CHECK-NEXT:  %[[M:.*]] = pfc.bucket
  // CHECK-NEXT:  %[[V:.*]] = pfc.bucket
  // CHECK-NEXT:  %[[P1:.*]], %[[M1:.*]], %[[V1:.*]] = pfc.adamw %[[P]], %[[M]], %[[V]], %[[G]], %{{.*}} corrected %{{.*}}, %{{.*}} {{{.*}} : tensor<48xf32>
  // CHECK-NEXT:  %[[NEW:.*]]:2 = pfc.unbucket %[[P1]]
  // CHECK-NEXT:  pfc.assign "a2", %[[NEW]]#0
  // CHECK-NEXT:  pfc.assign "b2", %[[NEW]]#1
  // CHECK-NEXT:  %[[NEWM:.*]]:2 = pfc.unbucket %[[M1]]
  // CHECK-NEXT:  pfc.assign "a2.exp_avg", %[[NEWM]]#0
  // CHECK-NEXT:  pfc.assign "b2.exp_avg", %[[NEWM]]#1
  // CHECK-NEXT:  %[[NEWV:.*]]:2 = pfc.unbucket %[[V1]]
  // CHECK-NEXT:  pfc.assign "a2.exp_avg_sq", %[[NEWV]]#0
  // CHECK-NEXT:  pfc.assign "b2.exp_avg_sq", %[[NEWV]]#1
  // CHECK-NOT:   pfc.adamw
  func.func @adamw(%x: tensor<16xf32> {pfc.input = "x"},
                   %y: tensor<32xf32> {pfc.input = "y"},
                   %lr: tensor<1xf32> {pfc.input = "lr"}) {
    %c = pfc.variable "c2" optimizer_state init<uniform, 0.5, 1.0> : tensor<1xf32>
    %a = pfc.variable "a2" parameter init<normal, 0.0, 1.0> : tensor<16xf32>
    %b = pfc.variable "b2" parameter init<normal, 0.0, 1.0> : tensor<32xf32>
    %ma = pfc.variable "a2.exp_avg" optimizer_state init<constant, 0.0, 0.0> : tensor<16xf32>
    %mb = pfc.variable "b2.exp_avg" optimizer_state init<constant, 0.0, 0.0> : tensor<32xf32>
    %va = pfc.variable "a2.exp_avg_sq" optimizer_state init<constant, 0.0, 0.0> : tensor<16xf32>
    %vb = pfc.variable "b2.exp_avg_sq" optimizer_state init<constant, 0.0, 0.0> : tensor<32xf32>
    %ga = pfc.add %x, %a : tensor<16xf32>
    %gb = pfc.add %y, %b : tensor<32xf32>
    %a1, %ma1, %va1 = pfc.adamw %a, %ma, %va, %ga, %lr corrected %c, %c {beta1 = 0.9 : f64, beta2 = 0.99 : f64, eps = 1.0e-3 : f64, weight_decay = 0.1 : f64} : tensor<16xf32>
    %b1, %mb1, %vb1 = pfc.adamw %b, %mb, %vb, %gb, %lr corrected %c, %c {beta1 = 0.9 : f64, beta2 = 0.99 : f64, eps = 1.0e-3 : f64, weight_decay = 0.1 : f64} : tensor<32xf32>
    pfc.assign "a2", %a1 : tensor<16xf32>
    pfc.assign "a2.exp_avg", %ma1 : tensor<16xf32>
    pfc.assign "a2.exp_avg_sq", %va1 : tensor<16xf32>
    pfc.assign "b2", %b1 : tensor<32xf32>
    pfc.assign "b2.exp_avg", %mb1 : tensor<32xf32>
    pfc.assign "b2.exp_avg_sq", %vb1 : tensor<32xf32>
    return
  }

  // Another weight decay is another form; a bucket of one is none.
  // CHECK-LABEL: func.func @whole
  // CHECK:         pfc.bucket {{.*}} : tensor<16xf32>, tensor<16xf32>, tensor<16xf32> to tensor<48xf32>
  // CHECK-COUNT-2: pfc.sgd
  // CHECK-NOT:     pfc.sgd
  // FULL-LABEL:    func.func @whole
  // FULL:          pfc.bucket {{.*}} : tensor<16xf32>, tensor<16xf32> to tensor<32xf32>
  // FULL-COUNT-3:  pfc.sgd
  // FULL-NOT:      pfc.sgd
  func.func @whole(%x: tensor<16xf32> {pfc.input = "x"},
                   %lr: tensor<1xf32> {pfc.input = "lr"}) {
    %a = pfc.variable "a1" parameter init<normal, 0.0, 1.0> : tensor<16xf32>
    %b = pfc.variable "b1" parameter init<normal, 0.0, 1.0> : tensor<16xf32>
    %c = pfc.variable "c1" parameter init<normal, 0.0, 1.0> : tensor<16xf32>
    %d = pfc.variable "d1" parameter init<normal, 0.0, 1.0> : tensor<16xf32>
    %va = pfc.variable "a1.momentum" optimizer_state init<constant, 0.0, 0.0> : tensor<16xf32>
    %vb = pfc.variable "b1.momentum" optimizer_state init<constant, 0.0, 0.0> : tensor<16xf32>
    %vc = pfc.variable "c1.momentum" optimizer_state init<constant, 0.0, 0.0> : tensor<16xf32>
    %vd = pfc.variable "d1.momentum" optimizer_state init<constant, 0.0, 0.0> : tensor<16xf32>
    %ga = pfc.add %x, %a : tensor<16xf32>
    %gb = pfc.add %x, %b : tensor<16xf32>
    %gc = pfc.add %x, %c : tensor<16xf32>
    %gd = pfc.add %x, %d : tensor<16xf32>
    %a1, %va1 = pfc.sgd %a, %va, %ga, %lr {mu = 0.9 : f64, weight_decay = 0.1 : f64} : tensor<16xf32>
    %b1, %vb1 = pfc.sgd %b, %vb, %gb, %lr {mu = 0.9 : f64, weight_decay = 0.1 : f64} : tensor<16xf32>
    %c1, %vc1 = pfc.sgd %c, %vc, %gc, %lr {mu = 0.9 : f64, weight_decay = 0.0 : f64} : tensor<16xf32>
    %d1, %vd1 = pfc.sgd %d, %vd, %gd, %lr {mu = 0.9 : f64, weight_decay = 0.1 : f64} : tensor<16xf32>
    pfc.assign "a1", %a1 : tensor<16xf32>
    pfc.assign "a1.momentum", %va1 : tensor<16xf32>
    pfc.assign "b1", %b1 : tensor<16xf32>
    pfc.assign "b1.momentum", %vb1 : tensor<16xf32>
    pfc.assign "c1", %c1 : tensor<16xf32>
    pfc.assign "c1.momentum", %vc1 : tensor<16xf32>
    pfc.assign "d1", %d1 : tensor<16xf32>
    pfc.assign "d1.momentum", %vd1 : tensor<16xf32>
    return
  }
}
