// Which kernels have the same form.
// RUN: pfc-opt %s -codegen-cuda -o %t.mlir
// RUN: FileCheck %s --input-file=%t.mlir
// RUN: %python %S/Inputs/kernel_cuda.py %t.mlir | FileCheck %s --check-prefix=CU

// The same ops on other values are another form, …
// CHECK:      plan.kernel @less arguments 3 threads 256 description "difference"
// CHECK-NEXT: plan.kernel @from arguments 3 threads 256 description "difference"
// … and so are divisors of which one is no power of 2: they stay in the text.
// CHECK-NEXT: plan.kernel @thirds arguments 3 threads 256 description "scaled"
// CHECK-NEXT: plan.kernel @fifths arguments 3 threads 256 description "scaled"
// CHECK-NEXT: plan.kernel @by3 arguments 3 threads 256 description "quotient"
// CHECK-NEXT: plan.kernel @by5 arguments 3 threads 256 description "quotient"
// A number that is used twice, one that is divided, rows' ends, and quotients by
// powers of 2 are arguments.
// CHECK-NEXT: plan.kernel @twice arguments 3 numbers [f32] threads 256 description "twice"
// CHECK-NEXT: plan.kernel @one_over arguments 3 numbers [f32] threads 256 description "over"
// CHECK-NEXT: plan.kernel @rows63 arguments 2 numbers [i32] threads 32 description "negated"
// CHECK-NEXT: plan.kernel @narrow arguments 3 numbers [i32, i32] threads 256 description "rows"
// CHECK-NOT:  plan.kernel
// CHECK:      plan.launch @kernels::@rows63({{.*}}) extent 8 writes [1] numbers [63 : i32] :
// CHECK:      plan.launch @kernels::@rows63({{.*}}) extent 8 writes [1] numbers [61 : i32] :
// CHECK:      plan.launch @kernels::@narrow({{.*}}) extent 2 writes [2] numbers [512 : i32, 6 : i32] :
// CHECK:      plan.launch @kernels::@narrow({{.*}}) extent 4 writes [2] numbers [1024 : i32, 7 : i32] :

// CU:         // difference
// CU:         // difference
// CU:         // scaled
// CU:           % 48
// CU:         // scaled
// CU:           % 80
// CU:         // quotient
// CU:           / 3.0
// CU:         // quotient
// CU:           / 5.0
// CU:         // twice
// CU-NEXT:    void twice({{.*}}, float [[K:v[0-9]+]]) {
// CU:           * [[K]] + [[K]];
// CU:         // over
// CU-NEXT:    void one_over({{.*}}, float [[K:v[0-9]+]]) {
// CU:           = [[K]] /
// CU:         // negated
// CU:         // rows
// CU-NEXT:    void narrow({{.*}}, int32_t {{v[0-9]+}}, int32_t [[SHIFT:v[0-9]+]]) {
// CU:           >> [[SHIFT]];
// CU-NOT:     {{^}}//

#id = affine_map<(d0, d1) -> (d0, d1)>
#column = affine_map<(d0, d1) -> (d1)>
#row = affine_map<(d0, d1) -> (d0)>

module {
  module @kernels {
    func.func @less(%x: memref<32x64xf32>, %a: memref<64xf32>, %y: memref<32x64xf32>, %begin: index, %end: index)
        attributes {plan.description = "difference"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        linalg.generic {indexing_maps = [#column, #id, #id], iterator_types = ["parallel", "parallel"]}
            ins(%a, %x : memref<64xf32>, memref<32x64xf32>) outs(%y : memref<32x64xf32>) {
        ^bb0(%factor: f32, %in: f32, %out: f32):
          %value = arith.subf %in, %factor : f32
          linalg.yield %value : f32
        }
      }
      return
    }

    func.func @from(%x: memref<32x64xf32>, %a: memref<64xf32>, %y: memref<32x64xf32>, %begin: index, %end: index)
        attributes {plan.description = "difference"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        linalg.generic {indexing_maps = [#column, #id, #id], iterator_types = ["parallel", "parallel"]}
            ins(%a, %x : memref<64xf32>, memref<32x64xf32>) outs(%y : memref<32x64xf32>) {
        ^bb0(%factor: f32, %in: f32, %out: f32):
          %value = arith.subf %factor, %in : f32
          linalg.yield %value : f32
        }
      }
      return
    }

    func.func @thirds(%x: memref<32x48xf32>, %a: memref<48xf32>, %y: memref<32x48xf32>, %begin: index, %end: index)
        attributes {plan.description = "scaled"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        linalg.generic {indexing_maps = [#column, #id, #id], iterator_types = ["parallel", "parallel"]}
            ins(%a, %x : memref<48xf32>, memref<32x48xf32>) outs(%y : memref<32x48xf32>) {
        ^bb0(%factor: f32, %in: f32, %out: f32):
          %value = arith.mulf %in, %factor : f32
          linalg.yield %value : f32
        }
      }
      return
    }

    func.func @fifths(%x: memref<32x80xf32>, %a: memref<80xf32>, %y: memref<32x80xf32>, %begin: index, %end: index)
        attributes {plan.description = "scaled"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        linalg.generic {indexing_maps = [#column, #id, #id], iterator_types = ["parallel", "parallel"]}
            ins(%a, %x : memref<80xf32>, memref<32x80xf32>) outs(%y : memref<32x80xf32>) {
        ^bb0(%factor: f32, %in: f32, %out: f32):
          %value = arith.mulf %in, %factor : f32
          linalg.yield %value : f32
        }
      }
      return
    }

    func.func @by3(%x: memref<32x64xf32>, %a: memref<64xf32>, %y: memref<32x64xf32>, %begin: index, %end: index)
        attributes {plan.description = "quotient"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        linalg.generic {indexing_maps = [#column, #id, #id], iterator_types = ["parallel", "parallel"]}
            ins(%a, %x : memref<64xf32>, memref<32x64xf32>) outs(%y : memref<32x64xf32>) {
        ^bb0(%factor: f32, %in: f32, %out: f32):
          %k = arith.constant 3.0 : f32
          %value = arith.divf %in, %k : f32
          linalg.yield %value : f32
        }
      }
      return
    }

    func.func @by5(%x: memref<32x64xf32>, %a: memref<64xf32>, %y: memref<32x64xf32>, %begin: index, %end: index)
        attributes {plan.description = "quotient"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        linalg.generic {indexing_maps = [#column, #id, #id], iterator_types = ["parallel", "parallel"]}
            ins(%a, %x : memref<64xf32>, memref<32x64xf32>) outs(%y : memref<32x64xf32>) {
        ^bb0(%factor: f32, %in: f32, %out: f32):
          %k = arith.constant 5.0 : f32
          %value = arith.divf %in, %k : f32
          linalg.yield %value : f32
        }
      }
      return
    }

    func.func @twice(%x: memref<32x64xf32>, %a: memref<64xf32>, %y: memref<32x64xf32>, %begin: index, %end: index)
        attributes {plan.description = "twice"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        linalg.generic {indexing_maps = [#column, #id, #id], iterator_types = ["parallel", "parallel"]}
            ins(%a, %x : memref<64xf32>, memref<32x64xf32>) outs(%y : memref<32x64xf32>) {
        ^bb0(%factor: f32, %in: f32, %out: f32):
          %k = arith.constant 0.5 : f32
          %scaled = arith.mulf %in, %k : f32
          %value = arith.addf %scaled, %k : f32
          linalg.yield %value : f32
        }
      }
      return
    }

    func.func @again(%x: memref<32x64xf32>, %a: memref<64xf32>, %y: memref<32x64xf32>, %begin: index, %end: index)
        attributes {plan.description = "twice"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        linalg.generic {indexing_maps = [#column, #id, #id], iterator_types = ["parallel", "parallel"]}
            ins(%a, %x : memref<64xf32>, memref<32x64xf32>) outs(%y : memref<32x64xf32>) {
        ^bb0(%factor: f32, %in: f32, %out: f32):
          %k = arith.constant 0.25 : f32
          %scaled = arith.mulf %in, %k : f32
          %value = arith.addf %scaled, %k : f32
          linalg.yield %value : f32
        }
      }
      return
    }

    func.func @one_over(%x: memref<32x64xf32>, %a: memref<64xf32>, %y: memref<32x64xf32>, %begin: index, %end: index)
        attributes {plan.description = "over"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        linalg.generic {indexing_maps = [#column, #id, #id], iterator_types = ["parallel", "parallel"]}
            ins(%a, %x : memref<64xf32>, memref<32x64xf32>) outs(%y : memref<32x64xf32>) {
        ^bb0(%factor: f32, %in: f32, %out: f32):
          %k = arith.constant 1.0 : f32
          %value = arith.divf %k, %in : f32
          linalg.yield %value : f32
        }
      }
      return
    }

    func.func @two_over(%x: memref<32x64xf32>, %a: memref<64xf32>, %y: memref<32x64xf32>, %begin: index, %end: index)
        attributes {plan.description = "over"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        linalg.generic {indexing_maps = [#column, #id, #id], iterator_types = ["parallel", "parallel"]}
            ins(%a, %x : memref<64xf32>, memref<32x64xf32>) outs(%y : memref<32x64xf32>) {
        ^bb0(%factor: f32, %in: f32, %out: f32):
          %k = arith.constant 2.0 : f32
          %value = arith.divf %k, %in : f32
          linalg.yield %value : f32
        }
      }
      return
    }

    func.func @rows63(%x: memref<8x63xf32>, %y: memref<8x63xf32>, %begin: index, %end: index)
        attributes {plan.description = "negated"} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c63 = arith.constant 63 : index
      scf.for %i = %begin to %end step %c1 {
        scf.for %d = %c0 to %c63 step %c1 {
          %value = memref.load %x[%i, %d] : memref<8x63xf32>
          %negated = arith.negf %value : f32
          memref.store %negated, %y[%i, %d] : memref<8x63xf32>
        }
      }
      return
    }

    func.func @rows61(%x: memref<8x61xf32>, %y: memref<8x61xf32>, %begin: index, %end: index)
        attributes {plan.description = "negated"} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c61 = arith.constant 61 : index
      scf.for %i = %begin to %end step %c1 {
        scf.for %d = %c0 to %c61 step %c1 {
          %value = memref.load %x[%i, %d] : memref<8x61xf32>
          %negated = arith.negf %value : f32
          memref.store %negated, %y[%i, %d] : memref<8x61xf32>
        }
      }
      return
    }

    func.func @narrow(%x: memref<32x64xf32>, %a: memref<32xf32>, %y: memref<32x64xf32>, %begin: index, %end: index)
        attributes {plan.description = "rows"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        linalg.generic {indexing_maps = [#row, #id, #id], iterator_types = ["parallel", "parallel"]}
            ins(%a, %x : memref<32xf32>, memref<32x64xf32>) outs(%y : memref<32x64xf32>) {
        ^bb0(%factor: f32, %in: f32, %out: f32):
          %value = arith.mulf %in, %factor : f32
          linalg.yield %value : f32
        }
      }
      return
    }

    func.func @wide(%x: memref<32x128xf32>, %a: memref<32xf32>, %y: memref<32x128xf32>, %begin: index, %end: index)
        attributes {plan.description = "rows"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        linalg.generic {indexing_maps = [#row, #id, #id], iterator_types = ["parallel", "parallel"]}
            ins(%a, %x : memref<32xf32>, memref<32x128xf32>) outs(%y : memref<32x128xf32>) {
        ^bb0(%factor: f32, %in: f32, %out: f32):
          %value = arith.mulf %in, %factor : f32
          linalg.yield %value : f32
        }
      }
      return
    }
  }

  plan.program @step batch 1 {
    %less0 = plan.alloc : memref<32x64xf32>
    %less1 = plan.alloc : memref<64xf32>
    %less2 = plan.alloc : memref<32x64xf32>
    plan.launch @kernels::@less(%less0, %less1, %less2) extent 32 writes [2]
        : memref<32x64xf32>, memref<64xf32>, memref<32x64xf32>
    %from0 = plan.alloc : memref<32x64xf32>
    %from1 = plan.alloc : memref<64xf32>
    %from2 = plan.alloc : memref<32x64xf32>
    plan.launch @kernels::@from(%from0, %from1, %from2) extent 32 writes [2]
        : memref<32x64xf32>, memref<64xf32>, memref<32x64xf32>
    %thirds0 = plan.alloc : memref<32x48xf32>
    %thirds1 = plan.alloc : memref<48xf32>
    %thirds2 = plan.alloc : memref<32x48xf32>
    plan.launch @kernels::@thirds(%thirds0, %thirds1, %thirds2) extent 32 writes [2]
        : memref<32x48xf32>, memref<48xf32>, memref<32x48xf32>
    %fifths0 = plan.alloc : memref<32x80xf32>
    %fifths1 = plan.alloc : memref<80xf32>
    %fifths2 = plan.alloc : memref<32x80xf32>
    plan.launch @kernels::@fifths(%fifths0, %fifths1, %fifths2) extent 32 writes [2]
        : memref<32x80xf32>, memref<80xf32>, memref<32x80xf32>
    %by30 = plan.alloc : memref<32x64xf32>
    %by31 = plan.alloc : memref<64xf32>
    %by32 = plan.alloc : memref<32x64xf32>
    plan.launch @kernels::@by3(%by30, %by31, %by32) extent 32 writes [2]
        : memref<32x64xf32>, memref<64xf32>, memref<32x64xf32>
    %by50 = plan.alloc : memref<32x64xf32>
    %by51 = plan.alloc : memref<64xf32>
    %by52 = plan.alloc : memref<32x64xf32>
    plan.launch @kernels::@by5(%by50, %by51, %by52) extent 32 writes [2]
        : memref<32x64xf32>, memref<64xf32>, memref<32x64xf32>
    %twice0 = plan.alloc : memref<32x64xf32>
    %twice1 = plan.alloc : memref<64xf32>
    %twice2 = plan.alloc : memref<32x64xf32>
    plan.launch @kernels::@twice(%twice0, %twice1, %twice2) extent 32 writes [2]
        : memref<32x64xf32>, memref<64xf32>, memref<32x64xf32>
    %again0 = plan.alloc : memref<32x64xf32>
    %again1 = plan.alloc : memref<64xf32>
    %again2 = plan.alloc : memref<32x64xf32>
    plan.launch @kernels::@again(%again0, %again1, %again2) extent 32 writes [2]
        : memref<32x64xf32>, memref<64xf32>, memref<32x64xf32>
    %one_over0 = plan.alloc : memref<32x64xf32>
    %one_over1 = plan.alloc : memref<64xf32>
    %one_over2 = plan.alloc : memref<32x64xf32>
    plan.launch @kernels::@one_over(%one_over0, %one_over1, %one_over2) extent 32 writes [2]
        : memref<32x64xf32>, memref<64xf32>, memref<32x64xf32>
    %two_over0 = plan.alloc : memref<32x64xf32>
    %two_over1 = plan.alloc : memref<64xf32>
    %two_over2 = plan.alloc : memref<32x64xf32>
    plan.launch @kernels::@two_over(%two_over0, %two_over1, %two_over2) extent 32 writes [2]
        : memref<32x64xf32>, memref<64xf32>, memref<32x64xf32>
    %rows630 = plan.alloc : memref<8x63xf32>
    %rows631 = plan.alloc : memref<8x63xf32>
    plan.launch @kernels::@rows63(%rows630, %rows631) extent 8 writes [1]
        : memref<8x63xf32>, memref<8x63xf32>
    %rows610 = plan.alloc : memref<8x61xf32>
    %rows611 = plan.alloc : memref<8x61xf32>
    plan.launch @kernels::@rows61(%rows610, %rows611) extent 8 writes [1]
        : memref<8x61xf32>, memref<8x61xf32>
    %narrow0 = plan.alloc : memref<32x64xf32>
    %narrow1 = plan.alloc : memref<32xf32>
    %narrow2 = plan.alloc : memref<32x64xf32>
    plan.launch @kernels::@narrow(%narrow0, %narrow1, %narrow2) extent 32 writes [2]
        : memref<32x64xf32>, memref<32xf32>, memref<32x64xf32>
    %wide0 = plan.alloc : memref<32x128xf32>
    %wide1 = plan.alloc : memref<32xf32>
    %wide2 = plan.alloc : memref<32x128xf32>
    plan.launch @kernels::@wide(%wide0, %wide1, %wide2) extent 32 writes [2]
        : memref<32x128xf32>, memref<32xf32>, memref<32x128xf32>
  }
}
