//===- Passes.td - The passes, in pipeline order -----------*- tablegen -*-===//
//
//   pfc passes    a training step, from what it means to what one rank does
//   plan passes   what one rank does, from buffers to bytes
//
// Pipelines.cpp has the stages they form. Each pass is `passes/Name.cpp`; its
// description names the test that shows what it does to a small module.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_PASSES
#define PFC_PASSES

include "mlir/Pass/PassBase.td"

//===----------------------------------------------------------------------===//
// pfc passes
//===----------------------------------------------------------------------===//

def DifferentiatePass : Pass<"pfc-differentiate", "::mlir::ModuleOp"> {
  let summary = "Adds the gradients of all parameters to @train_step";
  let description = [{
    Walks the forward ops backwards from the one `pfc.softmax_cross_entropy`,
    whose loss has gradient 1, and asks each for its vector-Jacobian product
    (DifferentiableOpInterface). Gradients of a value used twice are added.
    What nobody needs, such as the gradient of the images, is not computed.

    R100 with Glint360K on 8 ranks: that of the images would be 5.5 GFLOP of a
    rank's step, and 19 MB.

    Precondition: @train_step has forward ops alone. A module without
    @train_step is left as it is.
    Postcondition: for each variable of role `parameter` that the loss depends
    on, one `pfc.gradient` names the gradient. New ops are located at the
    forward op's name with `.grad` behind it.

    Example (test/passes/differentiate.mlir):
    ```mlir
    %y = pfc.prelu %x, %a : tensor<8x4xf32>, tensor<4xf32>
    // adds, given %dy:
    %dx = pfc.prelu_grad %dy, %x, %a : tensor<8x4xf32>, tensor<4xf32>
    %da = pfc.prelu_slope_grad %dy, %x : tensor<8x4xf32> -> tensor<4xf32>
    pfc.gradient "prelu.weight", %da : tensor<4xf32>
    ```
  }];
  let dependentDialects = ["::pfc::PfcDialect"];
}

def InsertOptimizerPass : Pass<"pfc-insert-optimizer", "::mlir::ModuleOp"> {
  let summary = "Turns gradients into parameter updates";
  let description = [{
    Each `pfc.gradient` becomes `pfc.sgd` on the parameter and its momentum, a
    new variable `<name>.momentum` that starts at 0, and two `pfc.assign`. A
    gradient that is `pfc.scatter_rows` (class centers) becomes
    `pfc.update_rows` on the rows alone: no gradient of the table's size
    exists.

    With `optimizer=adamw` it is `pfc.adamw`, with the state `<name>.exp_avg` and
    `<name>.exp_avg_sq` (torch.optim's names), and `pfc.update_rows … adamw` with
    the same two of the class centers. The corrections of their bias are two
    numbers of the whole job, the state `adamw.correction1` and
    `adamw.correction2`, which `pfc.bias_corrections` moves on at the step's
    beginning.

    A bf16 table of class centers is rounded stochastically, by `seed` and the
    step.

    With `clip-grad-norm`, the gradients of all parameters but the class
    centers are scaled so that their joint norm is at most that; the norm before
    is the output "grad_norm". (torch.nn.utils.clip_grad_norm_ on the backbone,
    as arcface_torch.)

    R100 with Glint360K on 8 ranks at sample rate 0.1: a rank's gradient of the
    class centers is 9.2 MB instead of 92, and their update reads and writes 37
    MB instead of 369.

    Precondition: pfc-differentiate ran; an argument with `pfc.input = "lr"`, and
    with bf16 class centers one with `pfc.input = "step"`.
    Postcondition: no `pfc.gradient`, no `pfc.scatter_rows`.

    Example (test/passes/insert-optimizer.mlir):
    ```mlir
    pfc.gradient "prelu.weight", %da : tensor<4xf32>
    // becomes
    %v = pfc.variable "prelu.weight.momentum" optimizer_state init<constant, 0.0, 0.0> : tensor<4xf32>
    %p1, %v1 = pfc.sgd %a, %v, %da, %lr {mu = 0.9 : f64, weight_decay = 5.0e-4 : f64} : tensor<4xf32>
    pfc.assign "prelu.weight", %p1 : tensor<4xf32>
    pfc.assign "prelu.weight.momentum", %v1 : tensor<4xf32>
    ```
  }];
  let options = [
    Option<"optimizer", "optimizer", "::pfc::Optimizer",
           "::pfc::Optimizer::SGD", "What an update is",
           [{::llvm::cl::values(
             clEnumValN(::pfc::Optimizer::SGD, "sgd",
                        "stochastic gradient descent with momentum"),
             clEnumValN(::pfc::Optimizer::AdamW, "adamw",
                        "Adam with decay apart from its moments"))}]>,
    Option<"momentum", "momentum", "double", "0.9",
           "Momentum of SGD, in [0, 1)">,
    Option<"beta1", "beta1", "double", "0.9",
           "Of AdamW's mean of gradients, what a step keeps, in [0, 1)">,
    Option<"beta2", "beta2", "double", "0.999",
           "Of AdamW's mean of their squares, what a step keeps, in [0, 1)">,
    Option<"eps", "eps", "double", "1.0e-8",
           "Added to the root of AdamW's mean of squares">,
    Option<"weightDecay", "weight-decay", "double", "5.0e-4",
           "SGD: L2 penalty added to each gradient; AdamW: share of a parameter "
           "that a step at rate 1 takes off">,
    Option<"clipGradNorm", "clip-grad-norm", "double", "0.0",
           "Largest norm of the backbone's gradient; 0 does not clip">,
    Option<"rowUpdate", "row-update", "::pfc::RowUpdate",
           "::pfc::RowUpdate::Sampled", "Class centers the optimizer touches",
           [{::llvm::cl::values(
             clEnumValN(::pfc::RowUpdate::Sampled, "sampled",
                        "those that took part in the step"),
             clEnumValN(::pfc::RowUpdate::All, "all",
                        "all: the others decay and coast"))}]>,
    Option<"narrowMomentum", "narrow-momentum", "bool", "false",
           "Keep the momentum of class centers, AdamW's exp_avg, in bf16">,
    Option<"seed", "seed", "uint64_t", "1",
           "Key of the random bits that bf16 class centers are rounded with">,
  ];
  let dependentDialects = ["::pfc::PfcDialect"];
}

def ScaleLossPass : Pass<"pfc-scale-loss", "::mlir::ModuleOp"> {
  let summary = "Dynamic loss scaling, for gradients in fp16";
  let description = [{
    fp16 flushes what is below 6e-8 to zero and has nothing above 65504. So the
    gradient of the loss is multiplied by the state "loss_scale", and with it
    all that follow; the updates divide by it before clipping and decay. A step
    of which some gradient, of the backbone or of a rank's class centers, is Inf
    or NaN is skipped by all ranks: parameters, momenta and class centers keep
    their bits, by a select, without a host synchronisation. Then the scale is
    halved; it doubles after `growth-interval` good steps in a row
    ("loss_scale.good_steps"). Both are state, and so in checkpoints. Outputs
    are "loss_scale", the next step's, and "skipped", 1 or 0.

    As torch.amp.GradScaler, but that all ranks agree (one all_reduce of 4
    bytes; GradScaler's found_inf is each rank's own) and that the state is
    saved. Statistics of batch norms are the forward step's, as in PyTorch: they
    move in a skipped step too, and an Inf in an activation, which no loss scale
    prevents, shows in the loss. Whether a gradient overflowed is read off its
    sum of squares, which clipping needs anyway; without clipping that is one
    more pass over the gradients. (For the class centers pfc-tile-head reads it
    off dX̂ instead.)

    R100 with Glint360K on 8 ranks: it saves no time, but steps that would be
    lost. It costs a sum of squares of dX̂, 2 MB, and the 12th all_reduce, of 4
    bytes.

    Precondition: pfc-insert-optimizer ran. Postcondition: every update can be
    skipped. A function without updates is left as it is.

    Example (test/passes/scale-loss.mlir):
    ```mlir
    %dz = pfc.softmax_cross_entropy_grad %z, %columns, %counts, %stats {…}
    %p1, %v1 = pfc.sgd %p, %v, %dp, %lr {…} : tensor<4xf32>
    // becomes
    %dz = pfc.softmax_cross_entropy_grad %z, %columns, %counts, %stats scale %s {…}
    %found = pfc.found_inf %sum, %centers_sum
    %unscale, %s1, %n1, %skipped = pfc.update_loss_scale %s, %n, %found {…}
    %p1, %v1 = pfc.sgd %p, %v, %dp, %lr clip %unscale unless %found {…} : tensor<4xf32>
    ```
  }];
  let options = [
    Option<"initialScale", "initial-scale", "double", "65536.0",
           "Loss scale of the first step">,
    Option<"growthInterval", "growth-interval", "int64_t", "2000",
           "Good steps in a row after which the scale doubles">,
  ];
  let dependentDialects = ["::pfc::PfcDialect"];
}

def PartitionPass : Pass<"pfc-partition", "::mlir::ModuleOp"> {
  let summary = "Rewrites the job's step as one rank's step with collectives";
  let description = [{
    The backbone is data-parallel: images and labels are split along the batch.
    The head is model-parallel: `sharded` variables and with them the columns of
    the logits are split along the classes. Each op states what it needs and
    what it leaves (PartitionableOpInterface); a mismatch becomes a collective
    of the `shard` dialect, once a value:

        split, wanted whole      shard.all_gather
        partial sums, whole      shard.all_reduce
        partial sums, split      shard.reduce_scatter

    C classes on R ranks: rank r has ⌈C/R⌉ rows of memory and uses ⌊C/R⌋ of
    them, or one more on the first C mod R ranks; counts and first rows are
    `pfc.rank_constant`. (Upstream's shard-partition would lose C mod R classes.)

    R100 with Glint360K on 8 ranks: a rank has 184 MB of class centers and
    momentum instead of 1476.

    Precondition: the module has one `shard.grid` of one axis, R ranks; R
    divides the batch; batch statistics are of R groups.
    Postcondition: shapes are those of one rank; see pfc-verify-partitioned.

    Example (test/passes/partition.mlir), 10 classes on 4 ranks:
    ```mlir
    %w = pfc.variable "head.weight" parameter init<normal, 0.0, 0.01> {rows = 10 : i64, sharded} : tensor<10x16xf32>
    // becomes
    %w = pfc.variable "head.weight" parameter init<normal, 0.0, 0.01> {rows = 10 : i64, sharded} : tensor<3x16xf32>
    ```
  }];
  let dependentDialects = ["::pfc::PfcDialect", "::mlir::shard::ShardDialect",
                           "::mlir::func::FuncDialect"];
}

def StageCentersPass : Pass<"pfc-stage-centers", "::mlir::ModuleOp"> {
  let summary = "Brings a sample of class centers from host memory and back";
  let description = [{
    Class centers that are `host` state, and their momentum, lie in the host's
    memory, or on the CPU target in a file. Of them a step needs the sampled
    rows: `pfc.fetch_rows` brings those to the device as soon as the sample is
    known, the head gathers and updates them there under their slots, and
    `pfc.store_rows` takes them back. The plan has the three as transfers, which
    plan-schedule-collectives puts under the backbone (centers beyond GPU memory:
    Partial FC's host-offloaded forms, and embedding caches such as HugeCTR's).

    No initialization goes through a table that may be larger than memory: a row
    of zeros was never stored, and is made when it is fetched, from `seed`.

    R100 with Glint360K on 8 ranks, bf16, sample rate 0.1: 176 MiB of class
    centers and momentum leave the device, 18 of a sample's rows come to it, and
    a step on H200s is predicted to take 28.1 ms instead of 27.8. With 100M
    identities and sample rate 0.002 they are 47.7 GiB, 0.1 and 29.3 ms.

    Precondition: pfc-partition ran; a host table is gathered and updated once,
    by one sample. Postcondition: fetch_rows and store_rows alone touch host
    state.

    Example (test/passes/stage-centers.mlir):
    ```mlir
    %rows = pfc.gather_rows %w, %indices : tensor<5x16xf32>, tensor<4xi64> -> tensor<4x16xf32>
    // becomes
    %r, %slots = pfc.fetch_rows %w, %indices, %first init<normal, 0.0, 0.01> {key = …} : tensor<5x16xf32>, tensor<4xi64> -> tensor<4x16xf32>
    %rows = pfc.gather_rows %r, %slots : tensor<4x16xf32>, tensor<4xi64> -> tensor<4x16xf32>
    ```
  }];
  let options = [
    Option<"seed", "seed", "uint64_t", "1",
           "Key of initial values and of rounding">,
  ];
  let dependentDialects = ["::pfc::PfcDialect"];
}

def VerifyPartitionedPass
    : Pass<"pfc-verify-partitioned", "::mlir::ModuleOp"> {
  let summary = "Checks that no logical shape is left";
  let description = [{
    Independent of pfc-partition's code: no op that exists on logical shapes
    alone; sharded variables have ⌈rows/R⌉ rows; statistics are of one group;
    dropout and row updates know their rank's rows; collectives change shapes by
    R; an assigned value has its variable's type. Always in the pipeline; it
    changes nothing.

    R100 with Glint360K on 8 ranks: nothing is saved; 774 collectives and 2006
    reads of variables are checked in a millisecond.

    Example (test/passes/verify-partitioned-invalid.mlir):
    ```mlir
    %0 = pfc.linear %x, %w : tensor<2x4xf32>, tensor<3x4xf32> -> tensor<2x3xf32>
    // error: 'pfc.linear' op is an op of the whole job; pfc-partition leaves none
    ```
  }];
}

def MixedPrecisionPass : Pass<"pfc-mixed-precision", "::mlir::ModuleOp"> {
  let summary = "Computes convolutions, products and activations in 16 bits";
  let description = [{
    With `precision=bf16`, and with `precision=fp16` the same in that type:
      - products (convolution, matmul, cosine logits) take bf16 operands and sum
        in fp32; convolutions and their input gradients give bf16, filter
        gradients and matrix products fp32;
      - what follows a bf16 activation element by element stays in bf16;
      - the residual stream of a transformer stays in fp32, and its gradient: what
        layer norms read and the sums that make it, with biases and stochastic
        depth of a branch from its last product on. Layer norms give bf16. 24
        layers add to a stream 48 times, and bf16 has 8 bits for each sum. So it
        is in PyTorch under autocast, where the fp32 embedding of positions makes
        tokens fp32. Residual sums that batch norms read are bf16, there too;
      - parameters, their updates, all statistics, losses, and the features
        behind the last product stay in fp32: a parameter is cast at its use,
        once.
    Casts move up through reshapes, dropout, gathers and into products, so that
    an embedding is gathered and an activation's gradient is made in two bytes.
    bf16 has fp32's exponents, so no loss scaling; fp16 needs pfc-scale-loss.
    (Kalamkar et al., A Study of BFLOAT16 for Deep Learning Training, 2019;
    Micikevicius et al., ICLR'18.)

    R100 with Glint360K on 8 ranks: the arena is 6.2 GiB instead of 11.5, and a
    step on H200s is predicted to take 27.8 ms instead of 246.

    With `precision=fp32` it changes nothing. Precondition: pfc-partition ran.
    Postcondition: element types agree as the verifiers want them.

    Example (test/passes/mixed-precision.mlir):
    ```mlir
    %y = pfc.conv2d %x, %w {…} : tensor<2x8x8x1xf32>, tensor<4x3x3x1xf32> -> tensor<2x8x8x4xf32>
    // becomes
    %l = pfc.cast %w : tensor<4x3x3x1xf32> -> tensor<4x3x3x1xbf16>
    %y = pfc.conv2d %x, %l {…} : tensor<2x8x8x1xbf16>, tensor<4x3x3x1xbf16> -> tensor<2x8x8x4xbf16>
    ```
  }];
  let options = [
    Option<"precision", "precision", "::pfc::Precision",
           "::pfc::Precision::Fp32", "Element type of the computation",
           [{::llvm::cl::values(
             clEnumValN(::pfc::Precision::Fp32, "fp32", "32-bit floats"),
             clEnumValN(::pfc::Precision::Bf16, "bf16",
                        "bfloat16 with fp32 parameters and sums"),
             clEnumValN(::pfc::Precision::Fp16, "fp16",
                        "half precision, the same"))}]>,
  ];
  let dependentDialects = ["::pfc::PfcDialect"];
}

def FuseMarginSoftmaxPass
    : Pass<"pfc-fuse-margin-softmax", "::mlir::ModuleOp"> {
  let summary = "Makes the head one op forward and one op backward";
  let description = [{
    cosine_logits → margin → softmax_stats become `pfc.margin_softmax`;
    softmax_cross_entropy_grad → margin_grad → two matmuls become
    `pfc.margin_softmax_grad`. Of the four batch × classes matrices one is left,
    the un-normalised exponentials E, in which both gradients are linear: with
    E' the E with the target's entry replaced,

        dX̂ = diag(a)·E'·Ŵ      dŴ = E'ᵀ·diag(a)·X̂      a_i = s/(B·Z_i)

    E has the element type of the product's operands, but bf16 beside fp16, whose
    largest number is e^11.1: there exp(s) has no room.

    R100 with Glint360K on 8 ranks, sample rate 1, batch 1024: in place of four
    fp32 matrices of batch x classes (cosines, logits and their gradients), 738
    MB a rank, there is one in 16 bits, 92 MB.

    Precondition: pfc-partition ran. Postcondition: none of the ops named first
    is left where the pattern matched; where it did not, a `Missed` remark says
    why (--remarks-filter=pfc-fuse-margin-softmax).

    Example (test/passes/fuse-margin-softmax.mlir), 8 images and 3 columns a rank:
    ```mlir
    %c = pfc.cosine_logits %x, %w : tensor<8x16xf32>, tensor<3x16xf32> -> tensor<8x3xf32>
    %l = pfc.margin %c, %columns margin <m1 = 1.0, m2 = 0.5, …> : tensor<8x3xf32>, tensor<8xi64>
    %s = pfc.softmax_stats %l, %columns, %used {…} : tensor<8x3xf32>, tensor<8xi64>, tensor<1xi64> -> tensor<8x2xf32>
    %stats = shard.all_reduce %s on @ranks grid_axes = [0] : tensor<8x2xf32> -> tensor<8x2xf32>
    %dl = pfc.softmax_cross_entropy_grad %l, %columns, %used, %stats {…} : …
    %dc = pfc.margin_grad %dl, %c, %columns margin <m1 = 1.0, m2 = 0.5, …> : tensor<8x3xf32>, tensor<8xi64>
    %dx = pfc.matmul %dc, %w : tensor<8x3xf32>, tensor<3x16xf32> -> tensor<8x16xf32>
    %dw = pfc.matmul %dc, %x {transpose_lhs} : tensor<8x3xf32>, tensor<8x16xf32> -> tensor<3x16xf32>
    // becomes
    %exps, %s, %targets = pfc.margin_softmax %x, %w, %columns, %used margin <m1 = 1.0, m2 = 0.5, …> {…} : … -> tensor<8x3xf32>, tensor<8x2xf32>, tensor<8xf32>
    %stats = shard.all_reduce %s on @ranks grid_axes = [0] : tensor<8x2xf32> -> tensor<8x2xf32>
    %dx, %dw = pfc.margin_softmax_grad %x, %w, %exps, %stats, %targets, %columns margin <m1 = 1.0, m2 = 0.5, …> {…} : … -> tensor<8x16xf32>, tensor<3x16xf32>
    ```
  }];
  let dependentDialects = ["::pfc::PfcDialect"];
}

def TileHeadPass : Pass<"pfc-tile-head", "::mlir::ModuleOp"> {
  let summary = "Computes the fused head tile by tile of class centers";
  let description = [{
    A tile is as many columns of the sample as have cosines, [B, T] in fp32, of
    `tile-bytes`: what a cache holds. Everything of the sample's size is made,
    used and dropped by tile, but E, which `logits=keep` stores for the
    backward half (2 bytes a logit in bf16) and `recompute` makes again there
    from W, by a fourth product; but for the last tile's, with which the updates
    begin. The two compute the same bits on a CPU; on a GPU tiles that are made
    again are smaller, and sums round otherwise.

        margin_softmax       t = target_cosines(X̂, W)
          each tile          Ŵ = gather_unit_rows(W); cos = X̂·Ŵᵀ;
                             E, Z = margin_exp(cos, Z); O += E·Ŵ
                             stats = margin_target(Z, t)
        margin_softmax_grad  dX̂, a = margin_embeddings_grad(O, stats)
          each tile          E' = margin_patch(E);
                             W, v = update_rows(W, v, E'ᵀ·scale_rows(X̂, a))

    The gradients are linear in the un-normalised E, so O needs nothing from
    other ranks, and the all_reduce of the stats goes on under the last tile's
    product (the form of QuACK's scaled-exp cross entropy, whose scale unit rows
    make 1). The rows of a tile are updated as soon as their gradient is there:
    neither the sampled rows of W nor their gradient are stored. A remark says how
    many tiles there are.

    Most memory is taken where all of E is there. So the last tiles are the
    first to be updated, and where E is kept they are narrow: the last one's
    cosines take `last-tile-bytes`, and widths double towards the first as soon
    as the E still to come makes up for what a wider tile takes. O is read and
    written for each, so there are twice as many tiles at most as wide ones
    would be.

    fp16 has no room for E, nor would a shift by row help: the target's entry of
    E' is as large as Z, the sum over all ranks, and a_i as small as 1/Z. So in
    fp16, and where the loss is scaled, E waits for the stats of all ranks, in
    bf16, and the products read what they make of it:

        margin_softmax       E, Z and the stats, as above
        margin_softmax_grad
          each tile          G = margin_cosines_grad(E, stats); dX̂ += G·Ŵ
        update_rows
          each tile          W, v = update_rows(W, v, Gᵀ·X̂)

    G takes E's place, 2 bytes a logit as well; Ŵ is gathered a second time. The
    rows are updated where pfc-scale-loss has it, when all gradients are known
    to be finite. Their own need no look: an element of G that is Inf or NaN
    makes a row of dX̂ so, whose sum of squares is the found_inf of both, and
    sums of B finite numbers of fp16 are finite. `recompute` makes E twice, for
    dX̂ and for dŴ: five products.

    R100 with Glint360K on 8 ranks, B = 1024, bf16, sample rate 1: what the head
    takes beyond W and its momentum is 112 MiB, 397 before tiles; with
    `recompute` 51. In fp16 115 (397) and 57. At rate 0.1 it is one tile: 32 MiB
    for 41. Without narrow tiles, C = 20,000 and B = 256 on a CPU take 2.6 bytes a
    logit instead of 2.2.

    Precondition: pfc-fuse-margin-softmax ran; the class centers are the unit
    rows of a variable, and their gradient goes to its update. Postcondition:
    no `pfc.margin_softmax`, no `pfc.margin_softmax_grad`.

    Example (test/passes/tile-head.mlir), 3 columns, which are one tile:
    ```mlir
    %rows = pfc.gather_rows %table, %indices : tensor<3x16xf32>, tensor<3xi64> -> tensor<3x16xf32>
    %w = pfc.normalize %rows : tensor<3x16xf32>
    %exps, %s, %targets = pfc.margin_softmax %x, %w, %columns, %used margin <…> {…} : … -> tensor<8x3xf32>, tensor<8x2xf32>, tensor<8xf32>
    // becomes
    %targets = pfc.target_cosines %x, %table, %indices, %columns : tensor<8x16xf32>, tensor<3x16xf32>, tensor<3xi64>, tensor<8xi64> -> tensor<8xf32>
    %w = pfc.gather_unit_rows %table, %indices : tensor<3x16xf32>, tensor<3xi64> -> tensor<3x16xf32>
    %c = pfc.matmul %x, %w {transpose_rhs} : tensor<8x16xf32>, tensor<3x16xf32> -> tensor<8x3xf32>
    %exps, %sums = pfc.margin_exp %c, %columns, %used, %first margin <…> {…} : tensor<8x3xf32>, tensor<8xi64> -> tensor<8x3xf32>, tensor<8xf32>
    %s = pfc.margin_target %sums, %targets, %columns margin <…> {…} : tensor<8xf32>, tensor<8xi64> -> tensor<8x2xf32>
    %o = pfc.matmul %exps, %w : tensor<8x3xf32>, tensor<3x16xf32> -> tensor<8x16xf32>
    ```
  }];
  let options = [
    Option<"logits", "logits", "::pfc::LogitsStrategy",
           "::pfc::LogitsStrategy::Keep",
           "What becomes of the exponentials until the backward half",
           [{::llvm::cl::values(
             clEnumValN(::pfc::LogitsStrategy::Keep, "keep", "stored"),
             clEnumValN(::pfc::LogitsStrategy::Recompute, "recompute",
                        "made again"))}]>,
    Option<"tileBytes", "tile-bytes", "int64_t", "1 << 20",
           "Size of a tile's cosines in fp32, in bytes">,
    Option<"lastTileBytes", "last-tile-bytes", "int64_t", "1 << 15",
           "Size of the last tile's, where there are three or more">,
  ];
  let dependentDialects = ["::pfc::PfcDialect"];
}

def FusePointwisePass : Pass<"pfc-fuse-pointwise", "::mlir::ModuleOp"> {
  let summary = "Makes one pass over activations of several ops";
  let description = [{
    Batch norm, PReLU, residual sums, their gradients and the sums over them do
    a few operations an element: they take as long as reading and writing the
    activations takes, half of a step on a GPU. Ops that share activations
    (trait Sweepable) become the body of one `pfc.sweep`, in three steps:

      - *group*: an op joins the op that makes what it reads, or another that
        reads the same, unless something between them, or itself, needs the
        first one's sums. They move together; a `Missed` remark says why not.
      - *recompute*: an activation that a group can make from what it reads
        anyway is not read; where all its readers can, it is not stored. So
        PReLU's input and its gradient are in no memory, neither between
        forward and backward nor between a gradient's sums and the gradient.
      - *wrap*: a group of two ops or more becomes a sweep.

    In an IR block without a change of size, statistics being read once (c
    outputs of convolutions, dy gradients of what follows, dp that of PReLU):

                                              before      after
        bn1                                   x → a       the same
        bn2 statistics                        c1          the same
        bn2, prelu                            2 + 2       c1 → p
        bn3 statistics                        c2          the same
        bn3, add, next bn1's statistics       2 + 3 + 1   c2, x → y
        bn3 gradient                          dy, c2 → d  the same
        prelu gradient, bn2's sums, slope's   3 + 2 + 2   dp, c1
        bn2 gradient                          3           dp, c1 → d
        bn1 sums                              da, x       the same
        bn1 gradient, add, bn3 sums before    3 + 3 + 2   da, x, dy, c2 → dx
        activations read and written          37          24
        passes for sums alone                 7           4

    R100 with Glint360K on 8 ranks: a step moves 25651 MiB of activations instead
    of 41447. A rank's step and its inference of a batch, 128 images in bf16:

                          activations    passes for sums   MiB moved
        r50    training   943 →  601     181 → 102         26037 → 15655
               inference  278 →  146                        7245 →  3742
        r100   training  1868 → 1201     356 → 202         41447 → 25651
               inference  553 →  296                       11827 →  6241

    To count: `pfcc compile specs/r50.spec --set train.precision=bf16
    --emit=precision | pfc-opt --pfc-fuse-pointwise
    --remarks-filter-analyse=pfc-fuse-pointwise`. (One-pass statistics save one
    more reading of each batch norm's input: 78 in r50, 153 in r100.)

    Precondition: one rank's shapes. Postcondition: the same values, bit for bit
    but for the order of sums and the compiler's choice of fused multiply-adds.
    Without the pass (`pfc-compile=fuse-pointwise=false`) all ops have kernels
    of their own.

    Example (test/passes/fuse-pointwise.mlir):
    ```mlir
    %b = pfc.batch_norm %c, %m, %v, %gamma, %beta {…} : tensor<4x8x8x64xf32>, tensor<1x64xf32>, tensor<64xf32>
    %p = pfc.prelu %b, %slope : tensor<4x8x8x64xf32>, tensor<64xf32>
    // becomes
    %p = pfc.sweep(%c, %m, %v, %gamma, %beta, %slope) {
    ^bb0(%0: tensor<4x8x8x64xf32>, …):
      %6 = pfc.batch_norm %0, %1, %2, %3, %4 {…} : tensor<4x8x8x64xf32>, tensor<1x64xf32>, tensor<64xf32>
      %7 = pfc.prelu %6, %5 : tensor<4x8x8x64xf32>, tensor<64xf32>
      pfc.yield %7 : tensor<4x8x8x64xf32>
    } : (…) -> tensor<4x8x8x64xf32>
    ```
  }];
  let statistics = [
    Statistic<"numSweeps", "num-sweeps", "Sweeps of two ops or more">,
  ];
  let dependentDialects = ["::pfc::PfcDialect"];
}

def RecomputePass : Pass<"pfc-recompute", "::mlir::ModuleOp"> {
  let summary = "Makes activations again for the backward pass";
  let description = [{
    An activation that the forward pass made and the backward pass reads is in
    memory from the one to the other. With `recompute=batch-norms` what is made
    of one activation element by element (batch norms, PReLU) is made again from
    it, in front of its first reader in the backward pass; with `blocks` also
    what is made of one by a convolution, and what attention makes of queries,
    keys and values that are made again: of a residual block only its input is
    kept. Statistics are kept, not taken again, and running ones move once. The
    same kernels on the same inputs give the same bits.

    `pfc.barrier` keeps the copy apart from the original. The backward pass is
    what depends on the input "labels".

    A block is made again up to its end before its gradients begin. Of the
    largest activations, of half the largest's size or more, what batch norms
    and PReLU made is then made a third time where a filter's gradient reads it,
    from the convolutions' copies; and the gradient of a strided convolution's
    input, which is larger than that of its output, is made when it is read. So
    the first block of r50, the one at the step's peak, has 842 MiB in place of
    1284, for 1.4 % of time.

    In an IR block without a change of size, from forward to backward (c
    outputs of convolutions, a and p of bn1 and PReLU):

        none           x, a, c1, p, c2
        batch-norms    x, c1, c2                 a, p
        blocks         x                         a, c1, p, c2

    A rank's step in bf16, MiB of an image from forward to backward; predicted
    milliseconds a step of 128 images on 8 H200 and the rank's arena in GiB:

                     none                batch-norms           blocks
        r50     26.6  15.7  4.0      14.7  16.5  2.6       3.5  20.2  1.5
        r100    43.0  27.8  6.2      24.5  29.0  3.9       6.8  35.8  1.8
        vit_b   64.5  24.3 11.2      45.4  25.7  8.8      13.1  30.1  4.9

    (PyTorch keeps 33.7 and 53.2 MiB of the first two.)

    R100 with Glint360K on 8 ranks: 2.3 GiB less for 4 % of time, 4.4 GiB less
    for 29 %.

    (Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016; Rota Bulò
    et al., In-Place Activated BatchNorm, CVPR'18.)

    Precondition: pfc-partition ran. Behind pfc-fuse-pointwise, so that what
    that does not store need not be made again. Postcondition: the same values,
    bit for bit.

    Example (test/passes/recompute.mlir):
    ```mlir
    %a = pfc.batch_norm %x, %m, %v, %gamma, %beta {…} : tensor<4x8x8x64xf32>, tensor<1x64xf32>, tensor<64xf32>
    %c = pfc.conv2d %a, %w {…} : …
    …
    %dw = pfc.conv2d_filter_grad %a, %dc {…} : …
    // becomes
    %a = pfc.batch_norm %x, %m, %v, %gamma, %beta {…} : tensor<4x8x8x64xf32>, tensor<1x64xf32>, tensor<64xf32>
    %c = pfc.conv2d %a, %w {…} : …
    …
    %x1 = pfc.barrier %x after %dc : tensor<4x8x8x64xf32>, tensor<4x8x8x64xf32>
    %a1 = pfc.batch_norm %x1, %m, %v, %gamma, %beta {…} : tensor<4x8x8x64xf32>, tensor<1x64xf32>, tensor<64xf32>
    %dw = pfc.conv2d_filter_grad %a1, %dc {…} : …
    ```
  }];
  let options = [
    Option<"recompute", "recompute", "::pfc::Recompute",
           "::pfc::Recompute::None", "What is made again",
           [{::llvm::cl::values(
             clEnumValN(::pfc::Recompute::None, "none", "nothing"),
             clEnumValN(::pfc::Recompute::BatchNorms, "batch-norms",
                        "what is made of one activation element by element"),
             clEnumValN(::pfc::Recompute::Blocks, "blocks",
                        "convolutions and attention, too"))}]>,
  ];
  let statistics = [
    Statistic<"numRecomputed", "num-recomputed", "Ops that are done again">,
  ];
  let dependentDialects = ["::pfc::PfcDialect"];
}

def BucketUpdatesPass : Pass<"pfc-bucket-updates", "::mlir::ModuleOp"> {
  let summary = "Sums and applies the gradients of many layers at once";
  let description = [{
    Updates of the same form (`pfc.sgd` with equal attributes and scalars) of
    parameters whose gradients come one after the other in the backward pass are
    made as one, on `pfc.bucket`s of parameters, momenta and gradients: one
    `shard.all_reduce` a bucket, right behind its last gradient, so that it may
    run while the rest of the backward pass does; one `pfc.sum_squares`; one
    `pfc.sgd`. A bucket is full with `bucket-bytes` of gradients, or, where that
    is 0, with √(n·λ·β) of them: for n bytes in all, on a network with a latency
    of λ and β bytes a second (those of plan-schedule-collectives), n/b buckets
    cost λ each and a bucket takes b/β, which are least together there: 23 MB for
    R50. On other networks as well `pfcc explain` finds no size between 1 and 92 MB
    with which a step takes 0.2 % less (R50 and R100 on 8 and 64 V100, 64 2080 Ti
    and 64 H200). Nothing hides the last one's sum, so it has at most the λ·β bytes, 3 MB,
    that cross in a latency's time, or a quarter of a full one; they are of the
    first layers, whose gradients take long and hide the bucket before.
    A gradient with other readers, or not a multiple of 64 bytes, stays alone.

    R100 with Glint360K on 8 ranks: of 774 collectives 322 are left, most of them
    of running statistics, which pfc-bucket-statistics takes.

    Where products take some of a bucket's parameters in 16 bits, all are cast
    in one pass, before the first is wanted: 13 kernels instead of 104 for R100,
    whose step on 8 H200 is predicted to take 27.81 ms instead of 28.05.

    With `narrow`, a bucket goes over the wire in bf16: half the bytes. Its
    members are rounded once, their sum once more (it is formed in fp32; NCCL
    rounds at every rank); it comes back to fp32 where the norm or the update
    first reads it, so that it stays under way until then.

    (Li et al., PyTorch Distributed, VLDB'20: gradient buckets; NVIDIA Apex:
    multi-tensor apply. Here the tensors lie one behind the other, and nothing
    is copied or looked up.)

    Precondition: pfc-partition ran. Postcondition: what the step computes is the
    same but for the order of the terms of the gradient norm, and `narrow`'s
    rounding.

    Example (test/passes/bucket-updates.mlir; bucket-updates-casts.mlir):
    ```mlir
    %p1, %v1 = pfc.sgd %p, %v, %g, %lr {…} : tensor<16xf32>
    %q1, %u1 = pfc.sgd %q, %u, %h, %lr {…} : tensor<32xf32>
    // becomes
    %gs = pfc.bucket %g, %h : tensor<16xf32>, tensor<32xf32> to tensor<48xf32>
    %ps = pfc.bucket %p, %q : tensor<16xf32>, tensor<32xf32> to tensor<48xf32>
    %vs = pfc.bucket %v, %u : tensor<16xf32>, tensor<32xf32> to tensor<48xf32>
    %ps1, %vs1 = pfc.sgd %ps, %vs, %gs, %lr {…} : tensor<48xf32>
    %p1, %q1 = pfc.unbucket %ps1 : tensor<48xf32> to tensor<16xf32>, tensor<32xf32>
    %v1, %u1 = pfc.unbucket %vs1 : tensor<48xf32> to tensor<16xf32>, tensor<32xf32>
    ```
  }];
  let options = [
    Option<"bucketBytes", "bucket-bytes", "int64_t", "0",
           "Bytes of gradients that fill a bucket; 0: what the network's rates "
           "make of them all">,
    Option<"latency", "latency", "double", "3e-5", "Seconds of any collective">,
    Option<"networkBandwidth", "network-bandwidth", "double", "1e11",
           "Bytes a second that a rank sends">,
    Option<"narrow", "narrow", "bool", "false",
           "Sum the buckets of fp32 gradients over the ranks in bf16">,
  ];
  let dependentDialects = ["::pfc::PfcDialect"];
}

def BucketStatisticsPass : Pass<"pfc-bucket-statistics", "::mlir::ModuleOp"> {
  let summary = "Gathers, merges and averages running statistics at once";
  let description = [{
    Running statistics of batch norms are needed when a step is over, so that
    those of the same form (`pfc.moving_average` with equal attributes, of
    gathered and merged statistics or of the batch's own) are made as one, on
    `pfc.bucket`s of means, of variances and of the averages: two
    `shard.all_gather`s, one `pfc.merge_stats` and two `pfc.moving_average`s a
    bucket, right behind the last of its statistics. Equal forms are of layers of
    equal size, as the variance's factor n/(n − 1) is among the attributes.

    R100 with Glint360K on 8 ranks: 322 collectives become 26, and on a GPU 616
    kernels that merge and average become 24; on H200s a step is predicted to take
    5.4 ms less, as nothing waits for the network any more.

    Precondition: pfc-partition ran. Postcondition: the step computes the same
    bits.

    Example (test/passes/bucket-statistics.mlir):
    ```mlir
    %a1 = pfc.moving_average %a, %mean {…} : tensor<1x16xf32>
    %b1 = pfc.moving_average %b, %mean2 {…} : tensor<1x32xf32>
    // becomes
    %means = pfc.bucket %mean, %mean2 : tensor<1x16xf32>, tensor<1x32xf32> to tensor<1x48xf32>
    %old = pfc.bucket %a, %b : tensor<1x16xf32>, tensor<1x32xf32> to tensor<1x48xf32>
    %new = pfc.moving_average %old, %means {…} : tensor<1x48xf32>
    %a1, %b1 = pfc.unbucket %new : tensor<1x48xf32> to tensor<1x16xf32>, tensor<1x32xf32>
    ```
  }];
  let dependentDialects = ["::pfc::PfcDialect"];
}

//===----------------------------------------------------------------------===//
// plan passes
//===----------------------------------------------------------------------===//

def ConvertPfcToLinalgPass
    : Pass<"convert-pfc-to-linalg", "::mlir::ModuleOp"> {
  let summary = "Expands ops into kernel bodies and fuses element-wise ones";
  let description = [{
    Every op with KernelBodyOpInterface becomes `linalg.generic` ops on tensors,
    in fp32 arithmetic. An element-wise producer used once moves into the
    generic that reads it when both run over the same iteration space, so that
    no element is computed twice; `pfc.source` on a generic names what it does.

    R100 with Glint360K on 8 ranks for CUDA in bf16: 2363 generics. 352 of them do
    several ops, 351 as pfc-fuse-pointwise has made sweeps of those; what is left
    to save here is one pass over the embeddings.

    Precondition: one rank's shapes (pfc-verify-partitioned). Postcondition: no
    op with a kernel body is left; products, convolutions, collectives and ops
    with data-dependent addresses are as they were.

    Example (test/passes/convert-pfc-to-linalg.mlir), with %factor γ/√(v + ε) of
    each channel from a generic of its own:
    ```mlir
    %y = pfc.batch_norm %x, %m, %v, %c, %c {eps = 1.0e-5 : f64, training} : tensor<4x3x3x8xf32>, tensor<1x8xf32>, tensor<8xf32>
    %z = pfc.prelu %y, %c : tensor<4x3x3x8xf32>, tensor<8xf32>
    // becomes
    %z = linalg.generic {…} ins(%x, %m, %factor, %c, %c : …) outs(%empty : tensor<4x3x3x8xf32>) attrs = {pfc.source = "batch_norm, prelu"} {
    ^bb0(%in: f32, %mean: f32, %f: f32, %beta: f32, %slope: f32, %out: f32):
      %4 = arith.subf %in, %mean fastmath<contract> : f32
      %5 = arith.mulf %4, %f fastmath<contract> : f32
      %6 = arith.addf %5, %beta fastmath<contract> : f32
      %7 = arith.mulf %slope, %6 : f32
      %cst = arith.constant 0.000000e+00 : f32
      %8 = arith.cmpf ogt, %6, %cst : f32
      %9 = arith.select %8, %6, %7 : f32
      linalg.yield %9 : f32
    } -> tensor<4x3x3x8xf32>
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
}

def ConvertPfcToPlanPass : Pass<"convert-pfc-to-plan", "::mlir::ModuleOp"> {
  let summary = "Values become buffers, functions become programs";
  let description = [{
    Each function becomes a `plan.program`: products, convolutions and
    collectives become instructions, a convolution with filters of one pixel a
    product of the pixels' rows; runs of generics with the same outer
    parallel loop become one kernel in the module @kernels (see
    passes/codegen/Outliner.h), each gather, scatter and sampling op one of its
    own. With `target=cuda` every generic is a kernel, but for runs
    on channels, like what merges a batch norm's statistics and makes them into
    coefficients (passes/codegen/cuda/ChannelRuns.h); small ops are brought
    together where nothing between needs them. No small op waits for other ranks because
    one beside it does. With `target=cuda` a product in 16 bits and the
    margin_exp that alone reads it become a `plan.either`: two instructions, or
    a kernel that does both on tensor cores (passes/codegen/cuda/Products.h),
    which for R100 on 8 H200 are 18.4 MB of cosines less to write and as many
    to read. A new value of a variable is written over the old one
    when its producer is the old one's last reader, element by element;
    otherwise it is copied at the end. Any other value takes the place of one of
    its type that its producer is the last to read, likewise. The buffers of a
    `pfc.bucket`'s tensors become a `plan.span`, so that neither it nor
    `pfc.unbucket` moves a byte. Equal kernels are one.

    R100 with Glint360K on 8 ranks: the step on H200s launches 885 kernels, some
    1100 fewer than without runs, and is predicted to take 27.8 ms, 3.3 less. On
    the CPU it launches 1551, of which 248 with the network's are distinct.

    A gradient in the place of that which it was made from: R50 with its blocks
    recomputed, 1468 MiB instead of 1517; R100 with all kept 6344 for 6340, its
    blocks 1800 for 1803.

    Precondition: convert-pfc-to-linalg ran. Postcondition: the module holds
    plan ops, the module @kernels and the shard.grid.

    Example (test/passes/convert-pfc-to-plan.mlir; test/passes/product-forms.mlir),
    behind convert-pfc-to-linalg:
    ```mlir
    %n = pfc.normalize %x : tensor<512x64xf32>
    %y = pfc.matmul %n, %w {transpose_rhs} : tensor<512x64xf32>, tensor<64x64xf32> -> tensor<512x64xf32>
    %all = shard.all_gather %y on @ranks grid_axes = [0] gather_axis = 0 : tensor<512x64xf32> -> tensor<1024x64xf32>
    // becomes
    %0 = plan.alloc : memref<512x64xf32>
    plan.launch @kernels::@k0_normalize(%images, %0) extent 512 writes [1] {…} : memref<512x64xf32>, memref<512x64xf32>
    %1 = plan.alloc : memref<512x64xf32>
    plan.matmul %0, %w, %1 {…, transpose_rhs} : memref<512x64xf32>, memref<64x64xf32>, memref<512x64xf32>
    %2 = plan.alloc : memref<1024x64xf32>
    %3 = plan.collective all_gather %1, %2 {…} : memref<512x64xf32>, memref<1024x64xf32>
    ```
  }];
  let options = [
    Option<"target", "target", "::pfc::KernelTarget",
           "::pfc::KernelTarget::Cpu", "What the kernels are outlined for",
           [{::llvm::cl::values(
             clEnumValN(::pfc::KernelTarget::Cpu, "cpu",
                        "rows by processor cores"),
             clEnumValN(::pfc::KernelTarget::Cuda, "cuda",
                        "whole buffers by blocks of threads"))}]>,
  ];
  let statistics = [
    Statistic<"numKernels", "num-kernels", "Distinct kernels outlined">,
  ];
  let dependentDialects = [
    "::pfc::plan::PlanDialect", "::mlir::memref::MemRefDialect",
    "::mlir::emitc::EmitCDialect", "::mlir::gpu::GPUDialect",
    "::mlir::scf::SCFDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
    "::mlir::func::FuncDialect"];
}

def ScheduleCollectivesPass
    : Pass<"plan-schedule-collectives", "::mlir::ModuleOp"> {
  let summary = "Puts computation under transfers";
  let description = [{
    Reorders a program's instructions so that a transfer between ranks starts as
    soon as its source is there and computation that does not need it goes on
    meanwhile;
    `plan.wait` stands where it is needed. Launches that copy between the host's
    memory and the device's are put under computation likewise, and what they
    copy by, the sample of class centers, is computed as soon as it can be. A
    list schedule of
    a stream that computes, one for the network and one for the host's link, on a
    machine with the options' rates, of which only the ratios matter; instructions keep
    their order but where they would have to wait. What goes `far` ahead keeps
    memory for long, so it may write `ahead-bytes` in all: the sample of the
    class centers, but not the centers. Should the program need more memory than
    in its own order all the same, by more than those bytes, then what goes ahead
    of a reader that has to wait counts as well: the tiles of the class centers
    would all be gathered while the embeddings are. The network's rates are low,
    so that a transfer on a busy network is covered as well.

    So labels are gathered and centers sampled under the backbone's forward
    pass, {Σ E, target} are summed under E·Ŵ, dX̂ is under Eᵀ·X̂, and buckets of
    gradients under the rest of the backward pass.

    R100 with Glint360K on 8 ranks, H200 as `pfcc explain` predicts: 29.8 ms a step
    without the pass (`cluster.overlap = false`), 27.8 with it; 2.0 and 0.1 of
    them wait for other ranks.

    Precondition: convert-pfc-to-plan ran.
    Postcondition: each transfer has one wait; see plan-verify-memory.

    Example (test/passes/plan-schedule-collectives.mlir):
    ```mlir
    plan.collective all_reduce_sum %z, %z : memref<8x2xf32>, memref<8x2xf32>
    plan.launch @kernels::@loss(%z, %loss) extent 1 writes [1] : memref<8x2xf32>, memref<1xf32>
    plan.matmul %e, %w, %dx : memref<8x32xf32>, memref<32x16xf32>, memref<8x16xf32>
    // becomes
    %t = plan.collective all_reduce_sum %z, %z : memref<8x2xf32>, memref<8x2xf32>
    plan.matmul %e, %w, %dx : memref<8x32xf32>, memref<32x16xf32>, memref<8x16xf32>
    plan.wait %t
    plan.launch @kernels::@loss(%z, %loss) extent 1 writes [1] : memref<8x2xf32>, memref<1xf32>
    ```
  }];
  let options = [
    Option<"flops", "flops", "double", "4e14", "Operations a second">,
    Option<"memoryBandwidth", "memory-bandwidth", "double", "3e12",
           "Bytes a second of memory">,
    Option<"networkBandwidth", "network-bandwidth", "double", "1e11",
           "Bytes a second that a rank sends">,
    Option<"latency", "latency", "double", "3e-5", "Seconds of any collective">,
    Option<"hostBandwidth", "host-bandwidth", "double", "2.5e10",
           "Bytes a second between the host's memory and the device's">,
    Option<"far", "far", "int64_t", "64",
           "Instructions of which to go ahead is to go far ahead">,
    Option<"aheadBytes", "ahead-bytes", "int64_t", "16 << 20",
           "Bytes that instructions that go far ahead may write in all">,
  ];
  let dependentDialects = ["::pfc::plan::PlanDialect"];
}

def ForkUpdatesPass : Pass<"plan-fork-updates", "::mlir::ModuleOp"> {
  let summary = "Lets the class centers' updates go on beside the backward pass";
  let description = [{
    The gradients and updates of class centers are instructions that no other of
    the step needs, in front of the backbone's backward pass. A run of such
    instructions becomes a branch, `plan.beside`, which a device with a second
    stream may do beside those behind it, on what they leave of it: an update
    moves 16 bytes a parameter and computes little, a convolution does the
    contrary. It is waited for as late as it can be, at the program's end but
    where the exponentials, which live until then, would take more than
    `more-bytes` that the program doesn't need otherwise: activations are fewer
    and fewer meanwhile. The order of instructions stays; what the run alone
    uses, the tiles' gradients, shares bytes inside of it. Of several runs the
    one that moves most is taken. One that moves less than `least-bytes` is left
    alone, and so is one with nothing behind it that others need: of updates that
    wait for all gradients (fp16) there is none. Nor is there one where logits are
    made again, to have no more memory than a tile's: the pipeline leaves the pass
    out.

    The runtime measures which is faster on the chip, the branch or the order in
    which the instructions stand (docs/gpu.md); both compute the same bits.

    R100 with Glint360K on 8 ranks: 4 instructions, which take 0.02 ms of a step
    of 27.8, as sampling leaves one tile of a rank's class centers; of R50 with
    100 M of them, a tenth sampled, it is 6 ms of 25 by the schedule's rates. What
    that saves was not measured: there was no GPU.

    Precondition: plan-schedule-collectives ran, if it does.
    Postcondition: each branch has one wait; see plan-verify-memory.

    Example (test/passes/plan-fork-updates.mlir):
    ```mlir
    plan.matmul %e, %x, %dw {transpose_lhs} : memref<8x100xf32>, memref<8x16xf32>, memref<100x16xf32>
    plan.launch @kernels::@update(%dw, %w) extent 100 writes [1] : memref<100x16xf32>, memref<100x16xf32>
    plan.launch @kernels::@backward(%dx, %dy) extent 8 writes [1] : memref<8x16xf32>, memref<8x16xf32>
    // becomes
    %t = plan.beside(%e, %x, %dw, %w) writes [2, 3]
        : memref<8x100xf32>, memref<8x16xf32>, memref<100x16xf32>, memref<100x16xf32> {
      plan.matmul %e, %x, %dw {transpose_lhs} : memref<8x100xf32>, memref<8x16xf32>, memref<100x16xf32>
      plan.launch @kernels::@update(%dw, %w) extent 100 writes [1] : memref<100x16xf32>, memref<100x16xf32>
    }
    plan.launch @kernels::@backward(%dx, %dy) extent 8 writes [1] : memref<8x16xf32>, memref<8x16xf32>
    plan.wait %t
    ```
  }];
  let options = [
    Option<"leastBytes", "least-bytes", "int64_t", "16 << 20",
           "Bytes that a branch reads and writes at least">,
    Option<"moreBytes", "more-bytes", "int64_t", "32 << 20",
           "Bytes that the program may need more because of branches">,
  ];
  let dependentDialects = ["::pfc::plan::PlanDialect"];
}

def AssignMemoryPass : Pass<"plan-assign-memory", "::mlir::ModuleOp"> {
  let summary = "Gives every buffer its bytes of the arena";
  let description = [{
    State comes first, one variable behind the other. The buffers of a program
    follow, and share bytes where their lifetimes (passes/analysis/Lifetimes.h)
    don't overlap: largest first, each in the smallest hole that fits, or in the
    best of two other orders. The parts of a span lie one behind the other, but
    each lends its bytes until its own first use. Programs share the bytes behind
    the state, as only one runs at a time. An alloc without a use is erased.
    `host` state comes last, from a multiple of 64 KiB on.

    R100 with Glint360K on 8 ranks in bf16: what the plan's 3813 buffers take is
    11.6 MiB, 0.2 %, more than are in use at once (`pfcc explain`: "alignment and
    gaps").

    Precondition: convert-pfc-to-plan ran. Postcondition: each variable, input,
    rank_constant and alloc has an offset, a multiple of 64; the module has
    `plan.arena_bytes`, and with host state `plan.host_bytes`, which are the last
    of them. See plan-verify-memory. An analysis remark per program
    compares what it takes with the bytes that are live at once, the least
    possible (--remarks-filter=plan-assign-memory).

    Example (test/passes/plan-assign-memory.mlir), behind 192 bytes of state; each
    buffer is dead once the next is written:
    ```mlir
    %x = plan.input "x" : memref<16xf32>
    %a = plan.alloc : memref<16xf32>
    %b = plan.alloc : memref<16xf32>
    plan.copy %x, %a : memref<16xf32>, memref<16xf32>
    plan.copy %a, %b : memref<16xf32>, memref<16xf32>
    // becomes
    %x = plan.input "x" at 192 : memref<16xf32>
    %a = plan.alloc at 256 : memref<16xf32>
    %b = plan.alloc at 192 : memref<16xf32>
    plan.copy %x, %a : memref<16xf32>, memref<16xf32>
    plan.copy %a, %b : memref<16xf32>, memref<16xf32>
    ```
  }];
  let dependentDialects = ["::pfc::plan::PlanDialect"];
}

def VerifyMemoryPass : Pass<"plan-verify-memory", "::mlir::ModuleOp"> {
  let summary = "Proves that no two live buffers overlap";
  let description = [{
    Independent of plan-assign-memory's code: replays each program on a map of
    the arena that says whose bytes each byte is. Every use of a buffer but the
    first finds it in possession of all its bytes; while a transfer goes on,
    nothing touches what it writes or writes what it reads; nothing takes bytes
    of state or of a rank constant; host state, and nothing else, lies in host
    memory; all lies within the arena, aligned; nothing is read before it was
    written; a kernel that writes an argument has it once. Always in the
    pipeline; it changes nothing.

    R100 with Glint360K on 8 ranks: nothing is saved; the lives of 3813 buffers
    and 27 transfers are checked in 0.1 seconds, of 5.5 that it is compiled in.

    Example (test/passes/plan-verify-memory-invalid.mlir):
    ```mlir
    %a = plan.alloc at 0 : memref<16xf32>
    %b = plan.alloc at 0 : memref<16xf32>
    %c = plan.alloc at 192 : memref<16xf32>
    plan.copy %x, %a : memref<16xf32>, memref<16xf32>
    plan.copy %x, %b : memref<16xf32>, memref<16xf32>
    plan.copy %a, %c : memref<16xf32>, memref<16xf32>
    // error: buffer %0 (bytes 0..64) is live here, but buffer %1 (bytes 0..64) overlaps it
    ```
  }];
}

def CodegenLLVMPass : Pass<"codegen-llvm", "::mlir::ModuleOp"> {
  let summary = "Lowers the kernels to LLVM IR text";
  let description = [{
    The module @kernels becomes the attribute `plan.kernel_ir`, and a
    `plan.kernel` stays for each kernel. Entry points have the plan's kernel
    ABI: `void name(void *const *buffers, int64_t begin, int64_t end)`. A
    kernel's buffers are distinct, which its pointers say (`noalias`), so that
    the target's vectoriser needs no checks.
    A product and the sum that takes it are one operation (`llvm.fmuladd`) where
    both may be contracted: left to LLVM, that would depend on what else stands
    in a kernel, and an op would not have the same bits in each.

    R100 with Glint360K on 8 ranks in bf16: 248 kernels in 1001 KiB of text. For AVX2
    LLVM makes 3.2 MiB of it, without `noalias` 4.5 with 80 checks for overlap.

    Precondition: convert-pfc-to-plan ran.

    Example (test/passes/codegen-llvm.mlir), the loop over a row's 32 elements:
    ```mlir
    func.func @axpy(%x: memref<64x32xf32>, %y: memref<64x32xf32>, %begin: index, %end: index) attributes {plan.description = "axpy"} {
      scf.for %i = %begin to %end step %c1 {
        …
        linalg.generic {…} ins(%xi : memref<32xf32, strided<[1], offset: ?>>) outs(%yi : memref<32xf32, strided<[1], offset: ?>>) {
        ^bb0(%a: f32, %b: f32):
          %s = arith.addf %a, %b : f32
          linalg.yield %s : f32
        }
      }
      return
    }
    // becomes, and in plan.kernel_ir:
    plan.kernel @axpy arguments 2 description "axpy"
    ```
    ```llvm
    define void @axpy(ptr %0, i64 %1, i64 %2) {
      %4 = getelementptr ptr, ptr %0, i32 0
      %5 = load ptr, ptr %4, align 8
      %6 = getelementptr ptr, ptr %0, i32 1
      %7 = load ptr, ptr %6, align 8
      call void @axpy.body(ptr %5, ptr %7, i64 %1, i64 %2)
      ret void
    }
    define internal void @axpy.body(ptr noalias %0, ptr noalias %1, i64 %2, i64 %3) #0 {
    …
    13:                                               ; preds = %10
      %14 = getelementptr float, ptr %0, i64 %9
      %15 = getelementptr inbounds nuw float, ptr %14, i64 %11
      %16 = load float, ptr %15, align 4
      %17 = getelementptr float, ptr %1, i64 %9
      %18 = getelementptr inbounds nuw float, ptr %17, i64 %11
      %19 = load float, ptr %18, align 4
      %20 = fadd float %16, %19
      store float %20, ptr %18, align 4
    …
    ```
  }];
  let dependentDialects = ["::pfc::plan::PlanDialect"];
}

def CodegenCudaPass : Pass<"codegen-cuda", "::mlir::ModuleOp"> {
  let summary = "Lowers the kernels to CUDA C++ text";
  let description = [{
    The module @kernels becomes the attribute `plan.kernel_cuda`, one
    self-contained text that NVRTC compiles for the chip found, and a
    `plan.kernel` with its threads stays for each kernel; a launch's extent
    becomes its units of work. Each body is
    scheduled by its form (passes/codegen/cuda/Schedules.h), which fixes what
    a thread does and the order of every sum:

        element-wise            packs of 16 bytes by threads
        sums over the middle    packs of channels by threads of a block, then
                                over the block
        sums over the end       a block a row
        row kernels             a block a row, its inner loops by threads
        runs on channels        of small ops: a block does one op after another for 32
                                channels, a lane of each warp one of them

    then printed through EmitC. Kernels that differ in numbers alone become
    one that takes those as parameters, and the launches say them
    (passes/codegen/cuda/ShareKernels.h). docs/architecture.md, "CUDA kernels",
    is the contract with the runtime.

    R100 with Glint360K on 8 ranks in bf16: 85 kernels in 247 KiB of text, instead
    of the 212 that were outlined.

    Precondition: convert-pfc-to-plan=target=cuda ran.

    Example (test/passes/codegen-cuda.mlir):
    ```mlir
    func.func @prelu(%x: memref<2x64x64x64xf32>, %a: memref<64xf32>, %y: memref<2x64x64x64xf32>, %begin: index, %end: index) attributes {plan.description = "prelu"} {
      scf.for %i = %begin to %end step %c1 {
        linalg.generic {…} ins(%a, %x : memref<64xf32>, memref<2x64x64x64xf32>) outs(%y : memref<2x64x64x64xf32>) {
        ^bb0(%slope: f32, %in: f32, %out: f32):
          %zero = arith.constant 0.0 : f32
          %positive = arith.cmpf ogt, %in, %zero : f32
          %scaled = arith.mulf %slope, %in : f32
          %value = arith.select %positive, %in, %scaled : f32
          linalg.yield %value : f32
        }
      }
      return
    }
    // becomes, and in plan.kernel_cuda:
    plan.kernel @prelu arguments 3 threads 256 description "prelu"
    ```
    ```cuda
    extern "C" __global__ __launch_bounds__(256) void prelu(const float *__restrict__ v1, const float *__restrict__ v2, float *__restrict__ v3) {
      for (int32_t i4 = blockIdx.x * 256 + threadIdx.x; i4 < 131072; i4 += gridDim.x * 256) {
        int32_t v5 = i4 * 4;
        int32_t v6 = v5 % 64;
        float v7[4];
        pfc::load(v7, v2, v6);
        float v8[4];
        pfc::load(v8, v1, v5);
        float v9[4];
        #pragma unroll
        for (int32_t j10 = 0; j10 < 4; j10 += 1) {
          float v11 = v7[j10];
          float v12 = v8[j10];
          v9[j10] = v12 > 0.0f ? v12 : v11 * v12;
        }
        pfc::store(v3, v5, v9);
      }
      return;
    }
    ```
  }];
  let dependentDialects = [
    "::pfc::plan::PlanDialect", "::mlir::arith::ArithDialect",
    "::mlir::emitc::EmitCDialect", "::mlir::gpu::GPUDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"];
}

#endif // PFC_PASSES
