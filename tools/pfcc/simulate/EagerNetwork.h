//===- EagerNetwork.h - A backbone, run op by op ----------------*- C++ -*-===//
//
// What a framework that runs a graph op by op does for an image, counted in
// the module that frontend/graph builds. Activations are counted in elements:
// the framework's precision says how many bytes each has.
//
//                  passes over activations        kept for the backward pass
//                  forward  backward
//   convolution                                   its input
//   linear                                        its input
//   batch norm        3        5                  its input
//   PReLU             2        5                  its input
//   layer norm        2        5                  its input
//   sum               3        3 (of the gradients that meet)
//   relu6             2        3                  its input
//   a copy            2        2
//   softmax, scaled   4        5                  its output
//   product of heads                              its two inputs
//
// The FLOP of a convolution are those of its three products, whose channels
// are computed in tiles of 128: a product with 64 of them takes as long.
//
//===----------------------------------------------------------------------===//
#ifndef TOOLS_PFCC_SIMULATE_EAGERNETWORK_H
#define TOOLS_PFCC_SIMULATE_EAGERNETWORK_H

#include "mlir/IR/BuiltinOps.h"

#include <vector>

namespace pfc::simulate {

/// Shapes of a convolution; ordered, to know those that were seen.
struct EagerConv {
  int64_t inputs = 0, outputs = 0; ///< channels
  int64_t side = 0, outputSide = 0;
  int64_t kernel = 0, groups = 1;

  bool operator<(const EagerConv &other) const;
};

/// A layer of the forward pass; activations are numbers into the network's.
struct EagerLayer {
  enum class Kind {
    Conv,
    Linear,
    Norm,
    PRelu,
    Sum,
    Relu,
    Copy,
    Softmax,
    Product
  };
  Kind kind = Kind::Conv;
  std::vector<int> inputs; ///< of a sum the one in whose place it is, and other
  int output = 0;
  std::vector<double> parameters; ///< elements of each
  EagerConv conv;                 ///< of a convolution
};

struct EagerNetwork {
  double flops = 0;      ///< an image: forward and backward, whole tiles
  double passed = 0;     ///< elements an image: passes over activations
  double kept = 0;       ///< elements an image: for the backward pass
  double parameters = 0; ///< elements
  double kernels = 0;    ///< of a step: forward, backward, updates
  /// Elements an image: the image's, then the output of each layer.
  std::vector<double> activations;
  std::vector<EagerLayer> layers; ///< in the order of the forward pass
};

/// Counts the backbone in the graph of a spec, and not the head.
EagerNetwork countBackbone(mlir::ModuleOp graph);

} // namespace pfc::simulate

#endif // TOOLS_PFCC_SIMULATE_EAGERNETWORK_H
