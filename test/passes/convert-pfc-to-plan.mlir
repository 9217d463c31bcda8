// Values become buffers; runs of generics over the same rows become kernels.
// RUN: pfc-opt %s -convert-pfc-to-linalg -convert-pfc-to-plan | FileCheck %s

module {
  shard.grid @ranks(shape = 2)

  // Each variable once, as one rank holds it.
  // CHECK: plan.variable @w parameter init <normal, 0.0, 0.1>
  // CHECK: plan.variable @w.momentum optimizer_state
  // CHECK-NOT: plan.variable @w

  // A row's length, its inverse and the scaled row in one kernel: a loop over
  // the rows it is given, with the two scalars on the stack.
  // CHECK:      func.func @k0_normalize(%[[X:.*]]: memref<512x64xf32>, %[[Y:.*]]: memref<512x64xf32>, %[[BEGIN:.*]]: index, %[[END:.*]]: index)
  // CHECK-DAG:    memref.alloca() : memref<f32>
  // CHECK-DAG:    memref.alloca() : memref<f32>
  // CHECK:        scf.for %[[ROW:.*]] = %[[BEGIN]] to %[[END]]
  // CHECK:          memref.subview %[[X]][%[[ROW]], 0] [1, 64]
  // CHECK:          iterator_types = ["reduction"]
  // CHECK:          math.sqrt
  // CHECK:          iterator_types = ["parallel"]

  // The update reads and writes parameter and momentum in place: three buffers
  // and the scalar, no copy. It is small, so it is serial.
  // CHECK-LABEL: func.func @k1_sgd

  // CHECK-LABEL: plan.program @train_step batch 512
  // CHECK-DAG:     %[[IN:.*]] = plan.input "images" : memref<512x64xf32>
  // CHECK-DAG:     %[[LR:.*]] = plan.input "lr" : memref<1xf32>
  // CHECK-DAG:     %[[W:.*]] = plan.state @w :
  // CHECK-DAG:     %[[V:.*]] = plan.state @w.momentum :
  // CHECK:         plan.launch @kernels::@k0_normalize(%[[IN]], %[[N:.*]]) extent 512 writes [1]
  // CHECK:         plan.matmul %[[N]], %[[W]], %[[OUT:.*]] {
  // CHECK:         plan.collective all_gather %[[OUT]], %[[ALL:.*]] {
  // CHECK:         plan.launch @kernels::@k0_normalize(
  // CHECK:         plan.matmul %{{.*}}, %[[IN]], %[[G:.*]] {{{.*}}transpose_lhs
  // A partial sum nobody else reads is reduced where it is.
  // CHECK:         plan.collective all_reduce_sum %[[G]], %[[G]]
  // CHECK:         plan.launch @kernels::@k1_sgd(%[[W]], %[[V]], %[[G]], %[[LR]]) extent 1 writes [0, 1]
  // CHECK-NOT:     plan.copy
  func.func @train_step(%x: tensor<512x64xf32> {pfc.input = "images"},
                        %lr: tensor<1xf32> {pfc.input = "lr"}) {
    %w = pfc.variable "w" parameter init<normal, 0.0, 0.1> : tensor<64x64xf32>
    %v = pfc.variable "w.momentum" optimizer_state init<constant, 0.0, 0.0> : tensor<64x64xf32>
    %n = pfc.normalize %x : tensor<512x64xf32>
    %y = pfc.matmul %n, %w {transpose_rhs} : tensor<512x64xf32>, tensor<64x64xf32> -> tensor<512x64xf32>
    %all = shard.all_gather %y on @ranks grid_axes = [0] gather_axis = 0 : tensor<512x64xf32> -> tensor<1024x64xf32>
    pfc.output "all", %all : tensor<1024x64xf32>
    // The same kernel again: not a second one.
    %m = pfc.normalize %y : tensor<512x64xf32>
    %g = pfc.matmul %m, %x {transpose_lhs} : tensor<512x64xf32>, tensor<512x64xf32> -> tensor<64x64xf32>
    %s = shard.all_reduce %g on @ranks grid_axes = [0] : tensor<64x64xf32> -> tensor<64x64xf32>
    %w1, %v1 = pfc.sgd %w, %v, %s, %lr {mu = 0.9 : f64, weight_decay = 0.0 : f64} : tensor<64x64xf32>
    pfc.assign "w", %w1 : tensor<64x64xf32>
    pfc.assign "w.momentum", %v1 : tensor<64x64xf32>
    return
  }

  // An old value that is still read afterwards is not overwritten: the new one
  // is copied at the end.
  // CHECK-LABEL: plan.program @embed
  // CHECK:         %[[STATE:.*]] = plan.state @r
  // CHECK:         %[[NEW:.*]] = plan.alloc
  // CHECK:         plan.launch {{.*}}moving_average(%[[STATE]], %{{.*}}, %[[NEW]])
  // CHECK:         plan.launch
  // CHECK:         plan.copy %[[NEW]], %[[STATE]]
  func.func @embed(%x: tensor<1024x16xf32> {pfc.input = "images"}) {
    %r = pfc.variable "r" buffer init<constant, 0.0, 0.0> : tensor<1024x16xf32>
    %new = pfc.moving_average %r, %x {momentum = 0.1 : f64, scale = 1.0 : f64} : tensor<1024x16xf32>
    pfc.assign "r", %new : tensor<1024x16xf32>
    %p = pfc.matmul %new, %new {transpose_rhs} : tensor<1024x16xf32>, tensor<1024x16xf32> -> tensor<1024x1024xf32>
    pfc.output "p", %p : tensor<1024x1024xf32>
    %q = pfc.add %r, %new : tensor<1024x16xf32>
    pfc.output "q", %q : tensor<1024x16xf32>
    return
  }

  // A bucket is no instruction: its tensors' buffers are a span, of which one
  // kernel updates the variables in place. A gradient that is the host's is
  // copied into its part.
  // CHECK-LABEL: plan.program @buckets
  // CHECK-DAG:     %[[A:.*]] = plan.state @a :
  // CHECK-DAG:     %[[B:.*]] = plan.state @b :
  // CHECK-DAG:     %[[P:.*]] = plan.span %[[A]], %[[B]] : memref<8x16xf32>, memref<16xf32> to memref<144xf32>
  // CHECK-DAG:     %[[V:.*]] = plan.span %{{.*}}, %{{.*}} : memref<8x16xf32>, memref<16xf32> to memref<144xf32>
  // CHECK:         plan.matmul %{{.*}}, %{{.*}}, %[[G:.*]] {
  // CHECK:         %[[COPY:.*]] = plan.alloc : memref<16xf32>
  // CHECK:         %[[S:.*]] = plan.span %[[G]], %[[COPY]]
  // CHECK:         plan.copy %{{.*}}, %[[COPY]]
  // CHECK:         plan.collective all_reduce_sum %[[S]], %[[S]]
  // CHECK:         plan.launch @kernels::@{{.*}}sgd(%[[P]], %[[V]], %[[S]], %{{.*}}) extent {{[0-9]+}} writes [0, 1]
  // CHECK-NOT:     plan.copy
  // CHECK:         plan.output "g"
  func.func @buckets(%x: tensor<8x16xf32> {pfc.input = "x"},
                     %y: tensor<16x16xf32> {pfc.input = "y"},
                     %h: tensor<16xf32> {pfc.input = "h"},
                     %lr: tensor<1xf32> {pfc.input = "lr"}) {
    %a = pfc.variable "a" parameter init<normal, 0.0, 0.1> : tensor<8x16xf32>
    %b = pfc.variable "b" parameter init<normal, 0.0, 0.1> : tensor<16xf32>
    %va = pfc.variable "a.momentum" optimizer_state init<constant, 0.0, 0.0> : tensor<8x16xf32>
    %vb = pfc.variable "b.momentum" optimizer_state init<constant, 0.0, 0.0> : tensor<16xf32>
    %g = pfc.matmul %x, %y : tensor<8x16xf32>, tensor<16x16xf32> -> tensor<8x16xf32>
    %gs = pfc.bucket %g, %h : tensor<8x16xf32>, tensor<16xf32> to tensor<144xf32>
    %sum = shard.all_reduce %gs on @ranks grid_axes = [0] : tensor<144xf32> -> tensor<144xf32>
    %ps = pfc.bucket %a, %b : tensor<8x16xf32>, tensor<16xf32> to tensor<144xf32>
    %vs = pfc.bucket %va, %vb : tensor<8x16xf32>, tensor<16xf32> to tensor<144xf32>
    %ps1, %vs1 = pfc.sgd %ps, %vs, %sum, %lr {mu = 0.9 : f64, weight_decay = 0.0 : f64} : tensor<144xf32>
    %new:2 = pfc.unbucket %ps1 : tensor<144xf32> to tensor<8x16xf32>, tensor<16xf32>
    %newv:2 = pfc.unbucket %vs1 : tensor<144xf32> to tensor<8x16xf32>, tensor<16xf32>
    pfc.assign "a", %new#0 : tensor<8x16xf32>
    pfc.assign "b", %new#1 : tensor<16xf32>
    pfc.assign "a.momentum", %newv#0 : tensor<8x16xf32>
    pfc.assign "b.momentum", %newv#1 : tensor<16xf32>
    pfc.output "g", %h : tensor<16xf32>
    return
  }

  // What an element is made of makes room for it if nobody reads it any more:
  // %t, and %m, whose rows are read before they are written. %a is read again,
  // and %q is under way to other ranks.
  // CHECK-LABEL: plan.program @in_place
  // CHECK-DAG:     %[[X:.*]] = plan.input "x"
  // CHECK-DAG:     %[[Y:.*]] = plan.input "y"
  // CHECK:         plan.matmul %[[X]], %[[Y]], %[[T:.*]] {
  // CHECK:         plan.launch @kernels::@{{.*}}add(%[[T]], %[[X]]) extent 512 writes [0]
  // CHECK:         plan.matmul %[[T]], %[[Y]], %[[M:.*]] {
  // CHECK:         plan.launch @kernels::@{{.*}}normalize_add(%[[M]], %[[T]], %[[C:[^)]*]]) extent 512 writes [0, 2]
  // CHECK:         plan.matmul %[[T]], %[[M]], %[[Q:.*]] {
  // CHECK:         plan.collective all_gather %[[Q]], %{{.*}}
  // CHECK:         plan.launch @kernels::@{{.*}}add(%[[Q]], %[[D:[^)]*]]) extent 1 writes [1]
  // CHECK:         plan.output "c", %[[C]]
  func.func @in_place(%x: tensor<512x64xf32> {pfc.input = "x"},
                      %y: tensor<64x64xf32> {pfc.input = "y"}) {
    %t = pfc.matmul %x, %y : tensor<512x64xf32>, tensor<64x64xf32> -> tensor<512x64xf32>
    %a = pfc.add %t, %x : tensor<512x64xf32>
    %m = pfc.matmul %a, %y : tensor<512x64xf32>, tensor<64x64xf32> -> tensor<512x64xf32>
    %n = pfc.normalize %m : tensor<512x64xf32>
    %c = pfc.add %a, %n : tensor<512x64xf32>
    %q = pfc.matmul %a, %n {transpose_lhs} : tensor<512x64xf32>, tensor<512x64xf32> -> tensor<64x64xf32>
    %all = shard.all_gather %q on @ranks grid_axes = [0] gather_axis = 0 : tensor<64x64xf32> -> tensor<128x64xf32>
    %d = pfc.add %q, %q : tensor<64x64xf32>
    pfc.output "c", %c : tensor<512x64xf32>
    pfc.output "all", %all : tensor<128x64xf32>
    pfc.output "d", %d : tensor<64x64xf32>
    return
  }

  // With filters of one pixel a convolution and its gradients are products of
  // pixels' rows; where a filter sees some of the channels they aren't.
  // CHECK-LABEL: plan.program @pixels
  // CHECK-DAG:     %[[X:.*]] = plan.input "x"
  // CHECK-DAG:     %[[W:.*]] = plan.input "w"
  // CHECK:         %[[XROWS:.*]] = plan.view %[[X]] : memref<4x3x3x8xf32> to memref<36x8xf32>
  // CHECK-NEXT:    %[[WROWS:.*]] = plan.view %[[W]] : memref<16x1x1x8xf32> to memref<16x8xf32>
  // CHECK-NEXT:    %[[Y:.*]] = plan.alloc : memref<4x3x3x16xf32>
  // CHECK:         %[[YROWS:.*]] = plan.view %[[Y]] : memref<4x3x3x16xf32> to memref<36x16xf32>
  // CHECK-NEXT:    plan.matmul %[[XROWS]], %[[WROWS]], %[[YROWS]] {cost = #plan.cost<flops = 9216, read = 1664, written = 2304, sent = 0>, transpose_rhs}
  // CHECK:         plan.matmul %{{.*}}, %{{.*}}, %{{.*}} {cost = {{[^}]*}}} : memref<36x16xf32>, memref<16x8xf32>, memref<36x8xf32>
  // CHECK:         plan.matmul %{{.*}}, %{{.*}}, %{{.*}} {cost = {{[^}]*}}, transpose_lhs} : memref<36x16xf32>, memref<36x8xf32>, memref<16x8xf32>
  // CHECK-COUNT-2: plan.conv forward
  func.func @pixels(%x: tensor<4x3x3x8xf32> {pfc.input = "x"}, %w: tensor<16x1x1x8xf32> {pfc.input = "w"}, %some: tensor<16x1x1x4xf32> {pfc.input = "some"}) {
    %y = pfc.conv2d %x, %w {stride = 1 : i64, padding = 0 : i64} : tensor<4x3x3x8xf32>, tensor<16x1x1x8xf32> -> tensor<4x3x3x16xf32>
    %dx = pfc.conv2d_input_grad %y, %w {stride = 1 : i64, padding = 0 : i64} : tensor<4x3x3x16xf32>, tensor<16x1x1x8xf32> -> tensor<4x3x3x8xf32>
    %dw = pfc.conv2d_filter_grad %x, %y {stride = 1 : i64, padding = 0 : i64} : tensor<4x3x3x8xf32>, tensor<4x3x3x16xf32> -> tensor<16x1x1x8xf32>
    %grouped = pfc.conv2d %x, %some {stride = 1 : i64, padding = 0 : i64} : tensor<4x3x3x8xf32>, tensor<16x1x1x4xf32> -> tensor<4x3x3x16xf32>
    %strided = pfc.conv2d %x, %w {stride = 2 : i64, padding = 0 : i64} : tensor<4x3x3x8xf32>, tensor<16x1x1x8xf32> -> tensor<4x2x2x16xf32>
    pfc.output "dx", %dx : tensor<4x3x3x8xf32>
    pfc.output "dw", %dw : tensor<16x1x1x8xf32>
    pfc.output "grouped", %grouped : tensor<4x3x3x16xf32>
    pfc.output "strided", %strided : tensor<4x2x2x16xf32>
    return
  }

  // Rows of another number are the same bytes, and products for each head an
  // instruction.
  // CHECK-LABEL: plan.program @heads
  // CHECK-DAG:     %[[X:.*]] = plan.input "x"
  // CHECK:         %[[H:.*]] = plan.view %[[X]] : memref<12x8xf32> to memref<4x6x4xf32>
  // CHECK:         plan.matmul %[[H]], %[[H]], %[[P:.*]] {cost = #plan.cost<flops = 1152, read = 768, written = 576, sent = 0>, transpose_rhs} : memref<4x6x4xf32>, memref<4x6x4xf32>, memref<4x6x6xf32>
  // CHECK:         %[[R:.*]] = plan.view %[[P]] : memref<4x6x6xf32> to memref<2x72xf32>
  // CHECK:         plan.output "r", %[[R]]
  func.func @heads(%x: tensor<12x8xf32> {pfc.input = "x"}) {
    %h = pfc.reshape %x : tensor<12x8xf32> -> tensor<4x6x4xf32>
    %p = pfc.matmul %h, %h {transpose_rhs} : tensor<4x6x4xf32>, tensor<4x6x4xf32> -> tensor<4x6x6xf32>
    %r = pfc.reshape %p : tensor<4x6x6xf32> -> tensor<2x72xf32>
    pfc.output "r", %r : tensor<2x72xf32>
    return
  }

  // What a rank sends to the next one of a ring: of a sum twice its share for
  // each other rank, of a gather its part, of a scattered sum its share.
  // CHECK-LABEL: plan.program @collectives
  // CHECK:         plan.collective all_reduce_sum {{.*}}sent = 768>
  // CHECK:         plan.collective all_gather {{.*}}sent = 768>
  // CHECK:         plan.collective reduce_scatter_sum {{.*}}sent = 384>
  func.func @collectives(%x: tensor<12x16xf32> {pfc.input = "x"}) {
    %sum = shard.all_reduce %x on @ranks grid_axes = [0] : tensor<12x16xf32> -> tensor<12x16xf32>
    %all = shard.all_gather %x on @ranks grid_axes = [0] gather_axis = 0 : tensor<12x16xf32> -> tensor<24x16xf32>
    %part = shard.reduce_scatter %x on @ranks grid_axes = [0] scatter_axis = 0 : tensor<12x16xf32> -> tensor<6x16xf32>
    pfc.output "sum", %sum : tensor<12x16xf32>
    pfc.output "all", %all : tensor<24x16xf32>
    pfc.output "part", %part : tensor<6x16xf32>
    return
  }

  // A sum that nobody else reads grows where it is; one that is read again, or
  // is the host's, is copied first.
  // CHECK-LABEL: plan.program @sums
  // CHECK-DAG:     %[[X:.*]] = plan.input "x"
  // CHECK-DAG:     %[[W:.*]] = plan.input "w"
  // CHECK:         plan.matmul %[[X]], %[[W]], %[[A:.*]] {cost = {{[^}]*}}} :
  // CHECK-NOT:     plan.copy
  // CHECK:         plan.matmul %[[X]], %[[W]], %[[A]] {accumulate,
  // CHECK:         plan.copy %[[A]], %[[B:.*]] : memref<4x8xf32>
  // CHECK:         plan.matmul %[[X]], %[[W]], %[[B]] {accumulate,
  // CHECK:         plan.copy %[[X]], %[[C:.*]] : memref<4x8xf32>
  // CHECK:         plan.matmul %[[X]], %[[W]], %[[C]] {accumulate,
  // CHECK-DAG:     plan.output "a", %[[A]]
  // CHECK-DAG:     plan.output "b", %[[B]]
  // CHECK-DAG:     plan.output "c", %[[C]]
  func.func @sums(%x: tensor<4x8xf32> {pfc.input = "x"},
                  %w: tensor<8x8xf32> {pfc.input = "w"}) {
    %first = pfc.matmul %x, %w : tensor<4x8xf32>, tensor<8x8xf32> -> tensor<4x8xf32>
    %a = pfc.matmul %x, %w plus %first : tensor<4x8xf32> : tensor<4x8xf32>, tensor<8x8xf32> -> tensor<4x8xf32>
    %b = pfc.matmul %x, %w plus %a : tensor<4x8xf32> : tensor<4x8xf32>, tensor<8x8xf32> -> tensor<4x8xf32>
    %c = pfc.matmul %x, %w plus %x : tensor<4x8xf32> : tensor<4x8xf32>, tensor<8x8xf32> -> tensor<4x8xf32>
    pfc.output "a", %a : tensor<4x8xf32>
    pfc.output "b", %b : tensor<4x8xf32>
    pfc.output "c", %c : tensor<4x8xf32>
    return
  }

  // Some rows of a buffer are a view from their first element on; a barrier's
  // result is its first operand's buffer.
  // CHECK-LABEL: plan.program @rows
  // CHECK-DAG:     %[[X:.*]] = plan.input "x"
  // CHECK:         %[[ROWS:.*]] = plan.view %[[X]] from 48 : memref<12x8xf32> to memref<3x8xf32>
  // CHECK:         plan.matmul %[[ROWS]], %[[ROWS]],
  // CHECK:         plan.matmul %[[X]], %[[X]],
  // CHECK:         %[[N:.*]] = plan.rank_constant base 5 per_rank 1 threshold 2 below 3 per_capped_rank 4 : memref<1xi64>
  // CHECK:         plan.output "n", %[[N]]
  func.func @rows(%x: tensor<12x8xf32> {pfc.input = "x"}) {
    %rows = pfc.slice %x from 6 : tensor<12x8xf32> -> tensor<3x8xf32>
    %p = pfc.matmul %rows, %rows {transpose_rhs} : tensor<3x8xf32>, tensor<3x8xf32> -> tensor<3x3xf32>
    %later = pfc.barrier %x after %p : tensor<12x8xf32>, tensor<3x3xf32>
    %q = pfc.matmul %later, %later {transpose_rhs} : tensor<12x8xf32>, tensor<12x8xf32> -> tensor<12x12xf32>
    %n = pfc.rank_constant base 5 per_rank 1 threshold 2 below 3 per_capped_rank 4 : tensor<1xi64>
    pfc.output "p", %p : tensor<3x3xf32>
    pfc.output "q", %q : tensor<12x12xf32>
    pfc.output "n", %n : tensor<1xi64>
    return
  }

  // Class centers are updated in place, some rows in each step.
  // CHECK-LABEL: plan.program @steps
  // CHECK-DAG:     %[[W:.*]] = plan.state @centers :
  // CHECK-DAG:     %[[V:.*]] = plan.state @centers.momentum
  // CHECK-NOT:     plan.copy
  // CHECK-COUNT-2: plan.launch @kernels::@{{.*}}update_rows(%[[W]], %[[V]], {{.*}} writes [0, 1]
  // CHECK-NOT:     plan.copy
  func.func @steps(%i: tensor<3xi64> {pfc.input = "i"},
                   %j: tensor<3xi64> {pfc.input = "j"},
                   %g: tensor<3x4xf32> {pfc.input = "g"},
                   %lr: tensor<1xf32> {pfc.input = "lr"}) {
    %w = pfc.variable "centers" parameter init<normal, 0.0, 0.1> : tensor<10x4xf32>
    %v = pfc.variable "centers.momentum" optimizer_state init<constant, 0.0, 0.0> : tensor<10x4xf32>
    %w1, %v1 = pfc.update_rows sampled %w, %v, %i, %g, %lr {mu = 0.9 : f64, weight_decay = 0.0 : f64} : tensor<10x4xf32>, tensor<3xi64>, tensor<3x4xf32>
    %w2, %v2 = pfc.update_rows sampled %w1, %v1, %j, %g, %lr {mu = 0.9 : f64, weight_decay = 0.0 : f64} : tensor<10x4xf32>, tensor<3xi64>, tensor<3x4xf32>
    pfc.assign "centers", %w2 : tensor<10x4xf32>
    pfc.assign "centers.momentum", %v2 : tensor<10x4xf32>
    return
  }

  // But not if they are read afterwards as they were before a step: each of the
  // two works on a copy, of which the last becomes the variable. Nobody reads
  // the momentum.
  // CHECK-LABEL: plan.program @kept
  // CHECK-DAG:     %[[W:.*]] = plan.state @centers :
  // CHECK-DAG:     %[[V:.*]] = plan.state @centers.momentum
  // CHECK:         plan.copy %[[W]], %[[W1:.*]] :
  // CHECK-NEXT:    plan.launch @kernels::@{{.*}}update_rows(%[[W1]], %[[V]], {{.*}} writes [0, 1]
  // CHECK:         plan.matmul %[[W]], %{{.*}}, %[[P:.*]] {
  // CHECK:         plan.copy %[[W1]], %[[W2:.*]] :
  // CHECK-NEXT:    plan.launch @kernels::@{{.*}}update_rows(%[[W2]], %[[V]], {{.*}} writes [0, 1]
  // CHECK:         plan.matmul %[[W1]], %{{.*}}, %[[Q:.*]] {
  // CHECK:         plan.copy %[[W2]], %[[W]]
  // CHECK-NOT:     plan.copy
  func.func @kept(%i: tensor<3xi64> {pfc.input = "i"},
                  %j: tensor<3xi64> {pfc.input = "j"},
                  %g: tensor<3x4xf32> {pfc.input = "g"},
                  %lr: tensor<1xf32> {pfc.input = "lr"}) {
    %w = pfc.variable "centers" parameter init<normal, 0.0, 0.1> : tensor<10x4xf32>
    %v = pfc.variable "centers.momentum" optimizer_state init<constant, 0.0, 0.0> : tensor<10x4xf32>
    %w1, %v1 = pfc.update_rows sampled %w, %v, %i, %g, %lr {mu = 0.9 : f64, weight_decay = 0.0 : f64} : tensor<10x4xf32>, tensor<3xi64>, tensor<3x4xf32>
    %p = pfc.matmul %w, %g {transpose_rhs} : tensor<10x4xf32>, tensor<3x4xf32> -> tensor<10x3xf32>
    %w2, %v2 = pfc.update_rows sampled %w1, %v1, %j, %g, %lr {mu = 0.9 : f64, weight_decay = 0.0 : f64} : tensor<10x4xf32>, tensor<3xi64>, tensor<3x4xf32>
    %q = pfc.matmul %w1, %g {transpose_rhs} : tensor<10x4xf32>, tensor<3x4xf32> -> tensor<10x3xf32>
    pfc.assign "centers", %w2 : tensor<10x4xf32>
    pfc.assign "centers.momentum", %v2 : tensor<10x4xf32>
    pfc.output "p", %p : tensor<10x3xf32>
    pfc.output "q", %q : tensor<10x3xf32>
    return
  }

  // Who reads an old value behind a barrier reads it, too.
  // CHECK-LABEL: plan.program @barred
  // CHECK:         %[[S:.*]] = plan.state @s
  // CHECK:         plan.launch @kernels::@{{.*}}moving_average(%[[S]], %{{.*}}, %[[NEW:.*]]) extent 1 writes [2]
  // CHECK:         plan.copy %[[NEW]], %[[S]]
  func.func @barred(%x: tensor<8x16xf32> {pfc.input = "x"}) {
    %r = pfc.variable "s" buffer init<constant, 0.0, 0.0> : tensor<8x16xf32>
    %later = pfc.barrier %r after %x : tensor<8x16xf32>, tensor<8x16xf32>
    %new = pfc.moving_average %later, %x {momentum = 0.1 : f64, scale = 1.0 : f64} : tensor<8x16xf32>
    pfc.assign "s", %new : tensor<8x16xf32>
    return
  }

  // One value is written over one of two variables.
  // CHECK-LABEL: plan.program @two
  // CHECK-DAG:     %[[S:.*]] = plan.state @s
  // CHECK-DAG:     %[[T:.*]] = plan.state @t
  // CHECK:         plan.launch @kernels::@{{.*}}moving_average(%[[S]], %{{.*}}) extent 1 writes [0]
  // CHECK:         plan.copy %[[S]], %[[T]]
  func.func @two(%x: tensor<8x16xf32> {pfc.input = "x"}) {
    %r = pfc.variable "s" buffer init<constant, 0.0, 0.0> : tensor<8x16xf32>
    %t = pfc.variable "t" buffer init<constant, 0.0, 0.0> : tensor<8x16xf32>
    %p = pfc.matmul %t, %t {transpose_rhs} : tensor<8x16xf32>, tensor<8x16xf32> -> tensor<8x8xf32>
    pfc.output "p", %p : tensor<8x8xf32>
    %new = pfc.moving_average %r, %x {momentum = 0.1 : f64, scale = 1.0 : f64} : tensor<8x16xf32>
    pfc.assign "s", %new : tensor<8x16xf32>
    pfc.assign "t", %new : tensor<8x16xf32>
    return
  }

  // New values that two variables exchange are not written over them, where
  // each would be read as the other; the momenta are.
  // CHECK-LABEL: plan.program @exchanged
  // CHECK-DAG:     %[[C:.*]] = plan.state @c :
  // CHECK-DAG:     %[[D:.*]] = plan.state @d :
  // CHECK:         %[[P:.*]] = plan.span %[[C]], %[[D]]
  // CHECK:         %[[V:.*]] = plan.span
  // CHECK:         %[[NEW:.*]] = plan.span %[[NEWD:.*]], %[[NEWC:.*]] : memref<16xf32>
  // CHECK:         plan.launch @kernels::@{{.*}}sgd(%[[P]], %[[V]], %{{.*}}, %{{.*}}, %[[NEW]]) extent 1 writes [1, 4]
  // CHECK-DAG:     plan.copy %[[NEWD]], %[[D]]
  // CHECK-DAG:     plan.copy %[[NEWC]], %[[C]]
  func.func @exchanged(%g: tensor<32xf32> {pfc.input = "g"},
                       %lr: tensor<1xf32> {pfc.input = "lr"}) {
    %a = pfc.variable "c" parameter init<normal, 0.0, 0.1> : tensor<16xf32>
    %b = pfc.variable "d" parameter init<normal, 0.0, 0.1> : tensor<16xf32>
    %va = pfc.variable "c.momentum" optimizer_state init<constant, 0.0, 0.0> : tensor<16xf32>
    %vb = pfc.variable "d.momentum" optimizer_state init<constant, 0.0, 0.0> : tensor<16xf32>
    %ps = pfc.bucket %a, %b : tensor<16xf32>, tensor<16xf32> to tensor<32xf32>
    %vs = pfc.bucket %va, %vb : tensor<16xf32>, tensor<16xf32> to tensor<32xf32>
    %ps1, %vs1 = pfc.sgd %ps, %vs, %g, %lr {mu = 0.9 : f64, weight_decay = 0.0 : f64} : tensor<32xf32>
    %new:2 = pfc.unbucket %ps1 : tensor<32xf32> to tensor<16xf32>, tensor<16xf32>
    %newv:2 = pfc.unbucket %vs1 : tensor<32xf32> to tensor<16xf32>, tensor<16xf32>
    pfc.assign "d", %new#0 : tensor<16xf32>
    pfc.assign "c", %new#1 : tensor<16xf32>
    pfc.assign "c.momentum", %newv#0 : tensor<16xf32>
    pfc.assign "d.momentum", %newv#1 : tensor<16xf32>
    return
  }

  // Nor are those of a bucket of which one variable is read afterwards.
  // CHECK-LABEL: plan.program @read
  // CHECK-DAG:     %[[C:.*]] = plan.state @c :
  // CHECK-DAG:     %[[D:.*]] = plan.state @d :
  // CHECK:         %[[P:.*]] = plan.span %[[C]], %[[D]]
  // CHECK:         %[[V:.*]] = plan.span
  // CHECK:         %[[NEW:.*]] = plan.span %[[NEWC:.*]], %[[NEWD:.*]] : memref<16xf32>
  // CHECK:         plan.launch @kernels::@{{.*}}sgd(%[[P]], %[[V]], %{{.*}}, %{{.*}}, %[[NEW]]) extent 1 writes [1, 4]
  // CHECK:         plan.launch @kernels::@{{.*}}add(%[[D]], %[[NEWD]], %{{.*}}) extent
  // CHECK-DAG:     plan.copy %[[NEWC]], %[[C]]
  // CHECK-DAG:     plan.copy %[[NEWD]], %[[D]]
  func.func @read(%g: tensor<32xf32> {pfc.input = "g"},
                  %lr: tensor<1xf32> {pfc.input = "lr"}) {
    %a = pfc.variable "c" parameter init<normal, 0.0, 0.1> : tensor<16xf32>
    %b = pfc.variable "d" parameter init<normal, 0.0, 0.1> : tensor<16xf32>
    %va = pfc.variable "c.momentum" optimizer_state init<constant, 0.0, 0.0> : tensor<16xf32>
    %vb = pfc.variable "d.momentum" optimizer_state init<constant, 0.0, 0.0> : tensor<16xf32>
    %ps = pfc.bucket %a, %b : tensor<16xf32>, tensor<16xf32> to tensor<32xf32>
    %vs = pfc.bucket %va, %vb : tensor<16xf32>, tensor<16xf32> to tensor<32xf32>
    %ps1, %vs1 = pfc.sgd %ps, %vs, %g, %lr {mu = 0.9 : f64, weight_decay = 0.0 : f64} : tensor<32xf32>
    %new:2 = pfc.unbucket %ps1 : tensor<32xf32> to tensor<16xf32>, tensor<16xf32>
    %newv:2 = pfc.unbucket %vs1 : tensor<32xf32> to tensor<16xf32>, tensor<16xf32>
    %old = pfc.add %b, %new#1 : tensor<16xf32>
    pfc.output "old", %old : tensor<16xf32>
    pfc.assign "c", %new#0 : tensor<16xf32>
    pfc.assign "d", %new#1 : tensor<16xf32>
    pfc.assign "c.momentum", %newv#0 : tensor<16xf32>
    pfc.assign "d.momentum", %newv#1 : tensor<16xf32>
    return
  }

  // Rows that are read by an index are not where they are written, and what the
  // host gives is not written over.
  // CHECK-LABEL: plan.program @permuted
  // CHECK-DAG:     %[[W:.*]] = plan.state @table
  // CHECK-DAG:     %[[X:.*]] = plan.input "x"
  // CHECK:         plan.launch @kernels::@{{.*}}gather_rows(%[[W]], %{{.*}}, %[[NEW:.*]]) extent 10 writes [2]
  // CHECK:         plan.copy %[[X]], %[[X1:.*]] :
  // CHECK:         plan.launch @kernels::@{{.*}}update_rows(%[[X1]],
  // CHECK:         plan.output "x1", %[[X1]]
  // CHECK:         plan.copy %[[NEW]], %[[W]]
  func.func @permuted(%i: tensor<10xi64> {pfc.input = "i"},
                      %j: tensor<3xi64> {pfc.input = "j"},
                      %x: tensor<10x4xf32> {pfc.input = "x"},
                      %v: tensor<10x4xf32> {pfc.input = "v"},
                      %g: tensor<3x4xf32> {pfc.input = "g"},
                      %lr: tensor<1xf32> {pfc.input = "lr"}) {
    %w = pfc.variable "table" buffer init<constant, 0.0, 0.0> : tensor<10x4xf32>
    %new = pfc.gather_rows %w, %i : tensor<10x4xf32>, tensor<10xi64> -> tensor<10x4xf32>
    %x1, %v1 = pfc.update_rows sampled %x, %v, %j, %g, %lr {mu = 0.9 : f64, weight_decay = 0.0 : f64} : tensor<10x4xf32>, tensor<3xi64>, tensor<3x4xf32>
    pfc.output "x1", %x1 : tensor<10x4xf32>
    pfc.output "v1", %v1 : tensor<10x4xf32>
    pfc.assign "table", %new : tensor<10x4xf32>
    return
  }

  // Of what is summed where it is, %g is copied, as it is read afterwards, and
  // %z, as it is the host's.
  // CHECK-LABEL: plan.program @summed
  // CHECK-DAG:     %[[X:.*]] = plan.input "x"
  // CHECK:         plan.matmul %[[X]], %[[X]], %[[G:.*]] {
  // CHECK:         plan.matmul %[[X]], %[[X]], %[[H:.*]] {
  // CHECK:         plan.copy %[[G]], %[[G1:.*]] :
  // CHECK:         %[[S:.*]] = plan.span %[[G1]], %[[H]], %[[Z1:.*]] : memref<8x8xf32>
  // CHECK:         plan.copy %z, %[[Z1]]
  // CHECK:         plan.collective all_reduce_sum %[[S]], %[[S]]
  // CHECK:         plan.output "g", %[[G]]
  func.func @summed(%x: tensor<8x8xf32> {pfc.input = "x"},
                    %z: tensor<16xf32> {pfc.input = "z"}) {
    %g = pfc.matmul %x, %x : tensor<8x8xf32>, tensor<8x8xf32> -> tensor<8x8xf32>
    %h = pfc.matmul %x, %x {transpose_rhs} : tensor<8x8xf32>, tensor<8x8xf32> -> tensor<8x8xf32>
    %s = pfc.bucket %g, %h, %z : tensor<8x8xf32>, tensor<8x8xf32>, tensor<16xf32> to tensor<144xf32>
    %sum = shard.all_reduce %s on @ranks grid_axes = [0] : tensor<144xf32> -> tensor<144xf32>
    pfc.output "sum", %sum : tensor<144xf32>
    pfc.output "g", %g : tensor<8x8xf32>
    return
  }

  // What is only read is in a bucket where it is; in a second one, in another
  // order, its copies are.
  // CHECK-LABEL: plan.program @gathered
  // CHECK-DAG:     %[[X:.*]] = plan.input "x"
  // CHECK:         plan.matmul %[[X]], %[[X]], %[[G:.*]] {
  // CHECK:         plan.matmul %[[X]], %[[X]], %[[H:.*]] {
  // CHECK-NOT:     plan.copy
  // CHECK:         plan.collective all_gather %[[S:.*]], %{{.*}}
  // CHECK:         plan.copy %[[H]], %[[H1:.*]] :
  // CHECK:         %[[T:.*]] = plan.span %[[H1]], %[[G1:.*]] : memref<8x8xf32>
  // CHECK:         plan.copy %[[G]], %[[G1]]
  // CHECK:         plan.collective all_gather %[[T]],
  func.func @gathered(%x: tensor<8x8xf32> {pfc.input = "x"}) {
    %g = pfc.matmul %x, %x : tensor<8x8xf32>, tensor<8x8xf32> -> tensor<8x8xf32>
    %h = pfc.matmul %x, %x {transpose_rhs} : tensor<8x8xf32>, tensor<8x8xf32> -> tensor<8x8xf32>
    %s = pfc.bucket %g, %h : tensor<8x8xf32>, tensor<8x8xf32> to tensor<128xf32>
    %all = shard.all_gather %s on @ranks grid_axes = [0] gather_axis = 0 : tensor<128xf32> -> tensor<256xf32>
    %t = pfc.bucket %h, %g : tensor<8x8xf32>, tensor<8x8xf32> to tensor<128xf32>
    %turned = shard.all_gather %t on @ranks grid_axes = [0] gather_axis = 0 : tensor<128xf32> -> tensor<256xf32>
    pfc.output "all", %all : tensor<256xf32>
    pfc.output "turned", %turned : tensor<256xf32>
    return
  }

  // What all rows make is there after a kernel's last row: who reads the sums of
  // other rows, of all for each, is a kernel of its own.
  // CHECK-LABEL: plan.program @crossed
  // CHECK-DAG:     %[[X:.*]] = plan.input "x"
  // CHECK:         plan.launch @kernels::@{{[^(]*}}(%[[X]], %[[SUMS:[^,)]*]]) extent 512 writes [1]
  // CHECK:         plan.launch @kernels::@{{[^(]*}}(%[[X]], %[[SUMS]], %[[Y:[^,)]*]]) extent 512 writes [2]
  // CHECK:         plan.output "y", %[[Y]]
  func.func @crossed(%x: tensor<512x512xf32> {pfc.input = "x"}) {
    %zero = arith.constant 0.0 : f32
    %row = tensor.empty() : tensor<512xf32>
    %zeros = linalg.fill ins(%zero : f32) outs(%row : tensor<512xf32>) -> tensor<512xf32>
    %sums = linalg.generic {indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (r)>], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<512x512xf32>) outs(%zeros : tensor<512xf32>) {
    ^bb0(%in: f32, %sum: f32):
      %next = arith.addf %sum, %in : f32
      linalg.yield %next : f32
    } -> tensor<512xf32>
    %empty = tensor.empty() : tensor<512x512xf32>
    %y = linalg.generic {indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (c)>, affine_map<(r, c) -> (r, c)>], iterator_types = ["parallel", "parallel"]} ins(%x, %sums : tensor<512x512xf32>, tensor<512xf32>) outs(%empty : tensor<512x512xf32>) {
    ^bb0(%in: f32, %sum: f32, %out: f32):
      %product = arith.mulf %in, %sum : f32
      linalg.yield %product : f32
    } -> tensor<512x512xf32>
    pfc.output "sums", %sums : tensor<512xf32>
    pfc.output "y", %y : tensor<512x512xf32>
    return
  }

  // A vector that all rows read doesn't part them. Its new value, which is
  // written over it, is there after the last row: a kernel of its own.
  // CHECK-LABEL: plan.program @scaled
  // CHECK-DAG:     %[[X:.*]] = plan.input "x"
  // CHECK-DAG:     %[[W:.*]] = plan.state @factors
  // CHECK:         plan.launch @kernels::@{{.*}}once_again(%[[X]], %[[W]], %[[ONCE:[^,)]*]], %[[AGAIN:[^,)]*]]) extent 512 writes [2, 3]
  // CHECK:         plan.launch @kernels::@{{.*}}moving_average(%[[W]], %{{.*}}) extent 1 writes [0]
  func.func @scaled(%x: tensor<512x512xf32> {pfc.input = "x"}, %z: tensor<512xf32> {pfc.input = "z"}) {
    %w = pfc.variable "factors" buffer init<constant, 1.0, 0.0> : tensor<512xf32>
    %empty = tensor.empty() : tensor<512x512xf32>
    %once = linalg.generic {indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (c)>, affine_map<(r, c) -> (r, c)>], iterator_types = ["parallel", "parallel"]} ins(%x, %w : tensor<512x512xf32>, tensor<512xf32>) outs(%empty : tensor<512x512xf32>) attrs = {pfc.source = "once"} {
    ^bb0(%in: f32, %factor: f32, %out: f32):
      %v = arith.mulf %in, %factor : f32
      linalg.yield %v : f32
    } -> tensor<512x512xf32>
    %again = linalg.generic {indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (c)>, affine_map<(r, c) -> (r, c)>], iterator_types = ["parallel", "parallel"]} ins(%once, %w : tensor<512x512xf32>, tensor<512xf32>) outs(%empty : tensor<512x512xf32>) attrs = {pfc.source = "again"} {
    ^bb0(%in: f32, %factor: f32, %out: f32):
      %v = arith.mulf %in, %factor : f32
      linalg.yield %v : f32
    } -> tensor<512x512xf32>
    %new = pfc.moving_average %w, %z {momentum = 0.9 : f64, scale = 1.0 : f64} : tensor<512xf32>
    pfc.output "once", %once : tensor<512x512xf32>
    pfc.output "again", %again : tensor<512x512xf32>
    pfc.assign "factors", %new : tensor<512xf32>
    return
  }

  // Sums of columns have no rows. A row doesn't take the place of one that other
  // rows of its kernel read.
  // CHECK-LABEL: plan.program @columns
  // CHECK-DAG:     %[[X:.*]] = plan.input "x"
  // CHECK:         plan.launch @kernels::@{{.*}}sums_few(%[[X]], %[[SUMS:[^,)]*]], %{{.*}}) extent 1 writes [1, 3] {cost = #plan.cost<flops = 262656, read = 1050624, written = 4096, sent = 0>}
  // CHECK:         plan.launch @kernels::@{{.*}}scale_twice(%[[X]], %[[SUMS]], %[[Y:[^,)]*]], %[[T:[^,)]*]]) extent 512 writes [2, 3]
  // CHECK:         plan.output "twice", %[[T]]
  func.func @columns(%x: tensor<512x512xf32> {pfc.input = "x"}, %z: tensor<512xf32> {pfc.input = "z"}) {
    %zero = arith.constant 0.0 : f32
    %empty = tensor.empty() : tensor<512x512xf32>
    %vector = tensor.empty() : tensor<512xf32>
    %zeros = linalg.fill ins(%zero : f32) outs(%vector : tensor<512xf32>) -> tensor<512xf32>
    %sums = linalg.generic {indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (c)>], iterator_types = ["reduction", "parallel"]} ins(%x : tensor<512x512xf32>) outs(%zeros : tensor<512xf32>) attrs = {pfc.source = "sums"} {
    ^bb0(%in: f32, %out: f32):
      %v = arith.addf %out, %in : f32
      linalg.yield %v : f32
    } -> tensor<512xf32>
    %few = linalg.generic {indexing_maps = [affine_map<(r) -> (r)>, affine_map<(r) -> (r)>], iterator_types = ["parallel"]} ins(%z : tensor<512xf32>) outs(%vector : tensor<512xf32>) attrs = {pfc.source = "few"} {
    ^bb0(%in: f32, %out: f32):
      %v = arith.addf %in, %in : f32
      linalg.yield %v : f32
    } -> tensor<512xf32>
    %scale = linalg.generic {indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (c)>, affine_map<(r, c) -> (r, c)>], iterator_types = ["parallel", "parallel"]} ins(%x, %sums : tensor<512x512xf32>, tensor<512xf32>) outs(%empty : tensor<512x512xf32>) attrs = {pfc.source = "scale"} {
    ^bb0(%in: f32, %factor: f32, %out: f32):
      %v = arith.mulf %in, %factor : f32
      linalg.yield %v : f32
    } -> tensor<512x512xf32>
    %twice = linalg.generic {indexing_maps = [affine_map<(r) -> (r)>, affine_map<(r) -> (r)>], iterator_types = ["parallel"]} ins(%sums : tensor<512xf32>) outs(%vector : tensor<512xf32>) attrs = {pfc.source = "twice"} {
    ^bb0(%in: f32, %out: f32):
      %v = arith.addf %in, %in : f32
      linalg.yield %v : f32
    } -> tensor<512xf32>
    pfc.output "few", %few : tensor<512xf32>
    pfc.output "scale", %scale : tensor<512x512xf32>
    pfc.output "twice", %twice : tensor<512xf32>
    return
  }

  // What lives inside a kernel has room for one row.
  // CHECK-LABEL: plan.program @inside
  // CHECK-DAG:     %[[X:.*]] = plan.input "x"
  // CHECK:         plan.launch @kernels::@[[INSIDE:.*squares_sum_shares]](%[[X]], %{{[^,)]*}}) extent 512 writes [1]
  func.func @inside(%x: tensor<512x512xf32> {pfc.input = "x"}) {
    %zero = arith.constant 0.0 : f32
    %empty = tensor.empty() : tensor<512x512xf32>
    %vector = tensor.empty() : tensor<512xf32>
    %zeros = linalg.fill ins(%zero : f32) outs(%vector : tensor<512xf32>) -> tensor<512xf32>
    %squares = linalg.generic {indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (r, c)>], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<512x512xf32>) outs(%empty : tensor<512x512xf32>) attrs = {pfc.source = "squares"} {
    ^bb0(%in: f32, %out: f32):
      %v = arith.mulf %in, %in : f32
      linalg.yield %v : f32
    } -> tensor<512x512xf32>
    %sum = linalg.generic {indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (r)>], iterator_types = ["parallel", "reduction"]} ins(%squares : tensor<512x512xf32>) outs(%zeros : tensor<512xf32>) attrs = {pfc.source = "sum"} {
    ^bb0(%in: f32, %out: f32):
      %v = arith.addf %out, %in : f32
      linalg.yield %v : f32
    } -> tensor<512xf32>
    %shares = linalg.generic {indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (r)>, affine_map<(r, c) -> (r, c)>], iterator_types = ["parallel", "parallel"]} ins(%squares, %sum : tensor<512x512xf32>, tensor<512xf32>) outs(%empty : tensor<512x512xf32>) attrs = {pfc.source = "shares"} {
    ^bb0(%in: f32, %total: f32, %out: f32):
      %v = arith.divf %in, %total : f32
      linalg.yield %v : f32
    } -> tensor<512x512xf32>
    pfc.output "shares", %shares : tensor<512x512xf32>
    return
  }

  // Rows of another number are another kernel's; so are rows behind what is small,
  // but not what has no rows.
  // CHECK-LABEL: plan.program @numbers
  // CHECK:         plan.launch @kernels::@{{.*}}few_totals({{.*}}) extent 1 writes [1, 3]
  // CHECK:         plan.launch @kernels::@{{.*}}many({{.*}}) extent 512 writes [1]
  // CHECK:         plan.launch @kernels::@{{.*}}half({{.*}}) extent 256 writes [1]
  func.func @numbers(%x: tensor<512x512xf32> {pfc.input = "x"}, %y: tensor<256x512xf32> {pfc.input = "y"}, %z: tensor<512xf32> {pfc.input = "z"}) {
    %empty = tensor.empty() : tensor<512x512xf32>
    %less = tensor.empty() : tensor<256x512xf32>
    %vector = tensor.empty() : tensor<512xf32>
    %zero = arith.constant 0.0 : f32
    %zeros = linalg.fill ins(%zero : f32) outs(%vector : tensor<512xf32>) -> tensor<512xf32>
    %few = linalg.generic {indexing_maps = [affine_map<(r) -> (r)>, affine_map<(r) -> (r)>], iterator_types = ["parallel"]} ins(%z : tensor<512xf32>) outs(%vector : tensor<512xf32>) attrs = {pfc.source = "few"} {
    ^bb0(%in: f32, %out: f32):
      %v = arith.addf %in, %in : f32
      linalg.yield %v : f32
    } -> tensor<512xf32>
    %totals = linalg.generic {indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (c)>], iterator_types = ["reduction", "parallel"]} ins(%x : tensor<512x512xf32>) outs(%zeros : tensor<512xf32>) attrs = {pfc.source = "totals"} {
    ^bb0(%in: f32, %out: f32):
      %v = arith.addf %out, %in : f32
      linalg.yield %v : f32
    } -> tensor<512xf32>
    %many = linalg.generic {indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (r, c)>], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<512x512xf32>) outs(%empty : tensor<512x512xf32>) attrs = {pfc.source = "many"} {
    ^bb0(%in: f32, %out: f32):
      %v = arith.addf %in, %in : f32
      linalg.yield %v : f32
    } -> tensor<512x512xf32>
    %half = linalg.generic {indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (r, c)>], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<256x512xf32>) outs(%less : tensor<256x512xf32>) attrs = {pfc.source = "half"} {
    ^bb0(%in: f32, %out: f32):
      %v = arith.addf %in, %in : f32
      linalg.yield %v : f32
    } -> tensor<256x512xf32>
    pfc.output "few", %few : tensor<512xf32>
    pfc.output "totals", %totals : tensor<512xf32>
    pfc.output "many", %many : tensor<512x512xf32>
    pfc.output "half", %half : tensor<256x512xf32>
    return
  }

  // Small ops are one kernel, but what other ranks sent, in whatever shape, is
  // waited for by those alone that need it, and by what is made of them.
  // CHECK-LABEL: plan.program @waiting
  // CHECK:         plan.collective all_gather
  // CHECK:         plan.launch @kernels::@{{.*}}_first_second(
  // CHECK:         plan.launch @kernels::@{{.*}}_mixed_all_more(
  // CHECK:         plan.launch @kernels::@{{.*}}_late(
  // CHECK-NOT:     plan.launch
  func.func @waiting(%g: tensor<64xf32> {pfc.input = "g"}) {
    %gathered = shard.all_gather %g on @ranks grid_axes = [0] gather_axis = 0 : tensor<64xf32> -> tensor<128xf32>
    %vector = tensor.empty() : tensor<64xf32>
    %square = tensor.empty() : tensor<8x8xf32>
    %long = tensor.empty() : tensor<128xf32>
    %ranks = tensor.empty() : tensor<2x64xf32>
    %shaped = pfc.reshape %g : tensor<64xf32> -> tensor<8x8xf32>
    %shapedall = pfc.reshape %gathered : tensor<128xf32> -> tensor<2x64xf32>
    %first = linalg.generic {indexing_maps = [affine_map<(r) -> (r)>, affine_map<(r) -> (r)>], iterator_types = ["parallel"]} ins(%g : tensor<64xf32>) outs(%vector : tensor<64xf32>) attrs = {pfc.source = "first"} {
    ^bb0(%in: f32, %out: f32):
      %v = arith.addf %in, %in : f32
      linalg.yield %v : f32
    } -> tensor<64xf32>
    %second = linalg.generic {indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (r, c)>], iterator_types = ["parallel", "parallel"]} ins(%shaped : tensor<8x8xf32>) outs(%square : tensor<8x8xf32>) attrs = {pfc.source = "second"} {
    ^bb0(%in: f32, %out: f32):
      %v = arith.addf %in, %in : f32
      linalg.yield %v : f32
    } -> tensor<8x8xf32>
    %mixed = linalg.generic {indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (c)>, affine_map<(r, c) -> (r, c)>], iterator_types = ["parallel", "parallel"]} ins(%shapedall, %g : tensor<2x64xf32>, tensor<64xf32>) outs(%ranks : tensor<2x64xf32>) attrs = {pfc.source = "mixed"} {
    ^bb0(%in: f32, %factor: f32, %out: f32):
      %v = arith.mulf %in, %factor : f32
      linalg.yield %v : f32
    } -> tensor<2x64xf32>
    %all = linalg.generic {indexing_maps = [affine_map<(r) -> (r)>, affine_map<(r) -> (r)>], iterator_types = ["parallel"]} ins(%gathered : tensor<128xf32>) outs(%long : tensor<128xf32>) attrs = {pfc.source = "all"} {
    ^bb0(%in: f32, %out: f32):
      %v = arith.addf %in, %in : f32
      linalg.yield %v : f32
    } -> tensor<128xf32>
    %more = linalg.generic {indexing_maps = [affine_map<(r) -> (r)>, affine_map<(r) -> (r)>], iterator_types = ["parallel"]} ins(%all : tensor<128xf32>) outs(%long : tensor<128xf32>) attrs = {pfc.source = "more"} {
    ^bb0(%in: f32, %out: f32):
      %v = arith.addf %in, %in : f32
      linalg.yield %v : f32
    } -> tensor<128xf32>
    %late = linalg.generic {indexing_maps = [affine_map<(r) -> (r)>, affine_map<(r) -> (r)>], iterator_types = ["parallel"]} ins(%first : tensor<64xf32>) outs(%vector : tensor<64xf32>) attrs = {pfc.source = "late"} {
    ^bb0(%in: f32, %out: f32):
      %v = arith.addf %in, %in : f32
      linalg.yield %v : f32
    } -> tensor<64xf32>
    pfc.output "first", %first : tensor<64xf32>
    pfc.output "second", %second : tensor<8x8xf32>
    pfc.output "mixed", %mixed : tensor<2x64xf32>
    pfc.output "all", %all : tensor<128xf32>
    pfc.output "more", %more : tensor<128xf32>
    pfc.output "late", %late : tensor<64xf32>
    return
  }

  // A result takes no place of an element that is read for another one, of a
  // value that is read behind a barrier, of a part of a bucket, of another type,
  // or that another result has taken. Where elements are chosen, each costs an
  // operation.
  // CHECK-LABEL: plan.program @displaced
  // CHECK-DAG:     %[[X:.*]] = plan.input "x"
  // CHECK:         plan.matmul %[[X]], %[[X]], %[[A:.*]] {
  // CHECK:         plan.launch @kernels::@{{.*}}mirrored(%[[A]], %{{[^,)]*}}) extent 1 writes [1] {cost = #plan.cost<flops = 4096, read = 16384, written = 16384, sent = 0>}
  // CHECK:         plan.matmul %[[X]], %[[X]], %[[B:.*]] {
  // CHECK:         plan.launch @kernels::@{{.*}}both(%[[B]], %{{[^,)]*}}) extent 1 writes [1]
  // CHECK:         plan.matmul %[[X]], %[[X]], %[[C:.*]] {
  // CHECK:         plan.launch @kernels::@{{.*}}barred(%[[C]], %{{[^,)]*}}) extent 1 writes [1]
  // CHECK:         plan.matmul %[[C]], %[[X]],
  // CHECK:         plan.matmul %[[X]], %[[X]], %[[T:.*]] {
  // CHECK:         plan.launch @kernels::@{{.*}}turned(%[[T]], %{{[^,)]*}}) extent 1 writes [1]
  // CHECK:         plan.collective all_reduce_sum %[[S:.*]], %[[S]]
  // CHECK:         plan.launch @kernels::@{{.*}}part(%{{[^,)]*}}, %{{[^,)]*}}) extent 1 writes [1]
  // CHECK:         plan.matmul %[[X]], %[[X]], %[[D:.*]] {
  // CHECK:         plan.launch @kernels::@{{.*}}cast(%[[D]], %[[N:[^,)]*]]) extent 1 writes [1] {{.*}} : memref<64x64xf32>, memref<64x64xbf16>
  // CHECK:         plan.matmul %[[X]], %[[X]], %[[E:.*]] {
  // CHECK:         plan.launch @kernels::@{{.*}}two(%[[E]], %[[E2:[^,)]*]]) extent 1 writes [0, 1]
  // CHECK-DAG:     plan.output "two0", %[[E]]
  // CHECK-DAG:     plan.output "two1", %[[E2]]
  func.func @displaced(%x: tensor<64x64xf32> {pfc.input = "x"}) {
    %empty = tensor.empty() : tensor<64x64xf32>
    %a = pfc.matmul %x, %x : tensor<64x64xf32>, tensor<64x64xf32> -> tensor<64x64xf32>
    %mirrored = linalg.generic {indexing_maps = [affine_map<(r, c) -> (r, 63 - c)>, affine_map<(r, c) -> (r, c)>], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<64x64xf32>) outs(%empty : tensor<64x64xf32>) attrs = {pfc.source = "mirrored"} {
    ^bb0(%in: f32, %out: f32):
      %half = arith.constant 0.5 : f32
      %more = arith.cmpf ogt, %in, %half : f32
      %v = arith.select %more, %in, %half : f32
      linalg.yield %v : f32
    } -> tensor<64x64xf32>
    %b = pfc.matmul %x, %x : tensor<64x64xf32>, tensor<64x64xf32> -> tensor<64x64xf32>
    %both = linalg.generic {indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (r, 63 - c)>, affine_map<(r, c) -> (r, c)>], iterator_types = ["parallel", "parallel"]} ins(%b, %b : tensor<64x64xf32>, tensor<64x64xf32>) outs(%empty : tensor<64x64xf32>) attrs = {pfc.source = "both"} {
    ^bb0(%in: f32, %other: f32, %out: f32):
      %v = arith.addf %in, %other : f32
      linalg.yield %v : f32
    } -> tensor<64x64xf32>
    %c = pfc.matmul %x, %x : tensor<64x64xf32>, tensor<64x64xf32> -> tensor<64x64xf32>
    %late = pfc.barrier %c after %x : tensor<64x64xf32>, tensor<64x64xf32>
    %barred = linalg.generic {indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (r, c)>], iterator_types = ["parallel", "parallel"]} ins(%late : tensor<64x64xf32>) outs(%empty : tensor<64x64xf32>) attrs = {pfc.source = "barred"} {
    ^bb0(%in: f32, %out: f32):
      %v = arith.addf %in, %in : f32
      linalg.yield %v : f32
    } -> tensor<64x64xf32>
    %again = pfc.matmul %c, %x : tensor<64x64xf32>, tensor<64x64xf32> -> tensor<64x64xf32>
    %t = pfc.matmul %x, %x : tensor<64x64xf32>, tensor<64x64xf32> -> tensor<64x64xf32>
    %turned = linalg.generic {indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (c, r)>], iterator_types = ["parallel", "parallel"]} ins(%t : tensor<64x64xf32>) outs(%empty : tensor<64x64xf32>) attrs = {pfc.source = "turned"} {
    ^bb0(%in: f32, %out: f32):
      %v = arith.addf %in, %in : f32
      linalg.yield %v : f32
    } -> tensor<64x64xf32>
    %f = pfc.matmul %x, %x : tensor<64x64xf32>, tensor<64x64xf32> -> tensor<64x64xf32>
    %s = pfc.bucket %f, %again : tensor<64x64xf32>, tensor<64x64xf32> to tensor<8192xf32>
    %sum = shard.all_reduce %s on @ranks grid_axes = [0] : tensor<8192xf32> -> tensor<8192xf32>
    %parts:2 = pfc.unbucket %sum : tensor<8192xf32> to tensor<64x64xf32>, tensor<64x64xf32>
    %part = linalg.generic {indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (r, c)>], iterator_types = ["parallel", "parallel"]} ins(%parts#0 : tensor<64x64xf32>) outs(%empty : tensor<64x64xf32>) attrs = {pfc.source = "part"} {
    ^bb0(%in: f32, %out: f32):
      %v = arith.mulf %in, %in : f32
      linalg.yield %v : f32
    } -> tensor<64x64xf32>
    %d = pfc.matmul %x, %x : tensor<64x64xf32>, tensor<64x64xf32> -> tensor<64x64xf32>
    %n = pfc.cast %d : tensor<64x64xf32> -> tensor<64x64xbf16>
    %e = pfc.matmul %x, %x : tensor<64x64xf32>, tensor<64x64xf32> -> tensor<64x64xf32>
    %two:2 = linalg.generic {indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (r, c)>], iterator_types = ["parallel", "parallel"]} ins(%e : tensor<64x64xf32>) outs(%empty, %empty : tensor<64x64xf32>, tensor<64x64xf32>) attrs = {pfc.source = "two"} {
    ^bb0(%in: f32, %out0: f32, %out1: f32):
      %v = arith.addf %in, %in : f32
      %w = arith.mulf %in, %in : f32
      linalg.yield %v, %w : f32, f32
    } -> (tensor<64x64xf32>, tensor<64x64xf32>)
    pfc.output "mirrored", %mirrored : tensor<64x64xf32>
    pfc.output "turned", %turned : tensor<64x64xf32>
    pfc.output "both", %both : tensor<64x64xf32>
    pfc.output "barred", %barred : tensor<64x64xf32>
    pfc.output "sum", %sum : tensor<8192xf32>
    pfc.output "part", %part : tensor<64x64xf32>
    pfc.output "n", %n : tensor<64x64xbf16>
    pfc.output "two0", %two#0 : tensor<64x64xf32>
    pfc.output "two1", %two#1 : tensor<64x64xf32>
    return
  }
}
