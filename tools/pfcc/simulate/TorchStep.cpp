#include "TorchStep.h"

#include "CachingAllocator.h"
#include "llvm/ADT/STLExtras.h"

#include <array>
#include <memory>
#include <utility>

using namespace pfc::simulate;
using Stream = CachingAllocator::Stream;

/// The first step makes gradients and momentum, the second finds them there;
/// the third is like the second.
static constexpr int steps = 3;

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

/// iresnet.py in DistributedDataParallel, with its SGD.
class Backbone {
public:
  Backbone(CachingAllocator &allocator, const EagerNetwork &network,
           int64_t images, bool half)
      : allocator(allocator), network(network),
        images(static_cast<double>(images)), half(half) {
    for (const EagerLayer &layer : network.layers)
      llvm::append_range(parameters, layer.parameters);
    for (double parameter : parameters)
      weights.push_back(single(parameter));
    for (const EagerLayer &layer : network.layers)
      if (layer.kind == EagerLayer::Kind::Norm)
        for (double channels : layer.parameters) // running mean, variance
          weights.push_back(single(channels));
    makeBuckets();
    lastReaders.resize(network.activations.size());
    for (auto [number, layer] : llvm::enumerate(network.layers))
      for (int input : layer.inputs)
        lastReaders[input] = number;
    // A batch, and the next one that the loader brings meanwhile.
    for (Tensor &batch : batches)
      batch = Tensor(allocator, 4 * this->images * network.activations[0],
                     Stream::Loader);
  }

  void forward() {
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
      backward(network.layers[number], gradients, made);
      saved[number].clear();
      if (!first)
        made.clear(); // added into those that are there
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

  /// DDP's, in the order of the parameters: 1 MiB, then 25 MiB each.
  void makeBuckets() {
    constexpr double mebibyte = 1 << 20;
    double limit = mebibyte, bytes = 0;
    auto close = [&] {
      if (bytes != 0)
        weights.push_back(single(bytes / 4));
      bytes = 0;
      limit = 25 * mebibyte;
    };
    for (double parameter : parameters) {
      bytes += 4 * parameter;
      if (bytes >= limit)
        close();
    }
    close();
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

  void backward(const EagerLayer &layer, std::vector<Shared> &gradients,
                std::vector<Tensor> &made) {
    using Kind = EagerLayer::Kind;
    const int input = layer.inputs.front();
    Shared given = std::move(gradients[layer.output]);
    const bool wide = input >= firstWide();
    Shared passed;
    switch (layer.kind) {
    case Kind::Conv: {
      if (input != 0)
        passed = activation(input, false);
      const double filter = layer.parameters.front();
      Tensor gradient = narrow(filter);
      made.push_back(half ? single(filter) : std::move(gradient));
      break;
    }
    case Kind::Linear:
      passed = activation(input, true);
      for (double parameter : layer.parameters)
        made.push_back(single(parameter));
      if (half)
        passed = activation(input, false);
      break;
    case Kind::Norm:
      passed = activation(input, wide);
      for (double parameter : layer.parameters)
        made.push_back(single(parameter));
      break;
    case Kind::PRelu: {
      passed = activation(input, wide);
      Shared slopes = activation(input, wide); // each element's, then summed
      made.push_back(single(layer.parameters.front()));
      break;
    }
    case Kind::Sum:
      passed = given;
      add(gradients, layer.inputs.back(), given);
      break;
    case Kind::Product:
      add(gradients, layer.inputs.back(),
          activation(layer.inputs.back(), wide));
      [[fallthrough]];
    case Kind::Relu:
    case Kind::Copy:
    case Kind::Softmax:
      passed = activation(input, wide);
      break;
    }
    given.reset();
    if (passed)
      add(gradients, input, std::move(passed));
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
  std::vector<Tensor> weights; // and running statistics, and buckets
  std::vector<Tensor> parameterGradients, momentum;
  std::array<Tensor, 2> batches;
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
    // normalize(sub_weight): a norm, a division.
    pass(Rows, 1);
    Tensor lengths = bytes(4 * sampledRows, Stream::Centers);
    Tensor unit = make(Rows, 1, Stream::Centers);
    Tensor allFeatures = features();

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
    Tensor largest = bytes(4 * sampledRows, Stream::Centers);
    Tensor chosen = bytes(8 * sampledRows, Stream::Centers);
    Tensor sorted = bytes(8 * sampledRows, Stream::Centers);
    Tensor order = bytes(8 * sampledRows, Stream::Centers);
    index = std::move(sorted);
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
    Tensor toFeatures = features();
    pass(Rows, 1);
    return make(Rows, 0);
  }

  void normalizeBackward(Tensor toUnit) {
    auto rowsTensor = [&](int read) {
      return make(Rows, read, Stream::Centers);
    };
    Tensor quotient = rowsTensor(1); // grad / other
    Tensor toLengths;
    {
      // -grad * ((self / other) / other)
      Tensor negative = rowsTensor(1), once = rowsTensor(1),
             twice = rowsTensor(1);
      toLengths = rowsTensor(2);
    }
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
