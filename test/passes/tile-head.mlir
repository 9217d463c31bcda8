// RUN: pfc-opt %S/Inputs/tiny.mlir --pfc-differentiate --pfc-insert-optimizer --pfc-partition -o %t.mlir
// RUN: pfc-opt %t.mlir --pfc-fuse-margin-softmax -o %t.fused.mlir
// RUN: pfc-opt %t.fused.mlir --pfc-tile-head --remarks-filter-passed="pfc-tile-head" -o %t.tiled.mlir 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: FileCheck %s --input-file=%t.tiled.mlir --implicit-check-not=margin_softmax --implicit-check-not=gather_rows
// RUN: pfc-interpret %t.fused.mlir --against %t.tiled.mlir --steps 3
// RUN: pfc-interpret %t.mlir --against %t.tiled.mlir --steps 3
//
// RUN: pfc-opt %t.mlir --pfc-mixed-precision=precision=bf16 -o %t.bf16.mlir
// RUN: pfc-opt %t.bf16.mlir --pfc-fuse-margin-softmax --pfc-tile-head -o %t.bf16.tiled.mlir
// RUN: FileCheck %s --input-file=%t.bf16.tiled.mlir --check-prefix=BF16
// RUN: pfc-interpret %t.bf16.mlir --against %t.bf16.tiled.mlir
// RUN: pfc-interpret %t.bf16.mlir --against %t.bf16.tiled.mlir --round --tolerance 2e-2
//
// Where the loss is scaled, the products read what the stats make of E, and the
// rows are updated when all gradients are known to be finite.
// RUN: pfc-opt %S/Inputs/tiny.mlir --pfc-differentiate --pfc-insert-optimizer --pfc-scale-loss=initial-scale=1024 --pfc-partition -o %t.scaled.mlir
// RUN: pfc-opt %t.scaled.mlir --pfc-fuse-margin-softmax -o %t.scaled.fused.mlir
// RUN: pfc-opt %t.scaled.fused.mlir --pfc-tile-head -o %t.scaled.tiled.mlir
// RUN: pfc-interpret %t.scaled.fused.mlir --against %t.scaled.tiled.mlir --steps 3
// RUN: pfc-opt %t.scaled.mlir --pfc-mixed-precision=precision=fp16 -o %t.fp16.mlir
// RUN: pfc-opt %t.fp16.mlir --pfc-fuse-margin-softmax --pfc-tile-head -o %t.fp16.tiled.mlir
// RUN: FileCheck %s --input-file=%t.fp16.tiled.mlir --check-prefix=FP16 --implicit-check-not=sum_squares
// RUN: pfc-interpret %t.fp16.mlir --against %t.fp16.tiled.mlir --steps 3
// RUN: pfc-interpret %t.fp16.mlir --against %t.fp16.tiled.mlir --round --tolerance 2e-2
// RUN: pfc-opt %t.fp16.mlir --pfc-fuse-margin-softmax --pfc-tile-head=logits=recompute -o %t.fp16.again.mlir
// RUN: pfc-interpret %t.fp16.tiled.mlir --against %t.fp16.again.mlir --steps 3 --tolerance 0 --round
// RUN: pfc-opt %t.fp16.again.mlir --cse | FileCheck %s --check-prefix=AGAIN
// A gradient beyond fp16 is seen in that of the embeddings.
// RUN: pfc-opt %S/Inputs/tiny.mlir --pfc-differentiate --pfc-insert-optimizer --pfc-scale-loss=initial-scale=1.5e30 --pfc-partition --pfc-mixed-precision=precision=fp16 --pfc-fuse-margin-softmax --pfc-tile-head -o %t.over.mlir
// RUN: pfc-interpret %t.over.mlir --round --print --steps 2 | FileCheck %s --check-prefix=OVER
//
// AdamW's two tables go from tile to tile as SGD's one.
// RUN: pfc-opt %S/Inputs/tiny.mlir --pfc-differentiate --pfc-insert-optimizer=optimizer=adamw --pfc-partition --pfc-fuse-margin-softmax -o %t.adamw.fused.mlir
// RUN: pfc-opt %t.adamw.fused.mlir --pfc-tile-head -o %t.adamw.mlir
// RUN: FileCheck %s --input-file=%t.adamw.mlir --check-prefix=ADAMW
// RUN: pfc-interpret %t.adamw.fused.mlir --against %t.adamw.mlir --steps 3
//
// 600 classes on 4 ranks: 150 columns, of which a tile takes 64 at least.
// RUN: sed -e 's/tensor<10x/tensor<600x/g' -e 's/= 10 : i64/= 600 : i64/g' -e 's/capacity = 3/capacity = 150/' -e 's/sample_rate = 0.5/sample_rate = 1.0/' -e 's/tensor<12x/tensor<600x/g' -e 's/tensor<8x12xf32>/tensor<8x600xf32>/g' %S/Inputs/tiny.mlir > %t.600.mlir
// RUN: pfc-opt %t.600.mlir --pfc-differentiate --pfc-insert-optimizer=row-update=all --pfc-partition --pfc-fuse-margin-softmax -o %t.600.fused.mlir
// RUN: pfc-opt %t.600.mlir --pfc-differentiate --pfc-insert-optimizer="optimizer=adamw row-update=all" --pfc-scale-loss --pfc-partition --pfc-fuse-margin-softmax -o %t.600.adamw.mlir
// RUN: pfc-opt %t.600.adamw.mlir --pfc-tile-head=tile-bytes=1 -o %t.600.adamw.tiled.mlir
// RUN: pfc-interpret %t.600.adamw.mlir --against %t.600.adamw.tiled.mlir --steps 2
// RUN: pfc-opt %t.600.fused.mlir --pfc-tile-head=tile-bytes=1 -o %t.keep.mlir
// RUN: FileCheck %s --input-file=%t.keep.mlir --check-prefixes=TILES,KEEP
// RUN: pfc-interpret %t.600.fused.mlir --against %t.keep.mlir --steps 2
// RUN: pfc-opt %t.600.fused.mlir --pfc-tile-head="tile-bytes=1 logits=recompute" -o %t.recompute.mlir
// RUN: FileCheck %s --input-file=%t.recompute.mlir --check-prefixes=TILES,RECOMPUTE
// RUN: pfc-interpret %t.keep.mlir --against %t.recompute.mlir --steps 2 --tolerance 0
//
// 2400 classes: 600 columns, of which a tile takes 128. Six of each narrower
// width make up for what a wider one takes: from 32 on that were 13 tiles, more
// than twice the five there are at least, so the last have 64. They are updated
// first.
// RUN: sed -e 's/tensor<10x/tensor<2400x/g' -e 's/= 10 : i64/= 2400 : i64/g' -e 's/capacity = 3/capacity = 600/' -e 's/sample_rate = 0.5/sample_rate = 1.0/' -e 's/tensor<12x/tensor<2400x/g' -e 's/tensor<8x12xf32>/tensor<8x2400xf32>/g' %S/Inputs/tiny.mlir > %t.2400.mlir
// RUN: pfc-opt %t.2400.mlir --pfc-differentiate --pfc-insert-optimizer=row-update=all --pfc-partition --pfc-fuse-margin-softmax -o %t.2400.fused.mlir
// RUN: pfc-opt %t.2400.fused.mlir --pfc-tile-head="tile-bytes=4096 last-tile-bytes=1" --remarks-filter-passed="pfc-tile-head" -o %t.narrow.mlir 2>&1 | FileCheck %s --check-prefix=REMARK8
// RUN: FileCheck %s --input-file=%t.narrow.mlir --check-prefix=NARROW
// RUN: pfc-interpret %t.2400.fused.mlir --against %t.narrow.mlir --steps 2
// Where E is made again, tiles are of one width.
// RUN: pfc-opt %t.2400.fused.mlir --pfc-tile-head="tile-bytes=4096 last-tile-bytes=1 logits=recompute" --remarks-filter-passed="pfc-tile-head" -o /dev/null 2>&1 | FileCheck %s --check-prefix=EVEN
//
// RUN: sed 's/%wn = pfc.normalize %centers/%wn = pfc.normalize %other/; s/%xn = /%other = pfc.add %centers, %centers : tensor<12x16xf32>\n%xn = /' %S/Inputs/tiny.mlir > %t.other.mlir
// RUN: not pfc-opt %t.other.mlir --pfc-differentiate --pfc-insert-optimizer --pfc-partition --pfc-fuse-margin-softmax --pfc-tile-head 2>&1 | FileCheck %s --check-prefix=OTHER
// OTHER: 'pfc.margin_softmax' op can't be tiled: its class centers are not the unit rows of a variable

// REMARK: [Passed] TileHead | Category:pfc-tile-head
// REMARK-SAME: 1 tiles of up to 3 columns, exponentials kept

// CHECK-LABEL: func.func @train_step
// CHECK:       %[[W:.*]] = pfc.variable "head.weight"
// CHECK:       %[[X:.*]] = shard.all_gather {{.*}} -> tensor<8x16xf32>
// CHECK:       %[[ZERO:.*]] = pfc.rank_constant base 0
// CHECK-NEXT:  %[[T:.*]] = pfc.target_cosines %[[X]], %[[W]], %[[INDICES:.*]], %[[COLUMNS:.*]] : {{.*}} -> tensor<8xf32>
// CHECK-NEXT:  %[[WN:.*]] = pfc.gather_unit_rows %[[W]], %[[INDICES]] : {{.*}} -> tensor<3x16xf32>
// CHECK-NEXT:  %[[COS:.*]] = pfc.matmul %[[X]], %[[WN]] {transpose_rhs} : {{.*}} -> tensor<8x3xf32>
// CHECK-NEXT:  %[[E:.*]], %[[Z:.*]] = pfc.margin_exp %[[COS]], %[[COLUMNS]], %{{.*}}, %[[ZERO]] margin
// CHECK-NEXT:  %[[PART:.*]] = pfc.margin_target %[[Z]], %[[T]], %[[COLUMNS]]
// CHECK-NEXT:  %[[O:.*]] = pfc.matmul %[[E]], %[[WN]] :
// CHECK-NEXT:  %[[STATS:.*]] = shard.all_reduce %[[PART]]
// CHECK:       %[[DX:.*]], %[[A:.*]] = pfc.margin_embeddings_grad %[[O]], %[[STATS]], %[[T]], %[[COLUMNS]], %[[W]], %[[INDICES]]
// CHECK-NEXT:  %[[AX:.*]] = pfc.scale_rows %[[X]], %[[A]]
// CHECK-NEXT:  %[[P:.*]] = pfc.margin_patch %[[E]], %[[STATS]], %[[T]], %[[COLUMNS]], %[[ZERO]]
// CHECK-NEXT:  %[[DW:.*]] = pfc.matmul %[[P]], %[[AX]] {transpose_lhs}
// CHECK-NEXT:  %[[W1:.*]], %[[V1:.*]] = pfc.update_rows sampled %[[W]], %{{.*}}, %[[INDICES]], %[[DW]], %{{.*}} {{{.*}}of_unit_rows
// CHECK-NEXT:  shard.reduce_scatter %[[DX]]
// CHECK:       pfc.assign "head.weight", %[[W1]]

// ADAMW: %[[W1:.*]], %[[M1:.*]], %[[V1:.*]] = pfc.update_rows sampled %{{.*}} adamw %{{.*}} corrected {{.*}} {{{.*}}of_unit_rows
// ADAMW: pfc.assign "head.weight", %[[W1]]
// ADAMW-NEXT: pfc.assign "head.weight.exp_avg", %[[M1]]
// ADAMW-NEXT: pfc.assign "head.weight.exp_avg_sq", %[[V1]]

// Nothing of size batch × classes is stored in fp32 but a tile's cosines.
// BF16: pfc.gather_unit_rows {{.*}} -> tensor<3x16xbf16>
// BF16: pfc.matmul {{.*}} : tensor<8x16xbf16>, tensor<3x16xbf16> -> tensor<8x3xf32>
// BF16: pfc.margin_exp {{.*}} -> tensor<8x3xbf16>, tensor<8xf32>
// BF16: pfc.matmul {{.*}} : tensor<8x3xbf16>, tensor<3x16xbf16> -> tensor<8x16xf32>
// BF16: pfc.scale_rows {{.*}} : tensor<8x16xbf16>, tensor<8xf32> -> tensor<8x16xbf16>
// BF16: pfc.matmul {{.*}} {transpose_lhs} : tensor<8x3xbf16>, tensor<8x16xbf16> -> tensor<3x16xf32>

// FP16:      %[[W1:.*]] = pfc.gather_unit_rows %[[W:.*]], %[[I:.*]] : {{.*}} -> tensor<3x16xf16>
// FP16-NEXT: %[[COS:.*]] = pfc.matmul %[[X:.*]], %[[W1]] {transpose_rhs}
// FP16-NEXT: %[[E:.*]], %[[Z:.*]] = pfc.margin_exp %[[COS]], {{.*}} -> tensor<8x3xbf16>, tensor<8xf32>
// FP16-NEXT: %[[PART:.*]] = pfc.margin_target %[[Z]], %[[T:.*]], %[[COLUMNS:.*]] margin
// FP16-NEXT: %[[STATS:.*]] = shard.all_reduce %[[PART]]
// FP16:      %[[SCALE:.*]] = pfc.variable "loss_scale"
// FP16-NEXT: %[[W2:.*]] = pfc.gather_unit_rows %[[W]], %[[I]] {pfc.again = 1 : i64}
// FP16-NEXT: %[[G:.*]] = pfc.margin_cosines_grad %[[E]], %[[STATS]], %[[T]], %[[COLUMNS]], %{{.*}} scale %[[SCALE]] margin {{.*}} -> tensor<8x3xf16>
// FP16-NEXT: %[[DX:.*]] = pfc.matmul %[[G]], %[[W2]] : {{.*}} -> tensor<8x16xf32>
// FP16-NEXT: %[[SUM:.*]] = pfc.sum_squares %[[DX]] : tensor<8x16xf32> -> tensor<1xf32>
// FP16-NEXT: shard.reduce_scatter %[[DX]]
// FP16-COUNT-7: pfc.sum_squares
// FP16:      %[[FOUND:.*]] = pfc.found_inf %{{.*}}, %[[SUM]]
// FP16-NEXT: %[[ALL:.*]] = shard.all_reduce %[[FOUND]]
// FP16-NEXT: %[[UNSCALE:.*]], %{{.*}}, %{{.*}}, %{{.*}} = pfc.update_loss_scale
// FP16:      %[[DW:.*]] = pfc.matmul %[[G]], %[[X]] {transpose_lhs} : {{.*}} -> tensor<3x16xf32>
// FP16-NEXT: pfc.update_rows sampled %[[W]], %{{.*}}, %[[I]], %[[DW]], {{.*}} unscale %[[UNSCALE]] unless %[[ALL]] {{{.*}}of_unit_rows

// AGAIN-COUNT-3: pfc.margin_exp

// OVER: loss_scale [1]: 7.5e+29
// OVER: skipped [1]: 1
// OVER: loss_scale [1]: 3.75e+29
// OVER: skipped [1]: 1

// TILES:      pfc.slice %[[I:.*]] from 0 : tensor<150xi64> -> tensor<32xi64>
// TILES:      pfc.slice %[[I]] from 32 : tensor<150xi64> -> tensor<64xi64>
// TILES:      pfc.slice %[[I]] from 96 : tensor<150xi64> -> tensor<54xi64>
// TILES:      %[[O1:.*]] = pfc.matmul %{{.*}}, %{{.*}} : tensor<8x32xf32>, tensor<32x16xf32> -> tensor<8x16xf32>
// TILES:      %[[O2:.*]] = pfc.matmul %{{.*}}, %{{.*}} plus %[[O1]] : tensor<8x16xf32> : tensor<8x64xf32>
// TILES:      pfc.margin_target
// TILES:      %[[O3:.*]] = pfc.matmul %{{.*}}, %{{.*}} plus %[[O2]] : tensor<8x16xf32> : tensor<8x54xf32>
// TILES:      pfc.margin_embeddings_grad %[[O3]]
// KEEP-NOT:   pfc.margin_exp
// The last tile's is still there; what is made again stays apart from what was
// there before.
// RECOMPUTE-NOT: pfc.margin_exp
// RECOMPUTE:  pfc.update_rows sampled {{.*}} tensor<54xi64>, tensor<54x16xf32>
// RECOMPUTE:  pfc.margin_exp
// RECOMPUTE:  pfc.update_rows sampled {{.*}} tensor<64xi64>, tensor<64x16xf32>
// RECOMPUTE:  pfc.margin_exp
// RUN: pfc-opt %t.recompute.mlir --cse | FileCheck %s --check-prefix=APART
// APART-COUNT-5: pfc.margin_exp
// APART-NOT:     pfc.margin_exp
// KEEP:       pfc.update_rows sampled {{.*}} tensor<54xi64>, tensor<54x16xf32>
// KEEP:       pfc.update_rows sampled {{.*}} tensor<64xi64>, tensor<64x16xf32>
// TILES:      %[[W3:.*]], %[[V3:.*]] = pfc.update_rows sampled {{.*}} tensor<32xi64>, tensor<32x16xf32>
// TILES:      pfc.coast_rows %[[W3]], %[[V3]], %[[I]]

// EVEN: 5 tiles of up to 128 columns, exponentials recomputed
// REMARK8: 8 tiles of up to 128 columns, exponentials kept
// NARROW: pfc.slice {{.*}} from 0 : tensor<600xi64> -> tensor<96xi64>
// NARROW: pfc.slice {{.*}} from 96 : tensor<600xi64> -> tensor<128xi64>
// NARROW: pfc.slice {{.*}} from 224 : tensor<600xi64> -> tensor<64xi64>
// NARROW: pfc.slice {{.*}} from 480 : tensor<600xi64> -> tensor<64xi64>
// NARROW: pfc.slice {{.*}} from 544 : tensor<600xi64> -> tensor<56xi64>
// NARROW: pfc.update_rows {{.*}} tensor<56xi64>, tensor<56x16xf32>
// NARROW-COUNT-5: pfc.update_rows {{.*}} tensor<64xi64>, tensor<64x16xf32>
// NARROW: pfc.update_rows {{.*}} tensor<128xi64>, tensor<128x16xf32>
// NARROW: pfc.update_rows {{.*}} tensor<96xi64>, tensor<96x16xf32>
