//===- GraphTest.cpp - The graphs of the backbones ------------------------===//
//
// Parameter counts, multiply-adds and state-dict sizes of the field's PyTorch
// modules at 112×112 RGB, 512-d, as computed from those modules.
//
//===----------------------------------------------------------------------===//
#include "frontend/graph/GraphBuilder.h"
#include "frontend/graph/HeadBuilder.h"
#include "frontend/graph/LayerBuilder.h"
#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>
#include <map>

using namespace pfc;

namespace {

/// What a state dict says of a tensor.
struct Entry {
  std::string name;
  std::vector<int64_t> shape;
};

/// The graph of a minimal spec with `overrides`, and what is in its @embed.
struct Graph {
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  TrainSpec spec;
  std::vector<Entry> stateDict;
  int64_t parameters = 0; ///< as torch counts: everything but statistics
  int64_t learned = 0;
  int64_t multiplyAdds = 0; ///< of convolutions and products, an image

  explicit Graph(std::vector<std::string> overrides) {
    llvm::SourceMgr sources;
    sources.AddNewSourceBuffer(
        llvm::MemoryBuffer::getMemBuffer("head.classes = 1000\n"
                                         "train.batch_per_rank = 2\n"
                                         "train.steps = 1\n",
                                         "test.spec"),
        llvm::SMLoc());
    std::optional<LoadedSpec> loaded = parseSpec(sources, overrides, context);
    if (!loaded)
      return;
    spec = loaded->spec;
    module = buildGraph(*loaded, context);
    if (module)
      module->lookupSymbol("embed")->walk(
          [&](mlir::Operation *op) { visit(op); });
  }

  void visit(mlir::Operation *op) {
    if (auto variable = llvm::dyn_cast<VariableOp>(op)) {
      int64_t size = variable.getType().getNumElements();
      bool statistic = variable.getName().contains("running_");
      parameters += statistic ? 0 : size;
      learned += variable.getRole() == Role::Parameter ? size : 0;
      llvm::ArrayRef<int64_t> shape = shapeOf(variable);
      if (auto exported = variable.getStateDictAttr())
        shape = exported.getShape();
      stateDict.push_back({variable.getName().str(), shape.vec()});
    } else if (auto conv = llvm::dyn_cast<Conv2dOp>(op)) {
      llvm::ArrayRef<int64_t> out = shapeOf(conv),
                              filter = shapeOf(conv.getFilter());
      multiplyAdds +=
          out[1] * out[2] * out[3] * filter[1] * filter[2] * filter[3];
    } else if (auto linear = llvm::dyn_cast<LinearOp>(op)) {
      llvm::ArrayRef<int64_t> weight = shapeOf(linear.getWeight());
      multiplyAdds += weight[0] * weight[1];
    } else if (auto product = llvm::dyn_cast<MatmulOp>(op)) {
      multiplyAdds += product.getCost().flops / 2 / spec.globalBatch();
    }
  }
};

struct Network {
  const char *name;
  int64_t parameters;
  double gigaMultiplyAdds;
  int64_t stateDictEntries; ///< torch's, with num_batches_tracked
  int64_t batchNorms;       ///< = entries num_batches_tracked
  int64_t fixed = 0;        ///< parameters that aren't learned
};

class Backbone : public testing::TestWithParam<Network> {};

TEST_P(Backbone, MatchesTheFieldsModule) {
  const Network &network = GetParam();
  Graph graph({std::string("model.backbone=") + network.name});
  ASSERT_TRUE(graph.module);
  EXPECT_EQ(graph.parameters, network.parameters);
  EXPECT_EQ(graph.learned, network.parameters - network.fixed);
  EXPECT_NEAR(graph.multiplyAdds * 1e-9, network.gigaMultiplyAdds, 0.0005);
  // num_batches_tracked counts steps; nothing reads it with a fixed momentum,
  // so it isn't kept.
  EXPECT_EQ(int64_t(graph.stateDict.size()),
            network.stateDictEntries - network.batchNorms);
}

// Of an iresnet features.weight is 1; vit_h leaves out no token.
INSTANTIATE_TEST_SUITE_P(
    All, Backbone,
    testing::Values(Network{"r18", 24025600, 2.610, 187, 31, 512},
                    Network{"r34", 34139328, 4.460, 331, 55, 512},
                    Network{"r50", 43590848, 6.309, 475, 79, 512},
                    Network{"r100", 65156160, 12.090, 925, 154, 512},
                    Network{"r124", 86414912, 14.864, 1141, 190, 512},
                    Network{"r200", 118833920, 23.419, 1807, 301, 512},
                    Network{"mbf", 2059520, 0.438, 333, 50},
                    Network{"mbf_large", 6314880, 1.816, 606, 91},
                    Network{"vit_t", 19137792, 1.505, 150, 2},
                    Network{"vit_s", 76023296, 5.747, 150, 2},
                    Network{"vit_b", 113833472, 11.437, 282, 2},
                    Network{"vit_l", 255684352, 25.338, 282, 2},
                    Network{"vit_h", 756393984, 89.199, 546, 2, 1024}),
    [](const auto &info) { return std::string(info.param.name); });

/// The names and order of r18's torch state dict, without
/// num_batches_tracked.
std::vector<std::string> torchNamesOfR18() {
  std::vector<std::string> names;
  auto norm = [&](const std::string &name) {
    for (const char *part : {"weight", "bias", "running_mean", "running_var"})
      names.push_back(name + "." + part);
  };
  names.push_back("conv1.weight");
  norm("bn1");
  names.push_back("prelu.weight");
  for (std::string layer : {"layer1", "layer2", "layer3", "layer4"})
    for (std::string block : {layer + ".0", layer + ".1"}) {
      norm(block + ".bn1");
      names.push_back(block + ".conv1.weight");
      norm(block + ".bn2");
      names.push_back(block + ".prelu.weight");
      names.push_back(block + ".conv2.weight");
      norm(block + ".bn3");
      if (block.back() == '0') {
        names.push_back(block + ".downsample.0.weight");
        norm(block + ".downsample.1");
      }
    }
  norm("bn2");
  names.push_back("fc.weight");
  names.push_back("fc.bias");
  norm("features");
  return names;
}

TEST(IResNet, HasTorchsStateDict) {
  Graph graph({"model.backbone=r18"});
  std::vector<std::string> names;
  std::map<std::string, std::vector<int64_t>> shapes;
  for (const Entry &entry : graph.stateDict) {
    names.push_back(entry.name);
    shapes[entry.name] = entry.shape;
  }
  EXPECT_EQ(names, torchNamesOfR18());
  using Shape = std::vector<int64_t>;
  EXPECT_EQ(shapes["conv1.weight"], (Shape{64, 3, 3, 3}));
  EXPECT_EQ(shapes["bn1.running_var"], (Shape{64}));
  EXPECT_EQ(shapes["layer2.0.conv1.weight"], (Shape{128, 64, 3, 3}));
  EXPECT_EQ(shapes["layer2.0.conv2.weight"], (Shape{128, 128, 3, 3}));
  EXPECT_EQ(shapes["layer2.0.downsample.0.weight"], (Shape{128, 64, 1, 1}));
  EXPECT_EQ(shapes["layer2.0.bn1.weight"], (Shape{64}));
  EXPECT_EQ(shapes["fc.weight"], (Shape{512, 25088}));
  EXPECT_EQ(shapes["features.weight"], (Shape{512}));
}

TEST(IResNet, TrainsTheSameStateAsItEmbedsWith) {
  Graph graph({"model.backbone=r18"});
  std::vector<std::string> trained;
  graph.module->lookupSymbol("train_step")->walk([&](VariableOp variable) {
    trained.push_back(variable.getName().str());
  });
  std::vector<std::string> expected = torchNamesOfR18();
  expected.push_back("head.weight");
  EXPECT_EQ(trained, expected);
}

/// The names and order of a MobileFaceNet's torch state dict, as its modules
/// nest, without num_batches_tracked.
std::vector<std::string> torchNamesOfMobileFaceNet(int behindStem,
                                                   std::vector<int> stages) {
  std::vector<std::string> names;
  auto convolved = [&](const std::string &name, bool activated) {
    names.push_back(name + ".layers.0.weight");
    for (const char *part : {"weight", "bias", "running_mean", "running_var"})
      names.push_back(name + ".layers.1." + part);
    if (activated)
      names.push_back(name + ".layers.2.weight");
  };
  auto depthWise = [&](const std::string &name) {
    convolved(name + ".layers.0", true);
    convolved(name + ".layers.1", true);
    convolved(name + ".layers.2", false);
  };
  auto residual = [&](const std::string &name, int count) {
    for (int i = 0; i < count; ++i)
      depthWise(name + ".layers." + std::to_string(i));
  };
  convolved("layers.0", true);
  if (behindStem == 1)
    convolved("layers.1", true);
  else
    residual("layers.1", behindStem);
  for (int i = 0; i < 3; ++i) {
    depthWise("layers." + std::to_string(2 + 2 * i));
    residual("layers." + std::to_string(3 + 2 * i), stages[size_t(i)]);
  }
  convolved("conv_sep", true);
  convolved("features.layers.0", false);
  names.push_back("features.layers.2.weight");
  for (const char *part : {"weight", "bias", "running_mean", "running_var"})
    names.push_back(std::string("features.layers.3.") + part);
  return names;
}

TEST(MobileFaceNet, HasTorchsStateDict) {
  for (bool large : {false, true}) {
    Graph graph({large ? "model.backbone=mbf_large" : "model.backbone=mbf"});
    std::vector<std::string> names;
    std::map<std::string, std::vector<int64_t>> shapes;
    for (const Entry &entry : graph.stateDict) {
      names.push_back(entry.name);
      shapes[entry.name] = entry.shape;
    }
    EXPECT_EQ(names, large ? torchNamesOfMobileFaceNet(2, {8, 12, 4})
                           : torchNamesOfMobileFaceNet(1, {4, 6, 2}));
    using Shape = std::vector<int64_t>;
    int64_t stem = large ? 256 : 128, body = large ? 512 : 256;
    EXPECT_EQ(shapes["layers.0.layers.0.weight"], (Shape{stem, 3, 3, 3}));
    EXPECT_EQ(shapes["layers.2.layers.1.layers.0.weight"],
              (Shape{128, 1, 3, 3}));
    EXPECT_EQ(shapes["layers.4.layers.2.layers.0.weight"],
              (Shape{body, 256, 1, 1}));
    EXPECT_EQ(shapes["layers.6.layers.1.layers.0.weight"],
              (Shape{512, 1, 3, 3}));
    EXPECT_EQ(shapes["features.layers.0.layers.0.weight"],
              (Shape{512, 1, 7, 7}));
    EXPECT_EQ(shapes["features.layers.2.weight"], (Shape{512, 512}));
    if (!large) {
      EXPECT_EQ(shapes["layers.1.layers.0.weight"], (Shape{128, 2, 3, 3}));
    }
  }
}

TEST(MobileFaceNet, LastConvolutionSeesTheWholeMap) {
  Graph graph({"model.backbone=mbf", "model.input_size=96"});
  for (const Entry &entry : graph.stateDict)
    if (entry.name == "features.layers.0.layers.0.weight") {
      EXPECT_EQ(entry.shape, (std::vector<int64_t>{512, 1, 6, 6}));
    }
}

TEST(IResNet, NanoHasAboutAMillionParameters) {
  Graph graph({"model.backbone=iresnet-nano", "model.input_size=56",
               "model.input_channels=1", "model.embedding_size=128"});
  // By hand: convolutions 677,592; norms and slopes 3,144; fc 393,344;
  // features 256.
  EXPECT_EQ(graph.parameters, 1074336);
}

TEST(IResNet, TakesAnyMultipleOf16) {
  for (const char *size : {"16", "48", "56", "128", "224"}) {
    Graph graph(
        {"model.backbone=r18", std::string("model.input_size=") + size});
    EXPECT_TRUE(graph.module) << size;
  }
}

TEST(Head, CapacityHoldsWhateverAStepSamples) {
  TrainSpec spec;
  spec.train.batchPerRank = 8;
  spec.cluster.worldSize = 4; // a global batch of 32
  auto capacity = [&](int64_t classes, double rate) {
    spec.head.classes = classes;
    spec.head.sampleRate = rate;
    return sampleCapacity(spec);
  };
  EXPECT_EQ(capacity(10, 1.0), 3);      // ⌈10/4⌉
  EXPECT_EQ(capacity(4001, 1.0), 1008); // 1001 on the first rank, in eights
  EXPECT_EQ(capacity(4001, 0.1), 104);  // ⌊0.1·1001⌋, in eights
  EXPECT_EQ(capacity(4001, 0.0), 32);   // every image another class, one rank
  EXPECT_EQ(capacity(4001, 0.001), 32);
  EXPECT_EQ(capacity(40, 0.5), 10); // no more than there are
}

TEST(Head, ShiftKeepsSumsFinite) {
  EXPECT_EQ(logitShift(64, 360232), 0);
  EXPECT_EQ(logitShift(64, int64_t(1e10)), 0);
  EXPECT_NEAR(logitShift(128, 10), 42.302585, 1e-6);
}

} // namespace
