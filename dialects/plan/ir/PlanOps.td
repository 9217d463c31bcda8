//===- PlanOps.td - The ops of the plan dialect ------------*- tablegen -*-===//
//
//   Module        variable program kernel
//   Buffers       input output state rank_constant alloc view span
//   Instructions  launch matmul conv copy collective wait either beside
//
// Each op is one table of runtime/plan/plan.fbs; alloc, view and span only
// place Buffer entries. Every op states its constraints (C1) …, who makes it and
// after which pass it is gone.
//
//===----------------------------------------------------------------------===//
#ifndef PLAN_OPS
#define PLAN_OPS

include "dialects/pfc/ir/PfcEnums.td"
include "dialects/plan/ir/PlanAttrs.td"
include "dialects/plan/ir/PlanDialect.td"
include "dialects/plan/ir/PlanInterfaces.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

// The element types a plan file knows. Bytes are ui8 in the pfc dialect and i8
// where LLVM wants signless integers; both are the file's U8.
class Plan_BufferOf<list<Type> elements>
    : ConfinedType<StaticShapeMemRefOf<elements>, [
        CPred<"::llvm::cast<::mlir::MemRefType>($_self).getLayout().isIdentity()">,
        CPred<"::llvm::cast<::mlir::MemRefType>($_self).getNumElements() > 0">],
        "contiguous, non-empty, " # StaticShapeMemRefOf<elements>.summary,
        "::mlir::MemRefType">;
def Plan_Buffer : Plan_BufferOf<[F32, BF16, F16, I64, I32, UI8, I8]>;
def Plan_Real : Plan_BufferOf<[F32, BF16, F16]>;
def Plan_Scalar : Plan_BufferOf<[I64]>;

class Plan_Op<string mnemonic, list<Trait> traits = []>
    : Op<Plan_Dialect, mnemonic, traits>;

class Plan_ModuleOp<string mnemonic, list<Trait> traits = []>
    : Plan_Op<mnemonic,
              !listconcat([Symbol, HasParent<"::mlir::ModuleOp">], traits)>;

class Plan_StepOp<string mnemonic, list<Trait> traits = []>
    : Plan_Op<mnemonic, !listconcat([HasParent<"ProgramOp">], traits)>;

class Plan_InstructionOp<string mnemonic, list<Trait> traits = []>
    : Plan_Op<mnemonic, !listconcat(
        [ParentOneOf<["ProgramOp", "EitherOp", "BesideOp"]>,
         DeclareOpInterfaceMethods<InstructionOpInterface>], traits)>;

// An op whose result is printed under the name the host or the state gives it.
def Named : DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>;
// An op that names a symbol, which has to be there and to fit.
def UsesSymbol : DeclareOpInterfaceMethods<SymbolUserOpInterface>;

//===----------------------------------------------------------------------===//
// Module
//===----------------------------------------------------------------------===//

def Plan_VariableOp : Plan_ModuleOp<"variable"> {
  let summary = "Persistent state: one row of the plan's parameter table";
  let description = [{
    The symbol is the field's state-dict name. `type` is what one rank holds.
    Without `rows` the state is replicated, with the same bits on every rank.
    With it, dimension 0 of a table of `rows` rows is split over the R ranks,
    balanced: with rows = q·R + m, rank r holds q + (r < m) rows from row
    q·r + min(r, m) on.

    `exported` state has an entry in the field's state dict, which stores it as
    `state_dict` says. `at` is its first byte in the arena. `host` state lies in
    the part of the arena that is the host's memory (plan.host_bytes), and is
    zero when a job begins.

    (C1) A split table has dimension 0 of ⌈rows/R⌉, and rows ≥ R.

    Example:
    ```mlir
    plan.variable @"conv1.weight" parameter init <normal, 0.0, 0.1> at 0
        {exported, state_dict = #pfc.export<view = [64, 3, 3, 3] perm = [0, 3, 1, 2] shape = [64, 3, 3, 3]>}
        : memref<64x3x3x3xf32>
    plan.variable @head.weight parameter init <normal, 0.0, 0.01> rows 1000
        {exported} : memref<500x512xf32>
    ```
    Made by: convert-pfc-to-plan. Gone after: the plan file.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
                       TypeAttrOf<Plan_Buffer>:$type,
                       Pfc_RoleAttr:$role, Pfc_InitAttr:$init,
                       OptionalAttr<Pfc_ExportAttr>:$state_dict,
                       UnitAttr:$exported, UnitAttr:$host,
                       OptionalAttr<I64Attr>:$rows,
                       OptionalAttr<I64Attr>:$offset);
  let assemblyFormat = [{
    $sym_name $role `init` $init (`rows` $rows^)? (`at` $offset^)? attr-dict
    `:` $type
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// What one rank holds.
    ::mlir::MemRefType getBufferType() {
      return ::llvm::cast<::mlir::MemRefType>(getType());
    }
  }];
}

def Plan_ProgramOp : Plan_ModuleOp<"program", [
    IsolatedFromAbove, SingleBlock, NoTerminator, NoRegionArguments]> {
  let summary = "A straight list of instructions that every rank executes";
  let description = [{
    `batch` is the number of images in one execution on a rank.

    (C1) The body holds only ops of this dialect. (C2) Two inputs, and two
    outputs, have different names. (C3) No instruction writes a rank constant.

    Example:
    ```mlir
    plan.program @embed batch 4 {
      %images = plan.input "images" : memref<4x8x8x3xi8>
      …
    }
    ```
    Made by: convert-pfc-to-plan. Gone after: the plan file.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$batch);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name `batch` $batch attr-dict-with-keyword $body
  }];
  let skipDefaultBuilders = 1;
  let builders = [
    OpBuilder<(ins "::llvm::StringRef":$name, "int64_t":$batch)>
  ];
  let hasRegionVerifier = 1;
}

def Plan_KernelOp : Plan_ModuleOp<"kernel"> {
  let summary = "A generated kernel of the module's kernel text";
  let description = [{
    On the CPU called as
    `void name(void *const *buffers, int64_t begin, int64_t end)`: the buffers'
    addresses, and the iterations of the outer parallel loop to do. On CUDA as
    `name(buffers…, maps…, numbers…)` by blocks of `threads` threads, with
    `shared` bytes of shared memory beside what the text declares; `maps` are
    the tensor maps that a launch makes of its buffers, `numbers` the types of
    what else it gives. `description` says, for people, what was fused.

    Example:
    ```mlir
    plan.kernel @bn_prelu arguments 5 description "batch_norm, prelu"
    plan.kernel @bn_prelu arguments 5 numbers [i32, f32] threads 256 description "batch_norm, prelu"
    plan.kernel @product arguments 3 maps [#plan.tensor_map<argument = 0, rows = 128, columns = 64>]
        threads 256 shared 98304 description "matmul"
    ```

    (C1) A kernel takes at least one buffer. (C2) `threads` is a multiple of 32
    up to 1024. (C3) `numbers` are i32, i64 or f32. (C4) `shared` is up to 227
    KiB, the most that a chip gives a block. (C5) A map is of a buffer that the
    kernel takes, and its boxes have 1 to 256 rows and columns.
    Made by: codegen-llvm, codegen-cuda. Gone after: the plan file.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$arguments,
                       OptionalAttr<TypedArrayAttrBase<Plan_TensorMapAttr,
                           "tensor maps">>:$maps,
                       OptionalAttr<TypeArrayAttr>:$numbers,
                       OptionalAttr<I64Attr>:$threads,
                       OptionalAttr<I64Attr>:$shared, StrAttr:$description);
  let assemblyFormat = [{
    $sym_name `arguments` $arguments (`maps` $maps^)? (`numbers` $numbers^)?
    (`threads` $threads^)? (`shared` $shared^)? `description` $description
    attr-dict
  }];
  let extraClassDeclaration = [{
    llvm::SmallVector<TensorMapAttr> tensorMaps();
    llvm::SmallVector<mlir::Type> numberTypes();
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

def Plan_InputOp : Plan_StepOp<"input", [Named]> {
  let summary = "A buffer the host writes before the program runs";
  let description = [{
    Live from the start of the program to its last use.

    Example: `%labels = plan.input "labels" : memref<64xi64>`

    Made by: convert-pfc-to-plan. Gone after: the plan file.
  }];
  let arguments = (ins StrAttr:$name, OptionalAttr<I64Attr>:$offset);
  let results = (outs Plan_Buffer:$buffer);
  let assemblyFormat = "$name (`at` $offset^)? attr-dict `:` type($buffer)";
}

def Plan_OutputOp : Plan_StepOp<"output"> {
  let summary = "Names a buffer the host reads after the program";
  let description = [{
    Keeps the buffer live to the end of the program, wherever the op stands.

    Example: `plan.output "loss", %loss : memref<1xf32>`

    Made by: convert-pfc-to-plan. Gone after: the plan file.
  }];
  let arguments = (ins StrAttr:$name, Plan_Buffer:$buffer);
  let assemblyFormat = "$name `,` $buffer attr-dict `:` type($buffer)";
}

def Plan_StateOp : Plan_StepOp<"state", [Pure, UsesSymbol, Named]> {
  let summary = "The buffer of a variable";
  let description = [{
    What a program writes there the next program reads.

    (C1) The type is the variable's. (C2) Of `host` state, launches that are
    transfers alone take it.
    Example: `%w = plan.state @"conv1.weight" : memref<64x3x3x3xf32>`

    Made by: convert-pfc-to-plan. Gone after: the plan file.
  }];
  let arguments = (ins FlatSymbolRefAttr:$variable);
  let results = (outs Plan_Buffer:$buffer);
  let assemblyFormat = "$variable attr-dict `:` type($buffer)";
}

def Plan_RankConstantOp : Plan_StepOp<"rank_constant", [Pure]> {
  let summary = "A buffer with an integer that depends on the rank";
  let description = [{
    value(rank) = base + per_rank·rank + (rank < threshold ? below : 0)
                + per_capped_rank·min(rank, threshold)

    The runtime writes it before each run of the program, and it has its bytes to
    itself for the whole of it.

    (C1) One element.
    Example: the first of 10 classes on rank r of 4 (q = 2, m = 2):
    ```mlir
    %first = plan.rank_constant base 0 per_rank 2 threshold 2 below 0 per_capped_rank 1 : memref<1xi64>
    ```
    Made by: convert-pfc-to-plan. Gone after: the plan file.
  }];
  let arguments = (ins I64Attr:$base, I64Attr:$per_rank, I64Attr:$threshold,
                       I64Attr:$below, I64Attr:$per_capped_rank,
                       OptionalAttr<I64Attr>:$offset);
  let results = (outs Plan_Scalar:$buffer);
  let assemblyFormat = [{
    `base` $base `per_rank` $per_rank `threshold` $threshold `below` $below
    `per_capped_rank` $per_capped_rank (`at` $offset^)? attr-dict `:`
    type($buffer)
  }];
  let hasVerifier = 1;
}

def Plan_AllocOp : Plan_StepOp<"alloc"> {
  let summary = "A buffer of the program's own";
  let description = [{
    Live from its first use to its last, through views; its bytes are undefined
    before. `at` is its first byte in the arena.

    Example: `%y = plan.alloc at 4096 : memref<64x56x56x64xf32>`

    Made by: convert-pfc-to-plan. Gone after: the plan file.
  }];
  let arguments = (ins OptionalAttr<I64Attr>:$offset);
  let results = (outs Res<Plan_Buffer, "", [MemAlloc]>:$buffer);
  let assemblyFormat = "(`at` $offset^)? attr-dict `:` type($buffer)";
}

def Plan_ViewOp : Plan_StepOp<"view", [Pure]> {
  let summary = "The same bytes under another type, or some of them";
  let description = [{
    No instruction: the file has a second buffer at the offset of the source,
    or behind its first `from` elements.

    (C1) Elements of the same width. (C2) The source has all elements of the
    view. (C3) `from` elements are a multiple of 64 bytes.

    Example:
    ```mlir
    %v = plan.view %b : memref<8x7x7x512xf32> to memref<8x25088xf32>
    %s = plan.view %i from 1024 : memref<5000xi64> to memref<1024xi64>
    ```

    Made by: convert-pfc-to-plan. Gone after: the plan file.
  }];
  let arguments = (ins Plan_Buffer:$source,
                       DefaultValuedAttr<I64Attr, "0">:$from);
  let results = (outs Plan_Buffer:$buffer);
  let builders = [
    OpBuilder<(ins "::mlir::Type":$buffer, "::mlir::Value":$source), [{
      build($_builder, $_state, buffer, source, /*from=*/int64_t(0));
    }]>
  ];
  let assemblyFormat = [{
    $source (`from` $from^)? attr-dict `:` type($source) `to` type($buffer)
  }];
  let hasVerifier = 1;
}

def Plan_SpanOp : Plan_StepOp<"span", [Pure]> {
  let summary = "Buffers that lie one behind the other, as one";
  let description = [{
    No instruction: the file has one more buffer, which names its parts. An
    instruction that reads or writes the span reads or writes each of them.

    (C1) The parts are allocs, or all state, and each is in no other span. (C2)
    They have the span's element type and multiples of 64 bytes; the span has
    all their elements, in one dimension.

    Example:
    ```mlir
    %g = plan.span %a, %b : memref<8x4xf32>, memref<16xf32> to memref<48xf32>
    ```
    Made by: convert-pfc-to-plan. Gone after: the plan file.
  }];
  let arguments = (ins Variadic<Plan_Buffer>:$parts);
  let results = (outs Plan_Buffer:$buffer);
  let assemblyFormat = [{
    $parts attr-dict `:` type($parts) `to` type($buffer)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

def Plan_LaunchOp : Plan_InstructionOp<"launch", [UsesSymbol]> {
  let summary = "Runs a generated kernel";
  let description = [{
    `extent` is the number of iterations of the kernel's outer parallel loop (1:
    serial), or the units of work that blocks share on CUDA; `writes` are the
    indices of the arguments it writes.

    A launch that is a `transfer` copies between the host's memory and the
    device's, or is a block's work, as the sampler on CUDA. It may go on under
    the instructions behind it, up to its `plan.wait`; without one, until it is
    done here.

    (C1) The kernel is a function `@kernels::@k` of the arguments, in order and
    type, and of `begin, end : index`; after code generation, `plan.kernel @k`
    of so many arguments, and of numbers of the types given; an argument with a
    tensor map has two dimensions and rows of multiples of 16 bytes, of which a
    box has 128. (C2) `writes` is ascending and in range. (C3) extent ≥ 1, at
    least one argument.

    Example:
    ```mlir
    plan.launch @kernels::@prelu(%x, %slope, %y) extent 64 writes [2]
        : memref<64x512xf32>, memref<512xf32>, memref<64x512xf32>
    plan.launch @kernels::@prelu(%x, %slope, %y) extent 128 writes [2]
        numbers [512 : i32] : memref<64x512xf32>, memref<512xf32>, memref<64x512xf32>
    %t = plan.launch @kernels::@fetch_rows(%w, %i, %rows) extent 8 writes [2]
        : memref<100x512xf32>, memref<8xi64>, memref<8x512xf32> -> !plan.transfer
    ```
    Made by: convert-pfc-to-plan. Gone after: the plan file.
  }];
  let arguments = (ins SymbolRefAttr:$kernel, Variadic<Plan_Buffer>:$arguments,
                       I64Attr:$extent, DenseI64ArrayAttr:$writes,
                       OptionalAttr<TypedArrayAttrBase<AnyAttrOf<[I32Attr, I64Attr, F32Attr]>,
                           "numbers">>:$numbers,
                       OptionalAttr<Plan_CostAttr>:$cost);
  let results = (outs Optional<Plan_TransferType>:$transfer);
  let assemblyFormat = [{
    $kernel `(` $arguments `)` `extent` $extent `writes` $writes
    (`numbers` $numbers^)? attr-dict `:` type($arguments)
    (`->` type($transfer)^)?
  }];
  let hasVerifier = 1;
}

def Plan_MatmulOp : Plan_InstructionOp<"matmul"> {
  let summary = "Matrix product out = op(lhs)·op(rhs), summed in fp32";
  let description = [{
    Shapes: lhs [m,k] ([k,m] with `transpose_lhs`), rhs [k,n] ([n,k] with
    `transpose_rhs`), out [m,n]. With `accumulate` the product is added to
    `out`. All three with a dimension in front, of as many products.

    (C1) Shapes as above. (C2) f32 in and out, or bf16 or f16 in and that
    or f32 out; f32 out with `accumulate`.
    (C3) `out` is no operand.

    Example:
    ```mlir
    plan.matmul %x, %w, %y {transpose_rhs}
        : memref<64x512xf32>, memref<100x512xf32>, memref<64x100xf32>
    ```
    Made by: convert-pfc-to-plan. Gone after: the plan file.
  }];
  let arguments = (ins Plan_Real:$lhs, Plan_Real:$rhs, Plan_Real:$out,
                       UnitAttr:$transpose_lhs, UnitAttr:$transpose_rhs,
                       UnitAttr:$accumulate,
                       OptionalAttr<Plan_CostAttr>:$cost);
  let assemblyFormat = [{
    $lhs `,` $rhs `,` $out attr-dict `:` type($lhs) `,` type($rhs) `,`
    type($out)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Products, each of matrices of its own.
    int64_t getBatch() {
      ::mlir::MemRefType out = getOut().getType();
      return out.getRank() == 3 ? out.getDimSize(0) : 1;
    }
  }];
}

def Plan_ConvOp : Plan_InstructionOp<"conv"> {
  let summary = "A convolution or one of its two gradients, sums in fp32";
  let description = [{
    NHWC activations [B,H,W,C], OHWI weights [O,K,K,C/G] for channels in G groups
    (`pfc.conv2d`), outputs [B,H',W',O] with H' = (H + 2·padding − K)/stride + 1;
    square stride and zero padding.

        forward           result = output        from input, weights
        backward_data     result = d(input)      from d(output), weights
        backward_weights  result = d(weights)    from input, d(output)

    (C1) Shapes as above. (C2) Element types as for `plan.matmul`. (C3)
    `result` is no operand. (C4) 0 ≤ padding < K, stride ≥ 1.

    Example:
    ```mlir
    plan.conv forward %x, %w, %y stride 2 padding 1
        : memref<8x56x56x64xf32>, memref<128x3x3x64xf32>, memref<8x28x28x128xf32>
    ```
    Made by: convert-pfc-to-plan. Gone after: the plan file.
  }];
  let arguments = (ins Plan_ConvKindAttr:$kind, Plan_Real:$lhs, Plan_Real:$rhs,
                       Plan_Real:$result, I64Attr:$stride, I64Attr:$padding,
                       OptionalAttr<Plan_CostAttr>:$cost);
  let assemblyFormat = [{
    $kind $lhs `,` $rhs `,` $result `stride` $stride `padding` $padding
    attr-dict `:` type($lhs) `,` type($rhs) `,` type($result)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Groups of channels that are convolved by themselves.
    int64_t getGroups() {
      return getInputType().getDimSize(3) / getWeightsType().getDimSize(3);
    }
    /// The operand that is (the gradient of) the input, weights, output.
    ::mlir::MemRefType getInputType();
    ::mlir::MemRefType getWeightsType();
    ::mlir::MemRefType getOutputType();
  }];
}

def Plan_CopyOp : Plan_InstructionOp<"copy"> {
  let summary = "Copies a buffer's bytes";
  let description = [{
    (C1) Both have the same number of bytes.
    Example: `plan.copy %new, %w : memref<512xf32>, memref<512xf32>`

    Made by: convert-pfc-to-plan. Gone after: the plan file.
  }];
  let arguments = (ins Plan_Buffer:$source, Plan_Buffer:$target,
                       OptionalAttr<Plan_CostAttr>:$cost);
  let assemblyFormat = [{
    $source `,` $target attr-dict `:` type($source) `,` type($target)
  }];
  let hasVerifier = 1;
}

def Plan_CollectiveOp : Plan_InstructionOp<"collective"> {
  let summary = "An exchange between all ranks";
  let description = [{
        all_reduce_sum      target = Σ over ranks of source; may be source
        all_gather          target = the ranks' sources, in rank order
        reduce_scatter_sum  target = this rank's 1/R slice of Σ source

    Every rank executes the same collectives in the same order.

    Its transfer may go on under the instructions behind it, up to its
    `plan.wait`; without one, until it is done here.

    (C1) The element types agree; sums are of f32, bf16 or i64. (C2) With n
    elements of source on R ranks, target has n, n·R, n/R. (C3) Only
    all_reduce_sum works in place. (C4) At most one `plan.wait` names it.

    Example:
    ```mlir
    %t = plan.collective all_gather %x, %all : memref<8x512xf32>, memref<16x512xf32>
    ```
    Made by: convert-pfc-to-plan. Gone after: the plan file.
  }];
  let arguments = (ins Plan_CollectiveKindAttr:$kind, Plan_Buffer:$source,
                       Plan_Buffer:$target, OptionalAttr<Plan_CostAttr>:$cost);
  let results = (outs Plan_TransferType:$transfer);
  let builders = [OpBuilder<(ins "CollectiveKind":$kind, "::mlir::Value":$source,
                                 "::mlir::Value":$target, "CostAttr":$cost), [{
    build($_builder, $_state, TransferType::get($_builder.getContext()), kind,
          source, target, cost);
  }]>];
  let assemblyFormat = [{
    $kind $source `,` $target attr-dict `:` type($source) `,` type($target)
  }];
  let hasVerifier = 1;
}

def Plan_WaitOp : Plan_InstructionOp<"wait"> {
  let summary = "Waits until a collective, another transfer or a branch is done";
  let description = [{
    From its start to here, no instruction touches the bytes that it writes or
    writes those that it reads; plan-verify-memory proves it.

    Example: `plan.wait %t`

    Made by: plan-schedule-collectives. Gone after: the plan file.
  }];
  let arguments = (ins Plan_TransferType:$transfer);
  let assemblyFormat = "$transfer attr-dict";
  let extraClassDeclaration = [{
    /// What it waits for.
    InstructionOpInterface getStarted();
    CostAttr getCostAttr() { return {}; }
  }];
}

def Plan_EitherOp : Plan_InstructionOp<"either", [NoTerminator, NoRegionArguments]> {
  let summary = "The same results by any one of several forms";
  let description = [{
    Each form is a list of instructions. A rank takes, of those whose
    `requires` its chip has (empty: any), the one that it measures to be the
    fastest; the first is there for all chips, and is what is predicted.
    `buffers` are all that the forms touch, `writes` the indices of those that
    some form writes. What one form alone writes is its scratch memory: nobody
    reads it behind the op.

    (C1) Two forms at least, and a `requires` for each; the first's is empty.
    (C2) A form has instructions alone, no transfer, no wait and no
    `plan.either`. (C3) They touch `buffers`, each given once, and write only
    those that are in `writes`.

    Example: a product and what alone reads it, or both in one kernel:
    ```mlir
    plan.either(%x, %w, %s, %e) writes [2, 3] requires ["", "sm_80"]
        : memref<64x512xbf16>, memref<100x512xbf16>, memref<64x100xf32>, memref<64x100xbf16> {
      plan.matmul %x, %w, %s {transpose_rhs} : …
      plan.launch @kernels::@exp(%s, %e) extent 64 writes [1] : …
    }, {
      plan.launch @kernels::@product_exp(%x, %w, %e) extent 1 writes [2] : …
    }
    ```
    Made by: convert-pfc-to-plan. Gone after: the plan file, which has the first
    form among its instructions and the others beside them.
  }];
  let arguments = (ins Variadic<Plan_Buffer>:$buffers,
                       DenseI64ArrayAttr:$writes, StrArrayAttr:$requirements);
  let regions = (region VariadicRegion<SizedRegion<1>>:$forms);
  let assemblyFormat = [{
    `(` $buffers `)` `writes` $writes `requires` $requirements attr-dict `:`
    type($buffers) $forms
  }];
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// That of the first form.
    CostAttr getCostAttr();
  }];
}

def Plan_BesideOp : Plan_InstructionOp<"beside", [NoTerminator, NoRegionArguments]> {
  let summary = "Instructions that may go on beside those behind them";
  let description = [{
    In their order, up to the `plan.wait`: a branch of the program, on a stream
    of its own where a device has one. Done where they stand they compute the
    same. `buffers` are all that they touch, `writes` the indices of those that
    some of them writes.

    (C1) Launches, products and copies, one at least; no transfer. (C2) They
    touch `buffers`, each given once or viewed, and write those that are in
    `writes`, no others. (C3) One wait. No other branch begins before it
    (plan-verify-memory).

    Example: class centers are updated while the backbone's gradient is
    computed:
    ```mlir
    %t = plan.beside(%e, %x, %dw, %w) writes [2, 3]
        : memref<64x100xbf16>, memref<64x512xbf16>, memref<100x512xf32>, memref<100x512xf32> {
      plan.matmul %e, %x, %dw {transpose_lhs} : …
      plan.launch @kernels::@update_rows(%dw, %w) extent 100 writes [1] : …
    }
    plan.conv backward_data …
    plan.wait %t
    ```
    Made by: plan-fork-updates. Gone after: the plan file, which has them among
    its instructions and says up to which one they may take.
  }];
  let arguments = (ins Variadic<Plan_Buffer>:$buffers,
                       DenseI64ArrayAttr:$writes);
  let results = (outs Plan_TransferType:$transfer);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    `(` $buffers `)` `writes` $writes attr-dict `:` type($buffers) $body
  }];
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// That of all of them.
    CostAttr getCostAttr();
  }];
}

#endif // PLAN_OPS
