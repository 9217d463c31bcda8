// The parameters of a bucket in 16 bits are one pass over it, too.
// RUN: pfc-opt %s --pfc-bucket-updates -o %t.mlir
// RUN: FileCheck %s --input-file=%t.mlir
// RUN: pfc-interpret %s --against %t.mlir --steps 3
// RUN: pfc-check-plan %t.mlir --from=fused --precision=bf16 --steps=2 --round --tolerance=1e-5
// RUN: pfc-check-plan %t.mlir --from=fused --precision=bf16 --device=emulated-cuda --steps=2 --round --tolerance=1e-5

// One launch on the state itself, whose parts are then read; nothing is copied.
// RUN: pfc-opt %t.mlir --canonicalize --cse --convert-pfc-to-linalg --cse --convert-pfc-to-plan=target=cuda | FileCheck %s --check-prefix=PLAN
// PLAN-LABEL: plan.program @train_step
// PLAN-DAG:   %[[ALL:.*]] = plan.span %a, %b, %c : {{.*}} to memref<96xf32>
// PLAN-DAG:   %[[NARROW:.*]] = plan.span {{.*}} to memref<96xbf16>
// PLAN:       plan.launch @kernels::@{{.*}}_cast(%[[ALL]], %[[NARROW]])
// PLAN-NOT:   plan.copy
// PLAN:       plan.launch @kernels::@{{.*}}_sgd(%[[ALL]],
// PLAN-LABEL: plan.program @alone

module {
  shard.grid @ranks(shape = 1)

  // Cast where the first is read, though %b comes later and %c is not cast.
  // CHECK-LABEL: func.func @train_step
  // CHECK:       %[[P:.*]] = pfc.bucket %[[A:.*]], %[[B:.*]], %[[C:.*]] : tensor<32xf32>, tensor<32xf32>, tensor<32xf32> to tensor<96xf32>
  // CHECK-NEXT:  %[[N:.*]] = pfc.cast %[[P]] : tensor<96xf32> -> tensor<96xbf16>
  // CHECK-NEXT:  %[[T:.*]]:3 = pfc.unbucket %[[N]] : tensor<96xbf16> to tensor<32xbf16>, tensor<32xbf16>, tensor<32xbf16>
  // CHECK-NEXT:  pfc.output "a16", %[[T]]#0
  // CHECK:       pfc.output "b16", %[[T]]#1
  // CHECK-NOT:   pfc.cast
  // CHECK:       pfc.sgd {{.*}} : tensor<96xf32>
  func.func @train_step(%x: tensor<32xf32> {pfc.input = "x"},
                  %lr: tensor<1xf32> {pfc.input = "lr"}) {
    %a = pfc.variable "a" parameter init<normal, 0.0, 1.0> : tensor<32xf32>
    %a16 = pfc.cast %a : tensor<32xf32> -> tensor<32xbf16>
    pfc.output "a16", %a16 : tensor<32xbf16>
    %b = pfc.variable "b" parameter init<normal, 0.0, 1.0> : tensor<32xf32>
    %b16 = pfc.cast %b : tensor<32xf32> -> tensor<32xbf16>
    pfc.output "b16", %b16 : tensor<32xbf16>
    %c = pfc.variable "c" parameter init<normal, 0.0, 1.0> : tensor<32xf32>
    %va = pfc.variable "a.momentum" optimizer_state init<constant, 0.0, 0.0> : tensor<32xf32>
    %vb = pfc.variable "b.momentum" optimizer_state init<constant, 0.0, 0.0> : tensor<32xf32>
    %vc = pfc.variable "c.momentum" optimizer_state init<constant, 0.0, 0.0> : tensor<32xf32>
    %ga = pfc.add %x, %a : tensor<32xf32>
    %gb = pfc.add %x, %b : tensor<32xf32>
    %gc = pfc.add %x, %c : tensor<32xf32>
    %a1, %va1 = pfc.sgd %a, %va, %ga, %lr {mu = 0.9 : f64, weight_decay = 0.1 : f64} : tensor<32xf32>
    %b1, %vb1 = pfc.sgd %b, %vb, %gb, %lr {mu = 0.9 : f64, weight_decay = 0.1 : f64} : tensor<32xf32>
    %c1, %vc1 = pfc.sgd %c, %vc, %gc, %lr {mu = 0.9 : f64, weight_decay = 0.1 : f64} : tensor<32xf32>
    pfc.assign "a", %a1 : tensor<32xf32>
    pfc.assign "a.momentum", %va1 : tensor<32xf32>
    pfc.assign "b", %b1 : tensor<32xf32>
    pfc.assign "b.momentum", %vb1 : tensor<32xf32>
    pfc.assign "c", %c1 : tensor<32xf32>
    pfc.assign "c.momentum", %vc1 : tensor<32xf32>
    return
  }

  // A parameter that would end in the middle of a row in 16 bits.
  // CHECK-LABEL: func.func @alone
  // CHECK-COUNT-2: pfc.cast {{.*}} -> tensor<{{[0-9]+}}xbf16>
  // CHECK:       pfc.sgd {{.*}} : tensor<48xf32>
  func.func @alone(%x: tensor<16xf32> {pfc.input = "x"},
                   %y: tensor<32xf32> {pfc.input = "y"},
                   %lr: tensor<1xf32> {pfc.input = "lr"}) {
    %a = pfc.variable "a2" parameter init<normal, 0.0, 1.0> : tensor<16xf32>
    %a16 = pfc.cast %a : tensor<16xf32> -> tensor<16xbf16>
    pfc.output "a16", %a16 : tensor<16xbf16>
    %b = pfc.variable "b2" parameter init<normal, 0.0, 1.0> : tensor<32xf32>
    %b16 = pfc.cast %b : tensor<32xf32> -> tensor<32xbf16>
    pfc.output "b16", %b16 : tensor<32xbf16>
    %va = pfc.variable "a2.momentum" optimizer_state init<constant, 0.0, 0.0> : tensor<16xf32>
    %vb = pfc.variable "b2.momentum" optimizer_state init<constant, 0.0, 0.0> : tensor<32xf32>
    %ga = pfc.add %x, %a : tensor<16xf32>
    %gb = pfc.add %y, %b : tensor<32xf32>
    %a1, %va1 = pfc.sgd %a, %va, %ga, %lr {mu = 0.9 : f64, weight_decay = 0.1 : f64} : tensor<16xf32>
    %b1, %vb1 = pfc.sgd %b, %vb, %gb, %lr {mu = 0.9 : f64, weight_decay = 0.1 : f64} : tensor<32xf32>
    pfc.assign "a2", %a1 : tensor<16xf32>
    pfc.assign "a2.momentum", %va1 : tensor<16xf32>
    pfc.assign "b2", %b1 : tensor<32xf32>
    pfc.assign "b2.momentum", %vb1 : tensor<32xf32>
    return
  }
}
