//===- LayerBuilder.h - Layers with their weights ---------------*- C++ -*-===//
//
// What a backbone file is written in: one call a layer. A layer named
// "layer1.0.bn1" reads its weights as variables "layer1.0.bn1.weight", …, the
// names of the field's state dict, and puts them at the NameLoc of that name,
// which points into the spec. Activations are NHWC.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_FRONTEND_GRAPH_LAYERBUILDER_H
#define PFC_FRONTEND_GRAPH_LAYERBUILDER_H

#include "dialects/pfc/ir/PfcDialect.h"
#include "llvm/ADT/Twine.h"

namespace pfc {

/// How layers behave that know training from inference.
struct LayerMode {
  bool training = false;
  int64_t groups = 1;         ///< ranks: groups of rows with own statistics
  bool syncBatchNorm = false; ///< one set of statistics for all groups
  mlir::Value step;           ///< tensor<1xi64>; for dropout, in training
  int64_t seed = 0;           ///< for dropout, in training
};

struct ConvolutionLayer {
  int64_t channels;   ///< of the output
  int64_t kernel = 1; ///< side of the filters
  int64_t stride = 1;
  int64_t groups = 1; ///< of channels, each convolved by itself
  bool padded = true; ///< keeps ⌈size/stride⌉; else where all taps are inside
  InitAttr init = {}; ///< none: convolutionInit
  bool bias = false;  ///< one as the filters are, from `init`
};

/// Dropout in training and a linear layer.
struct LinearLayer {
  int64_t features;   ///< of the output
  double dropout = 0; ///< probability
  bool bias = true;
  InitAttr init = {}; ///< of the weight; none: linearInit
};

class LayerBuilder {
public:
  /// Layers are built at the end of `block` and located at `specLoc`.
  LayerBuilder(mlir::Block *block, mlir::Location specLoc,
               const LayerMode &mode);

  mlir::Value convolution(const llvm::Twine &name, mlir::Value x,
                          const ConvolutionLayer &layer);
  /// Batch norm over all but the last dimension, momentum 0.1. In
  /// training it also updates the running statistics: towards those of the
  /// whole global batch, whatever the number of ranks. Without `learnGain` the
  /// gain stays 1.
  mlir::Value batchNorm(const llvm::Twine &name, mlir::Value x,
                        bool learnGain = true, double eps = 1e-5);
  mlir::Value prelu(const llvm::Twine &name, mlir::Value x);
  mlir::Value add(const llvm::Twine &name, mlir::Value x, mlir::Value y);
  /// [B,H,W,C] -> [B, H·W·C] -> dropout -> linear [B, features]. Dropout before
  /// flattening and after is the same.
  mlir::Value flattenedLinear(const llvm::Twine &name, mlir::Value x,
                              const LinearLayer &layer);
  mlir::Value scalePixels(mlir::Value images);
  /// [B, …] -> [B, all else]
  mlir::Value flatten(mlir::Value x);
  /// [B, K] -> dropout -> linear [B, features], columns as they are.
  mlir::Value linear(const llvm::Twine &name, mlir::Value x,
                     const LinearLayer &layer);

  //===--- Tokens [B,T,1,C] ----------------------------------------------===//

  /// [B,H,W,C] -> [B,H·W,1,C]
  mlir::Value tokens(mlir::Value x);
  /// Adds parameter `name` [1,T,C].
  mlir::Value positionBias(const llvm::Twine &name, mlir::Value x);
  /// A linear layer of each token, weights N(0, 0.02²), bias from 0.
  mlir::Value tokenLinear(const llvm::Twine &name, mlir::Value x,
                          int64_t features, bool bias = true);
  /// eps 1e-5.
  mlir::Value layerNorm(const llvm::Twine &name, mlir::Value x);
  mlir::Value relu6(const llvm::Twine &name, mlir::Value x);
  /// softmax(q·kᵀ/√d)·v of `qkv` [B,T,1,3·heads·d], to [B,T,1,heads·d].
  mlir::Value attention(const llvm::Twine &name, mlir::Value qkv,
                        int64_t heads);
  /// In training: see pfc.drop_path. `layer` tells the network's apart.
  mlir::Value dropPath(const llvm::Twine &name, mlir::Value x, double rate,
                       int64_t layer);

  /// Outside of training, and where nothing is left out, there is none.
  struct TokenSample {
    mlir::Value kept, slots; ///< or null
    bool leavesOut = false;  ///< in training
  };
  /// `count` of x's tokens.
  TokenSample sampleTokens(const llvm::Twine &name, mlir::Value x,
                           int64_t count);
  mlir::Value keepTokens(const llvm::Twine &name, mlir::Value x,
                         const TokenSample &sample);
  /// Parameter `name` [1,1,C] where there are none. The state dict has it in
  /// any case, where it is of no use as a constant.
  mlir::Value restoreTokens(const llvm::Twine &name, mlir::Value x,
                            const TokenSample &sample);

  /// Reads persistent state.
  mlir::Value variable(const llvm::Twine &name, llvm::ArrayRef<int64_t> shape,
                       InitAttr init, Role role = Role::Parameter,
                       ExportAttr exported = {});

  mlir::MLIRContext *context() { return opBuilder.getContext(); }

private:
  mlir::OpBuilder opBuilder;
  mlir::Location specLoc;
  LayerMode mode;

  mlir::Location at(const llvm::Twine &name);
  mlir::RankedTensorType floats(llvm::ArrayRef<int64_t> shape);
  void updateStatistic(const llvm::Twine &name, mlir::Value average,
                       mlir::Value value, double scale);
  mlir::Value rowsLinear(const llvm::Twine &name, mlir::Value x,
                         const LinearLayer &layer, ExportAttr exported);
  mlir::Value addBias(const llvm::Twine &name, mlir::Value x, InitAttr init);
  mlir::Value trainingBatchNorm(const std::string &name, mlir::Value x,
                                mlir::Value gamma, mlir::Value beta,
                                mlir::Value runningMean,
                                mlir::Value runningVariance, double eps);
};

/// The shape of a ranked tensor.
llvm::ArrayRef<int64_t> shapeOf(mlir::Value value);

} // namespace pfc

#endif // PFC_FRONTEND_GRAPH_LAYERBUILDER_H
