#include "TorchStep.h"

#include "CachingAllocator.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <array>
#include <memory>
#include <numeric>
#include <set>
#include <utility>

using namespace pfc::simulate;
using Stream = CachingAllocator::Stream;

/// The first step makes gradients and momentum, and cuDNN is tried out; the
/// second makes buckets; the third finds all of it, and is as those after it.
static constexpr int steps = 4;

namespace {

/// Memory while it lives, as a torch.Tensor.
class Tensor {
public:
  Tensor() = default;
  Tensor(CachingAllocator &allocator, double bytes, Stream stream) {
    if (bytes == 0)
      return;
    from = &allocator;
    address = allocator.allocate(static_cast<int64_t>(bytes), stream);
  }
  Tensor(Tensor &&other) noexcept
      : from(std::exchange(other.from, nullptr)), address(other.address) {}
  Tensor &operator=(Tensor &&other) noexcept {
    std::swap(from, other.from);
    std::swap(address, other.address);
    Tensor old(std::move(other)); // dropped here
    return *this;
  }
  ~Tensor() {
    if (from)
      from->release(address);
  }

private:
  CachingAllocator *from = nullptr;
  int64_t address = 0;
};

/// A tensor that several hold: a variable of Python, nodes of autograd.
using Shared = std::shared_ptr<Tensor>;

/// What a convolution computes.
enum class Product { Forward, InputGradient, FilterGradient };

/// Into how many parts cuDNN cuts the sum over images and places that is a
/// filter's gradient, where the convolution has a stride; each has its result.
struct Cuts {
  int64_t images, inputs, outputs, kernel;
  double parts;
};
constexpr Cuts cuts[] = {
    {64, 64, 64, 1, 33},   {64, 64, 128, 1, 17},  {64, 256, 512, 1, 9},
    {64, 128, 128, 3, 9},  {64, 256, 256, 3, 3},  {128, 64, 64, 1, 65},
    {128, 64, 128, 1, 17}, {128, 128, 256, 1, 9}, {128, 128, 128, 3, 9},
};

/// Bytes that cuDNN's algorithms ask for to compute a product of a convolution;
/// TorchStep.h says how they are known.
class Workspaces {
public:
  Workspaces(const EagerConv &conv, double images, bool half)
      : conv(conv), half(half), images(images),
        inputs(static_cast<double>(conv.inputs)),
        outputs(static_cast<double>(conv.outputs)),
        side(static_cast<double>(conv.side)),
        outputSide(static_cast<double>(conv.outputSide)),
        taps(static_cast<double>(conv.kernel * conv.kernel)) {}

  double largest(Product product) const {
    if (conv.groups != 1)
      return 0;
    double most = rearranged(product);
    if (product == Product::Forward) // a matrix of all that filters see
      most = std::max(most, size() * images * inputs * taps * outputSide *
                                outputSide);
    if (conv.kernel != 3)
      return most;
    if (product != Product::FilterGradient)
      most = std::max(most, tiledFft());
    if (conv.side == conv.outputSide)
      most = std::max({most, fft(product), winograd()});
    return most;
  }

  /// Of the algorithm that is chosen: at 16 bits tensor cores'.
  double chosen(Product product) const {
    return half && conv.groups == 1 ? rearranged(product) : 0;
  }

private:
  double size() const { return half ? 2 : 4; }
  double filters() const { return inputs * outputs; }
  double parts() const {
    for (const Cuts &of : cuts)
      if (conv.side != conv.outputSide &&
          of.images == static_cast<int64_t>(images) &&
          of.inputs == conv.inputs && of.outputs == conv.outputs &&
          of.kernel == conv.kernel)
        return of.parts;
    return 1;
  }

  /// Channels last, as tensor cores read them; results besides.
  double rearranged(Product product) const {
    const double in = images * inputs * side * side;
    const double out = images * outputs * outputSide * outputSide;
    switch (product) {
    case Product::Forward:
      return size() * (in + 2 * out + filters() * taps);
    case Product::InputGradient:
      return size() * (in + out + filters() * taps);
    case Product::FilterGradient:
      return size() * (in + out) + 4 * filters() * taps * parts();
    }
    llvm_unreachable("all products have a size");
  }

  /// Complex spectra of one tile or two of 32 x 32, half of each.
  double tiledFft() const {
    const double tiles = conv.side > 30 ? 2 : 1;
    return 8 * 32 * 17 * (filters() + tiles * images * (inputs + outputs)) +
           24576 * tiles;
  }

  /// Half of the complex spectra of images with their padding, twice, since
  /// they are transposed: of two operands, or of the result.
  double fft(Product product) const {
    const double length = static_cast<double>(
        llvm::PowerOf2Ceil(static_cast<uint64_t>(conv.side + 2)));
    double first = images * inputs, second = filters(),
           result = images * outputs, besides = 4 * filters() * taps;
    if (product == Product::InputGradient)
      std::swap(first, result);
    if (product == Product::FilterGradient) {
      std::swap(second, result);
      besides = 4 * images * outputs * side * side;
    }
    return 16 * length * (length / 2 + 1) * std::max(first + second, result) +
           besides;
  }

  /// 4 x 4 outputs of 6 x 6 inputs.
  double winograd() const {
    const auto row = static_cast<double>(llvm::divideCeil(conv.side, 4));
    return 4 * 36 * (row * row * images * (inputs + outputs) + filters());
  }

  const EagerConv &conv;
  bool half;
  double images, inputs, outputs, side, outputSide, taps;
};

/// iresnet.py in DistributedDataParallel, with its SGD.
class Backbone {
public:
  Backbone(CachingAllocator &allocator, const EagerNetwork &network,
           int64_t images, bool half)
      : allocator(allocator), network(network),
        images(static_cast<double>(images)), half(half) {
    for (const EagerLayer &layer : network.layers)
      llvm::append_range(parameters, layer.parameters);
    makeWeights();
    makeBuckets(parameters);
    lastReaders.resize(network.activations.size());
    for (auto [number, layer] : llvm::enumerate(network.layers))
      for (int input : layer.inputs)
        lastReaders[input] = number;
    batches.back() = batch();
  }

  /// The next batch while there are this one and, in a variable, the last.
  void load() {
    Tensor next = batch();
    batches.front() = std::move(batches.back());
    batches.back() = std::move(next);
  }

  void forward() {
    if (!parameterGradients.empty() && !rebuilt)
      rebuildBuckets();
    std::vector<Shared> values(network.activations.size());
    bool wide = false; // fp32 from the linear layer on
    saved.resize(network.layers.size());
    for (auto [number, layer] : llvm::enumerate(network.layers)) {
      wide |= layer.kind == EagerLayer::Kind::Linear;
      forward(layer, values, saved[number], wide);
      for (int input : layer.inputs)
        if (lastReaders[input] == number)
          values[input].reset();
    }
    features = std::move(values.back());
  }

  void backward() {
    std::vector<Shared> gradients(network.activations.size());
    gradients.back() = activation(network.activations.size() - 1, true);
    features.reset();
    const bool first = parameterGradients.empty();
    std::vector<Tensor> made;
    for (size_t number = network.layers.size(); number-- > 0;) {
      const EagerLayer &layer = network.layers[number];
      Gradients own = backward(layer, std::move(gradients[layer.output]));
      saved[number].clear();
      castBack(layer, own);
      if (own.second)
        add(gradients, layer.inputs.back(), std::move(own.second));
      if (own.input)
        add(gradients, layer.inputs.front(), std::move(own.input));
      if (first) // else added into those that are there
        for (Tensor &gradient : own.parameters)
          made.push_back(std::move(gradient));
    }
    if (first)
      parameterGradients = std::move(made);
  }

  /// torch.optim.SGD with weight decay.
  void update() {
    const bool first = momentum.empty();
    for (double parameter : parameters) {
      Tensor decayed = single(parameter);
      if (first)
        momentum.push_back(single(parameter));
    }
  }

private:
  /// What a layer's backward pass makes; `second` is of a second input.
  struct Gradients {
    Shared input, second;
    std::vector<Tensor> parameters;
  };

  Tensor single(double elements) {
    return Tensor(allocator, 4 * elements, Stream::Compute);
  }
  Tensor narrow(double elements) {
    return Tensor(allocator, (half ? 2 : 4) * elements, Stream::Compute);
  }
  /// Of the batch; `wide` is fp32 whatever autocast does.
  Shared activation(size_t number, bool wide) {
    const double elements = images * network.activations[number];
    return std::make_shared<Tensor>(wide ? single(elements) : narrow(elements));
  }
  Tensor batch() {
    return Tensor(allocator, 4 * images * network.activations[0],
                  Stream::Loader);
  }

  /// And running statistics; DDP broadcasts all of them as one tensor.
  void makeWeights() {
    for (double parameter : parameters)
      weights.push_back(single(parameter));
    double all = std::accumulate(parameters.begin(), parameters.end(), 0.0);
    for (const EagerLayer &layer : network.layers)
      if (layer.kind == EagerLayer::Kind::Norm)
        for (double channels : layer.parameters) { // running mean, variance
          weights.push_back(single(channels));
          all += channels;
        }
    Tensor broadcast = single(all);
  }

  /// DDP's, of gradients in that order: 1 MiB, then 25 MiB each; the last is
  /// made first.
  void makeBuckets(const std::vector<double> &order) {
    constexpr double mebibyte = 1 << 20;
    std::vector<double> sizes = {0};
    for (double parameter : order) {
      const double limit = sizes.size() == 1 ? mebibyte : 25 * mebibyte;
      sizes.back() += parameter;
      if (4 * sizes.back() >= limit)
        sizes.push_back(0);
    }
    for (double size : llvm::reverse(sizes))
      buckets.push_back(single(size));
  }

  /// DDP does it when it knows in what order gradients come.
  void rebuildBuckets() {
    rebuilt = true;
    std::vector<double> order;
    for (const EagerLayer &layer : llvm::reverse(network.layers))
      llvm::append_range(order, layer.parameters);
    buckets.clear();
    makeBuckets(order);
  }

  /// cudnn.benchmark: the first time, all algorithms are tried, and the cache
  /// is emptied while their workspace is still in use.
  void convolve(const EagerConv &conv, Product product) {
    const Workspaces workspaces(conv, images, half);
    if (searched.emplace(product, conv).second) {
      Tensor workspace(allocator, workspaces.largest(product), Stream::Compute);
      allocator.releaseSegments();
    }
    Tensor workspace(allocator, workspaces.chosen(product), Stream::Compute);
  }

  void forward(const EagerLayer &layer, std::vector<Shared> &values,
               std::vector<Shared> &kept, bool wide) {
    using Kind = EagerLayer::Kind;
    const int input = layer.inputs.front();
    Shared &output = values[layer.output];
    switch (layer.kind) {
    case Kind::Conv:
      if (half) // autocast's copies
        kept.push_back(
            std::make_shared<Tensor>(narrow(layer.parameters.front())));
      if (input != 0)
        kept.push_back(values[input]);
      else if (half)
        kept.push_back(activation(0, false));
      output = activation(layer.output, wide);
      convolve(layer.conv, Product::Forward);
      return;
    case Kind::Linear:
      kept.push_back(half ? activation(input, true) : values[input]);
      output = activation(layer.output, wide);
      return;
    case Kind::Norm:
      kept.push_back(values[input]);
      output = activation(layer.output, wide);
      for (int stats = 0; stats < 2; ++stats) // the batch's mean, 1/deviation
        kept.push_back(
            std::make_shared<Tensor>(single(layer.parameters.front())));
      return;
    case Kind::PRelu:
      kept.push_back(values[input]);
      output = activation(layer.output, wide);
      return;
    case Kind::Sum: // out += identity
      output = values[input];
      return;
    case Kind::Product:
      kept.push_back(values[layer.inputs.back()]);
      [[fallthrough]];
    case Kind::Relu:
      kept.push_back(values[input]);
      [[fallthrough]];
    case Kind::Copy:
      output = activation(layer.output, wide);
      return;
    case Kind::Softmax:
      output = activation(layer.output, wide);
      kept.push_back(output);
      return;
    }
  }

  Gradients backward(const EagerLayer &layer, Shared given) {
    using Kind = EagerLayer::Kind;
    const int input = layer.inputs.front();
    const bool wide = input >= firstWide();
    Gradients made;
    switch (layer.kind) {
    case Kind::Conv:
      if (input != 0) {
        made.input = activation(input, false);
        convolve(layer.conv, Product::InputGradient);
      }
      made.parameters.push_back(narrow(layer.parameters.front()));
      convolve(layer.conv, Product::FilterGradient);
      break;
    case Kind::Linear:
      made.input = activation(input, true);
      for (double parameter : layer.parameters)
        made.parameters.push_back(single(parameter));
      break;
    case Kind::Norm:
      made.input = activation(input, wide);
      for (double parameter : layer.parameters)
        made.parameters.push_back(single(parameter));
      break;
    case Kind::PRelu: {
      made.input = activation(input, wide);
      Shared slopes = activation(input, wide); // each element's, then summed
      made.parameters.push_back(single(layer.parameters.front()));
      break;
    }
    case Kind::Sum:
      made.input = made.second = std::move(given);
      break;
    case Kind::Product:
      made.second = activation(layer.inputs.back(), wide);
      [[fallthrough]];
    case Kind::Relu:
    case Kind::Copy:
    case Kind::Softmax:
      made.input = activation(input, wide);
      break;
    }
    return made;
  }

  /// To the precision of what autocast, or float(), made a copy of.
  void castBack(const EagerLayer &layer, Gradients &made) {
    if (half && layer.kind == EagerLayer::Kind::Conv)
      made.parameters.front() = single(layer.parameters.front());
    if (half && layer.kind == EagerLayer::Kind::Linear)
      made.input = activation(layer.inputs.front(), false);
  }

  void add(std::vector<Shared> &gradients, int number, Shared gradient) {
    Shared &sum = gradients[number];
    sum = sum ? activation(number, false) : std::move(gradient);
  }

  /// What comes after the linear layer is computed in fp32.
  int firstWide() const {
    for (const EagerLayer &layer : network.layers)
      if (layer.kind == EagerLayer::Kind::Linear)
        return layer.output;
    return static_cast<int>(network.activations.size());
  }

  CachingAllocator &allocator;
  const EagerNetwork &network;
  double images;
  bool half;
  std::vector<double> parameters;
  std::vector<Tensor> weights; // and running statistics
  std::vector<Tensor> buckets, parameterGradients, momentum;
  bool rebuilt = false;
  std::array<Tensor, 2> batches;
  std::set<std::pair<Product, EagerConv>> searched;
  std::vector<size_t> lastReaders; // of activations: layers
  std::vector<std::vector<Shared>> saved;
  Shared features;
};

/// PartialFC with ArcFace, and its SGD.
class Head {
public:
  /// Shapes: [B,S], its rows whose class the rank owns, [S,d].
  enum Shape { Logits, Owned, Rows };

  Head(CachingAllocator &allocator, const TorchJob &job)
      : allocator(allocator), job(job),
        local(static_cast<double>(job.head.classes)),
        sampledRows(static_cast<double>(job.head.sampled)),
        dimensions(static_cast<double>(job.head.dimensions)),
        batch(static_cast<double>(job.head.wholeBatch)),
        weight(bytes(4 * local * dimensions)),
        momentum(bytes(4 * local * dimensions)) {}

  void forwardBackward() {
    Tensor labels = bytes(8 * batch, Stream::Centers);
    if (job.sampled)
      sample();
    // normalize(sub_weight): a norm, not 0; a division.
    pass(Rows, 1);
    Tensor lengths = bytes(4 * sampledRows, Stream::Centers);
    Tensor divisors = bytes(4 * sampledRows, Stream::Centers);
    Tensor unit = make(Rows, 1, Stream::Centers);
    Tensor allFeatures = features();
    {
      Tensor gathered = features();
    }

    // linear(), then ArcFace in place.
    pass(Rows, 1);
    Tensor logits = make(Logits, 0);
    Tensor cosines, angles; // kept for acos_ and cos_
    {
      Tensor margins = make(Owned, 0);
      cosines = make(Logits, 1);
      pass(Logits, 2); // acos_
      Tensor own = make(Owned, 1);
      pass(Owned, 3); // +=
      pass(Owned, 2); // put back
      angles = make(Logits, 1);
      pass(Logits, 2); // cos_
      pass(Logits, 2); // mul_
    }

    // The softmax over all ranks.
    pass(Logits, 1); // max
    Tensor probabilities;
    {
      Tensor shifted = make(Logits, 1);
      probabilities = make(Logits, 1); // exp
    }
    pass(Logits, 1); // sum
    pass(Logits, 2); // div_
    Tensor oneHot = make(Owned, 0);
    {
      Tensor own = make(Owned, 1);
    } // of which the loss is taken
    {
      Tensor own = make(Owned, 1);
      pass(Owned, 3); // -= one_hot
      pass(Owned, 2); // put back
    }
    pass(Logits, 2); // div_

    Tensor toUnit = backward(std::move(cosines), std::move(angles));
    normalizeBackward(std::move(toUnit));
  }

  void update() {
    {
      Tensor decayed = make(Rows, 2);
      pass(Rows, 2 + 3 + 3); // momentum: mul_, add_; the rows: add_
    }
    if (job.sampled)
      pass(Rows, 4); // into weight and momentum
    pass(Rows, 1);   // zero_grad
  }

  /// Passes over a tensor of that shape since the beginning.
  double passes(Shape shape) const { return counts[shape]; }

private:
  Tensor bytes(double count, Stream stream = Stream::Compute) {
    return Tensor(allocator, count, stream);
  }
  Tensor features() { return bytes(4 * batch * dimensions); }

  /// Made from `read` tensors of its shape.
  Tensor make(Shape shape, int read, Stream stream = Stream::Compute) {
    pass(shape, read + 1);
    const double rows =
        shape == Logits ? batch : static_cast<double>(job.owned);
    return bytes(4 * sampledRows * (shape == Rows ? dimensions : rows), stream);
  }
  void pass(Shape shape, int times) { counts[shape] += times; }

  /// The largest of random keys, sorted by class; their rows.
  void sample() {
    Tensor keys = bytes(4 * local, Stream::Centers);
    Tensor chosen;
    {
      Tensor largest = bytes(4 * sampledRows, Stream::Centers);
      chosen = bytes(8 * sampledRows, Stream::Centers);
    }
    {
      Tensor sorted = bytes(8 * sampledRows, Stream::Centers);
      Tensor order = bytes(8 * sampledRows, Stream::Centers);
      index = std::move(sorted);
    }
    chosen = Tensor();
    // The last step's are held by the optimizer until these are there.
    Tensor newRows = make(Rows, 1, Stream::Centers);
    Tensor newMomentum = make(Rows, 1, Stream::Centers);
    rows = std::move(newRows);
    rowsMomentum = std::move(newMomentum);
    gradient = Tensor();
  }

  /// logits.backward() to the normalised rows' gradient.
  Tensor backward(Tensor cosines, Tensor angles) {
    Tensor passed = make(Logits, 1); // mul_
    {
      // grad * -self.sin()
      Tensor sine = make(Logits, 1), negative = make(Logits, 1);
      passed = make(Logits, 2);
    }
    angles = Tensor();
    Tensor others = make(Logits, 1); // without what was put back
    {
      Tensor zeros = make(Owned, 0);
      pass(Owned, 2);
    }
    Tensor own = make(Owned, 1);
    passed = Tensor();
    Tensor scattered = make(Logits, 0);
    pass(Owned, 3);
    own = Tensor();
    passed = make(Logits, 2);
    others = Tensor();
    scattered = Tensor();
    {
      // grad * -((-self * self + 1).rsqrt())
      Tensor negative = make(Logits, 1), square = make(Logits, 2),
             rest = make(Logits, 1), root = make(Logits, 1),
             slope = make(Logits, 1);
      passed = make(Logits, 2);
    }
    cosines = Tensor();
    pass(Logits, 2); // two products
    pass(Rows, 1);
    Tensor toUnit = make(Rows, 0);
    Tensor toFeatures = features();
    return toUnit;
  }

  void normalizeBackward(Tensor toUnit) {
    auto rowsTensor = [&](int read) {
      return make(Rows, read, Stream::Centers);
    };
    Tensor toLengths; // of `other`, which is before `self`
    {
      // -grad * ((self / other) / other)
      Tensor negative = rowsTensor(1), once = rowsTensor(1),
             twice = rowsTensor(1);
      toLengths = rowsTensor(2);
    }
    Tensor quotient = rowsTensor(1); // grad / other
    toUnit = Tensor();
    pass(Rows, 1);
    Tensor summed = bytes(4 * sampledRows, Stream::Centers);
    toLengths = Tensor();
    Tensor scaled = rowsTensor(1); // self * (grad / norm)
    Tensor both = rowsTensor(2);
    if (job.sampled || !hasGradient) {
      gradient = std::move(both);
      hasGradient = true;
    }
    if (!job.sampled)
      pass(Rows, 3); // added into what zero_grad left
  }

  CachingAllocator &allocator;
  const TorchJob &job;
  double local, sampledRows, dimensions, batch;
  Tensor weight, momentum;
  Tensor index, rows, rowsMomentum, gradient;
  bool hasGradient = false;
  std::array<double, 3> counts = {};
};

} // namespace

int64_t pfc::simulate::torchBackboneMemory(const EagerNetwork &network,
                                           int64_t images, bool half) {
  CachingAllocator allocator;
  Backbone backbone(allocator, network, images, half);
  for (int step = 0; step < steps; ++step) {
    backbone.load();
    backbone.forward();
    backbone.backward();
    backbone.update();
  }
  return allocator.reserved();
}

int64_t pfc::simulate::torchMemory(const EagerNetwork &network,
                                   const TorchJob &job) {
  CachingAllocator allocator;
  Backbone backbone(allocator, network, job.images, job.half);
  Head head(allocator, job);
  for (int step = 0; step < steps; ++step) {
    backbone.load();
    backbone.forward();
    head.forwardBackward();
    backbone.backward();
    backbone.update();
    head.update();
  }
  return allocator.reserved();
}

pfc::explain::HeadChain pfc::simulate::torchHeadChain(bool sampled) {
  TorchJob job;
  job.head = {1, 1, 1, 1, 1};
  job.sampled = sampled;
  CachingAllocator allocator;
  Head head(allocator, job);
  head.forwardBackward();
  head.update();
  explain::HeadChain chain;
  chain.logitBytes = 4 * head.passes(Head::Logits);
  chain.ownedBytes = 4 * head.passes(Head::Owned);
  chain.sampledPasses = head.passes(Head::Rows);
  return chain;
}
