// What has no schedule is refused by name.
// RUN: pfc-opt %s -codegen-cuda -split-input-file -verify-diagnostics

// expected-error @below {{has no module of kernels: run convert-pfc-to-plan}}
module {}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
module {
  module @kernels {
    func.func @largest(%x: memref<8x8xf32>, %y: memref<8xf32>, %begin: index, %end: index)
        attributes {plan.description = "largest"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        // expected-error @below {{is a reduction other than a sum in fp32}}
        linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
            ins(%x : memref<8x8xf32>) outs(%y : memref<8xf32>) {
        ^bb0(%in: f32, %most: f32):
          %next = arith.maximumf %most, %in : f32
          linalg.yield %next : f32
        }
      }
      return
    }
  }
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#turned = affine_map<(d0, d1) -> (d1, d0)>
module {
  module @kernels {
    func.func @transpose(%x: memref<8x8xf32>, %y: memref<8x8xf32>, %begin: index, %end: index)
        attributes {plan.description = "transpose"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        // expected-error @below {{has no CUDA schedule}}
        linalg.generic {indexing_maps = [#id, #turned], iterator_types = ["parallel", "parallel"]}
            ins(%x : memref<8x8xf32>) outs(%y : memref<8x8xf32>) {
        ^bb0(%in: f32, %out: f32):
          linalg.yield %in : f32
        }
      }
      return
    }
  }
}

// -----

// Kernels outlined for the CPU.
#id = affine_map<(d0) -> (d0)>
module {
  module @kernels {
    // expected-error @below {{is a run of ops for the CPU: use convert-pfc-to-plan=target=cuda}}
    func.func @two(%x: memref<8xf32>, %y: memref<4xf32>, %begin: index, %end: index)
        attributes {plan.description = "two"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        linalg.generic {indexing_maps = [#id], iterator_types = ["parallel"]} outs(%x : memref<8xf32>) {
        ^bb0(%out: f32):
          linalg.yield %out : f32
        }
        linalg.generic {indexing_maps = [#id], iterator_types = ["parallel"]} outs(%y : memref<4xf32>) {
        ^bb0(%out: f32):
          linalg.yield %out : f32
        }
      }
      return
    }
  }
}

// -----

// A polynomial by Horner's rule: threads' parts of it don't add up.
module {
  module @kernels {
    func.func @polynomial(%x: memref<8x64xf32>, %y: memref<8xf32>, %begin: index, %end: index)
        attributes {plan.description = "polynomial"} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c64 = arith.constant 64 : index
      %zero = arith.constant 0.0 : f32
      %half = arith.constant 0.5 : f32
      scf.for %i = %begin to %end step %c1 {
        // expected-error @below {{carries a value that is no sum or maximum: it has no CUDA schedule}}
        %result = scf.for %d = %c0 to %c64 step %c1 iter_args(%before = %zero) -> f32 {
          %scaled = arith.mulf %before, %half : f32
          %value = memref.load %x[%i, %d] : memref<8x64xf32>
          %next = arith.addf %value, %scaled : f32
          scf.yield %next : f32
        }
        memref.store %result, %y[%i] : memref<8xf32>
      }
      return
    }
  }
}

// -----

// What is added depends on what was added before.
module {
  module @kernels {
    func.func @growth(%x: memref<8x64xf32>, %y: memref<8xf32>, %begin: index, %end: index)
        attributes {plan.description = "growth"} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c64 = arith.constant 64 : index
      %one = arith.constant 1.0 : f32
      scf.for %i = %begin to %end step %c1 {
        // expected-error @below {{carries a value that is no sum or maximum: it has no CUDA schedule}}
        %result = scf.for %d = %c0 to %c64 step %c1 iter_args(%before = %one) -> f32 {
          %rate = memref.load %x[%i, %d] : memref<8x64xf32>
          %share = arith.mulf %before, %rate : f32
          %next = arith.addf %before, %share : f32
          scf.yield %next : f32
        }
        memref.store %result, %y[%i] : memref<8xf32>
      }
      return
    }
  }
}

// -----

// A sum's parts in 16 bits would lose more than the sum.
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
module {
  module @kernels {
    func.func @narrow(%x: memref<8x8xbf16>, %y: memref<8xbf16>, %begin: index, %end: index)
        attributes {plan.description = "narrow"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        // expected-error @below {{is a reduction other than a sum in fp32}}
        linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
            ins(%x : memref<8x8xbf16>) outs(%y : memref<8xbf16>) {
        ^bb0(%in: bf16, %sum: bf16):
          %next = arith.addf %sum, %in : bf16
          linalg.yield %next : bf16
        }
      }
      return
    }
  }
}

// -----

// What is added depends on what was added before: no sum, either.
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
module {
  module @kernels {
    func.func @compound(%x: memref<8x8xf32>, %y: memref<8xf32>, %begin: index, %end: index)
        attributes {plan.description = "compound"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        // expected-error @below {{is a reduction other than a sum in fp32}}
        linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
            ins(%x : memref<8x8xf32>) outs(%y : memref<8xf32>) {
        ^bb0(%in: f32, %sum: f32):
          %share = arith.mulf %sum, %in : f32
          %next = arith.addf %sum, %share : f32
          linalg.yield %next : f32
        }
      }
      return
    }
  }
}

// -----

// Nor is a polynomial.
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
module {
  module @kernels {
    func.func @series(%x: memref<8x8xf32>, %y: memref<8xf32>, %begin: index, %end: index)
        attributes {plan.description = "series"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        // expected-error @below {{is a reduction other than a sum in fp32}}
        linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
            ins(%x : memref<8x8xf32>) outs(%y : memref<8xf32>) {
        ^bb0(%in: f32, %sum: f32):
          %scaled = arith.mulf %sum, %in : f32
          %next = arith.addf %in, %scaled : f32
          linalg.yield %next : f32
        }
      }
      return
    }
  }
}
