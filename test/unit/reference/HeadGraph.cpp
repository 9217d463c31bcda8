//===- HeadGraph.cpp - A head's training step as text ---------------------===//
#include "test/unit/reference/HeadGraph.h"
#include <algorithm>
#include <fmt/format.h>

using namespace pfc::reference;

static std::string floats(int64_t rows, int64_t columns) {
  return fmt::format("tensor<{}x{}xf32>", rows, columns);
}
static std::string floats(int64_t size) {
  return fmt::format("tensor<{}xf32>", size);
}
static std::string integers(int64_t size) {
  return fmt::format("tensor<{}xi64>", size);
}

int64_t HeadGraph::slots() const {
  int64_t rows = (classes + ranks - 1) / ranks;
  if (sampleRate == 1.0)
    return rows;
  return std::min(rows, std::max(static_cast<int64_t>(sampleRate * rows),
                                 std::min(batch, rows)));
}

/// A double in MLIR's syntax, all of its digits.
static std::string real(double value) { return fmt::format("{:.17e}", value); }

std::string HeadGraph::margin() const {
  return fmt::format("margin<m1 = {}, m2 = {}, m3 = {}, scale = {}, gradient = "
                     "{}, filter = {}>{}",
                     real(m1), real(m2), real(m3), real(scale), gradient,
                     real(filter),
                     rowMargins ? " rows %rm : " + floats(batch, 2) : "");
}

/// The grid, the arguments and the state.
std::string HeadGraph::header(int64_t rows, int64_t rowsOfBatch) const {
  return fmt::format(
      R"(
shard.grid @ranks(shape = {ranks})
func.func @train_step(%x: {x} {{pfc.input = "embeddings"}}, %y: {y} {{pfc.input = "labels"}},
                      %lr: tensor<1xf32> {{pfc.input = "lr"}}, %step: tensor<1xi64> {{pfc.input = "step"}}) {{
  %w = pfc.variable "head.weight" parameter init<normal, 0.0, 0.01> {{sharded, rows = {classes} : i64}} : {table}
  %v = pfc.variable "head.weight.momentum" optimizer_state init<constant, 0.0, 0.0> {{sharded, rows = {classes} : i64}} : {table}
  {own}
)",
      fmt::arg("ranks", ranks), fmt::arg("classes", classes),
      fmt::arg("x", floats(rowsOfBatch, size)),
      fmt::arg("y", integers(rowsOfBatch)),
      fmt::arg("table", floats(rows, size)),
      fmt::arg("own", rowMargins ? "%rm = pfc.variable \"row_margins\" buffer "
                                   "init<uniform, -0.4, 0.6> : " +
                                       floats(batch, 2)
                                 : ""));
}

/// From %dxl, %dwn: the gradients of what was normalised, and the update.
std::string HeadGraph::footer(int64_t rows, int64_t slots, int64_t rowsOfBatch,
                              const std::string &count) const {
  return fmt::format(
      R"(
  %dx = pfc.normalize_grad %dxl, %x : {x}
  %dw = pfc.normalize_grad %dwn, %rows : {centers}
  %w1, %v1 = pfc.update_rows {update} %w, %v, %indices, %dw, %lr {count} {{mu = 0.9 : f64, weight_decay = 5.0e-4 : f64}} : {table}, {indices}, {centers}
  pfc.assign "head.weight", %w1 : {table}
  pfc.assign "head.weight.momentum", %v1 : {table}
  pfc.output "loss", %loss : tensor<1xf32>
  pfc.output "stats", %stats : {stats}
  pfc.output "embeddings_grad", %dx : {x}
  {squares}
  return
}}
)",
      fmt::arg("x", floats(rowsOfBatch, size)),
      fmt::arg("stats", floats(batch, 2)),
      fmt::arg("squares",
               showsCentersGradient
                   ? "pfc.output \"centers_grad_squares\", %squares : "
                     "tensor<1xf32>"
                   : ""),
      fmt::arg("centers", floats(slots, size)), fmt::arg("update", rowUpdate),
      fmt::arg("count", count), fmt::arg("table", floats(rows, size)),
      fmt::arg("indices", integers(slots)));
}

std::string HeadGraph::logical() const {
  int64_t columns = ranks * slots();
  return header(classes, batch) +
         fmt::format(
             R"(
  %indices, %counts, %columns = pfc.sample_centers %y, %step {{classes = {classes} : i64, sample_rate = {rate} : f64, seed = 7 : i64, capacity = {slots} : i64}} : {y}, tensor<1xi64> -> {indices}, {counts}
  %rows = pfc.gather_rows %w, %indices : {table}, {indices} -> {centers}
  %xn = pfc.normalize %x : {x}
  %wn = pfc.normalize %rows : {centers}
  %cos = pfc.cosine_logits %xn, %wn : {x}, {centers} -> {logits}
  %z = pfc.margin %cos, %columns {margin} : {logits}, {y}
  %loss, %stats = pfc.softmax_cross_entropy %z, %columns, %counts {{shift = {shift} : f64}} : {logits}, {y}, {counts} -> {stats}
  %dz = pfc.softmax_cross_entropy_grad %z, %columns, %counts, %stats {{shift = {shift} : f64, batch = {batch} : i64}} : {logits}, {y}, {counts}, {stats}
  %dcos = pfc.margin_grad %dz, %cos, %columns {margin} : {logits}, {y}
  %dxl = pfc.matmul %dcos, %wn : {logits}, {centers} -> {x}
  %dwn = pfc.matmul %dcos, %xn {{transpose_lhs}} : {logits}, {x} -> {centers}
  {squares})",
             fmt::arg(
                 "squares",
                 showsCentersGradient
                     ? fmt::format("%g = pfc.normalize_grad %dwn, %rows : {0}\n"
                                   "  %squares = pfc.sum_squares %g : {0} -> "
                                   "tensor<1xf32>",
                                   floats(columns, size))
                     : ""),
             fmt::arg("classes", classes), fmt::arg("rate", real(sampleRate)),
             fmt::arg("slots", slots()), fmt::arg("y", integers(batch)),
             fmt::arg("indices", integers(columns)),
             fmt::arg("counts", integers(ranks)),
             fmt::arg("table", floats(classes, size)),
             fmt::arg("centers", floats(columns, size)),
             fmt::arg("x", floats(batch, size)),
             fmt::arg("logits", floats(batch, columns)),
             fmt::arg("margin", margin()), fmt::arg("shift", real(shift)),
             fmt::arg("stats", floats(batch, 2)), fmt::arg("batch", batch)) +
         footer(classes, columns, batch, "");
}

/// Forward to this rank's %sums, before they are summed to %stats.
static const char *const unfusedForward = R"(
  %cos = pfc.cosine_logits %xn, %wn : {x}, {centers} -> {logits}
  %z = pfc.margin %cos, %columns {margin} : {logits}, {y}
  %sums = pfc.softmax_stats %z, %columns, %used {{shift = {shift} : f64}} : {logits}, {y}, tensor<1xi64> -> {stats})";
static const char *const unfusedBackward = R"(
  %dz = pfc.softmax_cross_entropy_grad %z, %columns, %used, %stats {{shift = {shift} : f64, batch = {batch} : i64}} : {logits}, {y}, tensor<1xi64>, {stats}
  %dcos = pfc.margin_grad %dz, %cos, %columns {margin} : {logits}, {y}
  %dxn = pfc.matmul %dcos, %wn : {logits}, {centers} -> {x}
  %dwn = pfc.matmul %dcos, %xn {{transpose_lhs}} : {logits}, {x} -> {centers})";
static const char *const fusedForward = R"(
  %exps, %sums, %targets = pfc.margin_softmax %xn, %wn, %columns, %used {margin} {{shift = {shift} : f64}} : {x}, {centers}, {y}, tensor<1xi64> -> {logits}, {stats}, {targets})";
static const char *const fusedBackward = R"(
  %dxn, %dwn = pfc.margin_softmax_grad %xn, %wn, %exps, %stats, %targets, %columns {margin} {{shift = {shift} : f64, batch = {batch} : i64}} : {x}, {centers}, {logits}, {stats}, {targets}, {y} -> {x}, {centers})";

std::string HeadGraph::local(bool fused) const {
  int64_t q = classes / ranks, m = classes % ranks;
  int64_t rows = q + (m ? 1 : 0), rowsOfBatch = batch / ranks;
  std::string body = R"(
  %first = pfc.rank_constant base 0 per_rank {q} threshold {m} below 0 per_capped_rank 1 : tensor<1xi64>
  %count = pfc.rank_constant base {q} per_rank 0 threshold {m} below 1 per_capped_rank 0 : tensor<1xi64>
  %rank = pfc.rank_constant base 0 per_rank 1 threshold 0 below 0 per_capped_rank 0 : tensor<1xi64>
  %labels = shard.all_gather %y on @ranks grid_axes = [0] gather_axis = 0 : {local_y} -> {y}
  %indices, %used, %columns = pfc.sample_local_centers %labels, %step, %first, %count, %rank {{shard_size = {rows} : i64, sample_rate = {rate} : f64, seed = 7 : i64}} : {y}, tensor<1xi64> -> {indices}
  %rows = pfc.gather_rows %w, %indices : {table}, {indices} -> {centers}
  %xl = pfc.normalize %x : {local_x}
  %xn = shard.all_gather %xl on @ranks grid_axes = [0] gather_axis = 0 : {local_x} -> {x}
  %wn = pfc.normalize %rows : {centers})";
  body += fused ? fusedForward : unfusedForward;
  body += R"(
  %stats = shard.all_reduce %sums on @ranks grid_axes = [0] : {stats} -> {stats}
  %loss = pfc.softmax_loss %stats {{shift = {shift} : f64}} : {stats} -> tensor<1xf32>)";
  body += fused ? fusedBackward : unfusedBackward;
  body += R"(
  %dxl = shard.reduce_scatter %dxn on @ranks grid_axes = [0] scatter_axis = 0 : {x} -> {local_x}
  %g = pfc.normalize_grad %dwn, %rows : {centers}
  %own = pfc.sum_squares %g : {centers} -> tensor<1xf32>
  %squares = shard.all_reduce %own on @ranks grid_axes = [0] : tensor<1xf32> -> tensor<1xf32>)";
  return header(rows, rowsOfBatch) +
         fmt::format(
             fmt::runtime(body), fmt::arg("q", q), fmt::arg("m", m),
             fmt::arg("rows", rows), fmt::arg("rate", real(sampleRate)),
             fmt::arg("local_y", integers(rowsOfBatch)),
             fmt::arg("y", integers(batch)),
             fmt::arg("indices", integers(slots())),
             fmt::arg("table", floats(rows, size)),
             fmt::arg("centers", floats(slots(), size)),
             fmt::arg("local_x", floats(rowsOfBatch, size)),
             fmt::arg("x", floats(batch, size)),
             fmt::arg("logits", floats(batch, slots())),
             fmt::arg("margin", margin()), fmt::arg("shift", real(shift)),
             fmt::arg("stats", floats(batch, 2)),
             fmt::arg("targets", floats(batch)), fmt::arg("batch", batch)) +
         footer(rows, slots(), rowsOfBatch, "count %count : tensor<1xi64>");
}
