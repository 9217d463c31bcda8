// A block's threads do a row together: between what one writes and what another
// touches stands a barrier, and only there.
// RUN: pfc-opt %s -codegen-cuda -o %t.mlir
// RUN: %python %S/Inputs/kernel_cuda.py %t.mlir | FileCheck %s

module {
  module @kernels {
    // Reading what was written, and writing what was read.
    // CHECK:      void back(const float *__restrict__ {{v[0-9]+}}, float *__restrict__ [[Y:v[0-9]+]], float *__restrict__ [[Z:v[0-9]+]]) {
    // CHECK-NOT:    __syncthreads
    // CHECK:          [[Y]]{{\[.*\]}} =
    // CHECK-NEXT:   }
    // CHECK-NEXT:   __syncthreads();
    // CHECK-NOT:    __syncthreads
    // CHECK:          [[Z]]{{\[.*\]}} =
    // CHECK-NEXT:   }
    // CHECK-NEXT:   __syncthreads();
    // CHECK-NOT:    __syncthreads
    // CHECK:          [[Y]]{{\[.*\]}} =
    func.func @back(%x: memref<8x63xf32>, %y: memref<8x63xf32>, %z: memref<8x63xf32>, %begin: index, %end: index)
        attributes {plan.description = "back"} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c62 = arith.constant 62 : index
      %c63 = arith.constant 63 : index
      scf.for %i = %begin to %end step %c1 {
        scf.for %d = %c0 to %c63 step %c1 {
          %value = memref.load %x[%i, %d] : memref<8x63xf32>
          memref.store %value, %y[%i, %d] : memref<8x63xf32>
        }
        scf.for %d = %c0 to %c63 step %c1 {
          %e = arith.subi %c62, %d : index
          %value = memref.load %y[%i, %e] : memref<8x63xf32>
          memref.store %value, %z[%i, %d] : memref<8x63xf32>
        }
        scf.for %d = %c0 to %c63 step %c1 {
          %value = memref.load %x[%i, %d] : memref<8x63xf32>
          memref.store %value, %y[%i, %d] : memref<8x63xf32>
        }
      }
      return
    }

    // Reading twice what nobody writes.
    // CHECK:      void twice(
    // CHECK-NOT:    __syncthreads
    func.func @twice(%x: memref<8x63xf32>, %y: memref<8x63xf32>, %z: memref<8x63xf32>, %begin: index, %end: index)
        attributes {plan.description = "twice"} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c62 = arith.constant 62 : index
      %c63 = arith.constant 63 : index
      scf.for %i = %begin to %end step %c1 {
        scf.for %d = %c0 to %c63 step %c1 {
          %value = memref.load %x[%i, %d] : memref<8x63xf32>
          memref.store %value, %y[%i, %d] : memref<8x63xf32>
        }
        scf.for %d = %c0 to %c63 step %c1 {
          %e = arith.subi %c62, %d : index
          %value = memref.load %x[%i, %e] : memref<8x63xf32>
          memref.store %value, %z[%i, %d] : memref<8x63xf32>
        }
      }
      return
    }

    // One barrier is enough for two that read.
    // CHECK:      void readers({{.*}}, float *__restrict__ [[Z:v[0-9]+]], float *__restrict__ [[U:v[0-9]+]]) {
    // CHECK:        __syncthreads();
    // CHECK-NOT:    __syncthreads
    // CHECK:          [[Z]]{{\[.*\]}} =
    // CHECK-NOT:    __syncthreads
    // CHECK:          [[U]]{{\[.*\]}} =
    func.func @readers(%x: memref<8x63xf32>, %y: memref<8x63xf32>, %z: memref<8x63xf32>, %u: memref<8x63xf32>, %begin: index, %end: index)
        attributes {plan.description = "readers"} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c62 = arith.constant 62 : index
      %c63 = arith.constant 63 : index
      scf.for %i = %begin to %end step %c1 {
        scf.for %d = %c0 to %c63 step %c1 {
          %e = arith.subi %c62, %d : index
          %value = memref.load %x[%i, %d] : memref<8x63xf32>
          memref.store %value, %y[%i, %e] : memref<8x63xf32>
        }
        scf.for %d = %c0 to %c63 step %c1 {
          %e = arith.subi %c62, %d : index
          %value = memref.load %y[%i, %d] : memref<8x63xf32>
          memref.store %value, %z[%i, %d] : memref<8x63xf32>
        }
        scf.for %d = %c0 to %c63 step %c1 {
          %e = arith.subi %c62, %d : index
          %value = memref.load %y[%i, %d] : memref<8x63xf32>
          memref.store %value, %u[%i, %d] : memref<8x63xf32>
        }
      }
      return
    }

    // The last that writes is the last.
    // CHECK:      void over({{.*}}, float *__restrict__ [[Y:v[0-9]+]]) {
    // CHECK:          [[Y]]{{\[.*\]}} =
    // CHECK-NEXT:   }
    // CHECK-NEXT:   __syncthreads();
    // CHECK:          [[Y]]{{\[.*\]}} =
    func.func @over(%x: memref<8x63xf32>, %z: memref<8x63xf32>, %y: memref<8x63xf32>, %begin: index, %end: index)
        attributes {plan.description = "over"} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c62 = arith.constant 62 : index
      %c63 = arith.constant 63 : index
      scf.for %i = %begin to %end step %c1 {
        scf.for %d = %c0 to %c63 step %c1 {
          %e = arith.subi %c62, %d : index
          %value = memref.load %x[%i, %d] : memref<8x63xf32>
          memref.store %value, %y[%i, %d] : memref<8x63xf32>
        }
        scf.for %d = %c0 to %c63 step %c1 {
          %e = arith.subi %c62, %d : index
          %value = memref.load %z[%i, %d] : memref<8x63xf32>
          memref.store %value, %y[%i, %e] : memref<8x63xf32>
        }
      }
      return
    }

    // A sum has barriers: behind it what was written before is there.
    // CHECK:      void sum(const float *__restrict__ {{v[0-9]+}}, float *__restrict__ [[Y:v[0-9]+]],
    // CHECK:        [[Y]]{{\[.*\]}} =
    // CHECK:        pfc::blockSum<32>(
    // CHECK-NOT:    __syncthreads
    // CHECK:        = [[Y]]{{\[}}
    // CHECK-NOT:    __syncthreads
    func.func @sum(%x: memref<8x63xf32>, %y: memref<8x63xf32>, %s: memref<8xf32>, %begin: index, %end: index)
        attributes {plan.description = "sum"} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c62 = arith.constant 62 : index
      %c63 = arith.constant 63 : index
      %zero = arith.constant 0.0 : f32
      scf.for %i = %begin to %end step %c1 {
        %sum = scf.for %d = %c0 to %c63 step %c1 iter_args(%total = %zero) -> f32 {
          %value = memref.load %x[%i, %d] : memref<8x63xf32>
          memref.store %value, %y[%i, %d] : memref<8x63xf32>
          %next = arith.addf %total, %value : f32
          scf.yield %next : f32
        }
        %first = memref.load %y[%i, %c0] : memref<8x63xf32>
        %more = arith.addf %sum, %first : f32
        memref.store %more, %s[%i] : memref<8xf32>
      }
      return
    }

    // In each form of a branch, which reads what was written, and behind it, where
    // what it wrote is read.
    // CHECK:      void branch({{.*}}, float *__restrict__ [[Y:v[0-9]+]], float *__restrict__ {{v[0-9]+}}, float *__restrict__ [[S:v[0-9]+]]) {
    // CHECK-NOT:    __syncthreads
    // CHECK:        [[Y]]{{\[.*\]}} =
    // CHECK:        if ({{.*}} > 0) {
    // CHECK-NEXT:     __syncthreads();
    // CHECK:          = [[Y]]{{\[}}
    // CHECK-NOT:      __syncthreads
    // CHECK:        } else {
    // CHECK-NEXT:     __syncthreads();
    // CHECK:          = [[Y]]{{\[}}
    // CHECK-NOT:      __syncthreads
    // CHECK:          [[S]]{{\[.*\]}} =
    // CHECK-NEXT:     }
    // CHECK-NEXT:   }
    // CHECK-NEXT:   __syncthreads();
    // CHECK-NEXT:   float {{v[0-9]+}} = [[S]]{{\[}}
    // CHECK-NOT:    __syncthreads
    func.func @branch(%n: memref<8xi64>, %x: memref<8x63xf32>, %y: memref<8x63xf32>, %z: memref<8x63xf32>, %s: memref<8xf32>, %begin: index, %end: index)
        attributes {plan.description = "branch"} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c63 = arith.constant 63 : index
      %zero = arith.constant 0 : i64
      scf.for %i = %begin to %end step %c1 {
        %count = memref.load %n[%i] : memref<8xi64>
        %some = arith.cmpi sgt, %count, %zero : i64
        scf.for %d = %c0 to %c63 step %c1 {
          %value = memref.load %x[%i, %d] : memref<8x63xf32>
          memref.store %value, %y[%i, %d] : memref<8x63xf32>
        }
        scf.if %some {
          %first = memref.load %y[%i, %c0] : memref<8x63xf32>
          memref.store %first, %s[%i] : memref<8xf32>
        } else {
          %first = memref.load %y[%i, %c1] : memref<8x63xf32>
          memref.store %first, %s[%i] : memref<8xf32>
        }
        %taken = memref.load %s[%i] : memref<8xf32>
        scf.for %d = %c0 to %c63 step %c1 {
          memref.store %taken, %z[%i, %d] : memref<8x63xf32>
        }
      }
      return
    }
  }
}
