// What pfc-partition makes passes, on one rank and on several.
// RUN: pfc-opt %S/Inputs/tiny.mlir --pfc-differentiate --pfc-insert-optimizer --pfc-partition -o %t.mlir
// RUN: pfc-opt %t.mlir --pfc-verify-partitioned -o %t.verified.mlir
// RUN: cmp %t.mlir %t.verified.mlir
// What it is made from does not.
// RUN: not pfc-opt %S/Inputs/tiny.mlir --pfc-verify-partitioned 2>&1 | FileCheck %s

// CHECK-DAG: 'pfc.batch_stats' op has statistics of 4 groups; one rank has one
// CHECK-DAG: 'pfc.dropout' op does not know which rows it has
// CHECK-DAG: 'pfc.linear' op is an op of the whole job; pfc-partition leaves none
// CHECK-DAG: 'pfc.sample_centers' op is an op of the whole job
// CHECK-DAG: 'pfc.variable' op has 10 rows; one of 4 ranks has 3 of 10
// CHECK-DAG: 'pfc.softmax_cross_entropy' op is an op of the whole job
