//===- HeadGraph.h - A head's training step as text -------------*- C++ -*-===//
//
// Forward, backward and update of a Partial FC head on given embeddings, in
// three forms: the job's (logical), one rank's, and one rank's fused. Written
// out by hand: nothing here is the compiler's work.
//
// Inputs "embeddings" [B,D], "labels" [B], "lr", "step"; outputs "loss",
// "stats" [B,2], "embeddings_grad" [B,D] and, unless the head is to be
// compiled, "centers_grad_squares" [1], the sum of squares of the gradient of
// the centers that took part.
//
//===----------------------------------------------------------------------===//
#ifndef TEST_UNIT_REFERENCE_HEADGRAPH_H
#define TEST_UNIT_REFERENCE_HEADGRAPH_H

#include <cstdint>
#include <string>

namespace pfc::reference {

struct HeadGraph {
  int64_t ranks = 1;
  int64_t classes = 10;
  int64_t batch = 8;
  int64_t size = 4; ///< of an embedding
  double sampleRate = 1.0;
  double m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 8.0, filter = 0.0;
  bool rowMargins = false; ///< each row has its own m2 and m3
  std::string gradient = "exact";
  std::string rowUpdate = "sampled";
  double shift = 0.0;
  /// Compiled, the centers' gradient is in no tensor.
  bool showsCentersGradient = true;

  /// Slots of a shard: enough for any sample.
  int64_t slots() const;

  std::string logical() const;
  std::string partitioned() const { return local(/*fused=*/false); }
  std::string fused() const { return local(/*fused=*/true); }

private:
  std::string local(bool fused) const;
  std::string margin() const;
  std::string header(int64_t rows, int64_t batch) const;
  std::string footer(int64_t rows, int64_t slots, int64_t batch,
                     const std::string &count) const;
};

} // namespace pfc::reference

#endif // TEST_UNIT_REFERENCE_HEADGRAPH_H
