#include "runtime/train/weights/MxnetWeights.h"

#include "runtime/base/Error.h"
#include "runtime/train/weights/Elements.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

namespace pfc::rt {
namespace {

constexpr uint64_t listMagic = 0x112;
constexpr uint32_t arrayMagic = 0xf993fac9;
constexpr uint32_t oldArrayMagic = 0xf993fac8;   ///< no storage type
constexpr uint32_t numpyArrayMagic = 0xf993faca; ///< the same for dense arrays

constexpr float epsDifference = 1e-5f; ///< MXNet's 2e-5 less ours
constexpr float pixelScale = 127.5f / 128;

/// Element types by MXNet's number (mshadow): 0 f32, 1 f64, 2 f16, ….
constexpr std::array<size_t, 7> elementBytes = {4, 8, 2, 1, 4, 1, 8};

class ParamsReader {
public:
  ParamsReader(std::span<const uint8_t> file, const std::string &path)
      : rest(file), size(file.size()), path(path) {}

  std::vector<Tensor> run() {
    require(number<uint64_t>() == listMagic && number<uint64_t>() == 0,
            "{}: not MXNet's parameters", path);
    constexpr size_t leastArray = 32; // bytes
    std::vector<Tensor> tensors(count(leastArray));
    for (Tensor &tensor : tensors)
      readArray(tensor);
    uint64_t names = count(sizeof(uint64_t));
    require(names == tensors.size(), "{}: {} names for {} arrays", path, names,
            tensors.size());
    for (Tensor &tensor : tensors)
      tensor.name = readName();
    require(rest.empty(), "{}: {} bytes follow the names", path, rest.size());
    return tensors;
  }

private:
  std::span<const uint8_t> take(uint64_t bytes) {
    require(bytes <= rest.size(),
            "{}: wants {} bytes at offset {}, but the file ends after {}; it "
            "is truncated or damaged",
            path, bytes, size - rest.size(), rest.size());
    auto taken = rest.first(bytes);
    rest = rest.subspan(bytes);
    return taken;
  }

  template <typename T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }

  /// How many follow, of at least `least` bytes each.
  uint64_t count(size_t least) {
    uint64_t value = number<uint64_t>();
    require(value <= rest.size() / least,
            "{}: {} entries at offset {}, but the file ends after {} bytes; it "
            "is truncated or damaged",
            path, value, size - rest.size(), rest.size());
    return value;
  }

  void readArray(Tensor &tensor) {
    uint64_t at = size - rest.size();
    uint32_t magic = number<uint32_t>();
    require(magic == arrayMagic || magic == oldArrayMagic ||
                magic == numpyArrayMagic,
            "{}: no array at offset {}", path, at);
    int32_t storage = magic == oldArrayMagic ? 0 : number<int32_t>();
    require(storage == 0, "{}: the array at offset {} is sparse", path, at);
    uint64_t elements = readShape(tensor, at);
    take(2 * sizeof(int32_t)); // the device it was on
    readElements(tensor, elements, at);
  }

  uint64_t readShape(Tensor &tensor, uint64_t at) {
    uint32_t rank = number<uint32_t>();
    require(rank >= 1 && rank <= 8, "{}: the array at offset {} has rank {}",
            path, at, rank);
    uint64_t elements = 1;
    for (uint32_t axis = 0; axis < rank; ++axis) {
      int64_t extent = number<int64_t>();
      // No array has more elements than the file has bytes.
      require(extent > 0 && static_cast<uint64_t>(extent) <= size / elements,
              "{}: the array at offset {}: extent {} of dimension {}", path, at,
              extent, axis);
      elements *= static_cast<uint64_t>(extent);
      tensor.shape.push_back(extent);
    }
    return elements;
  }

  void readElements(Tensor &tensor, uint64_t elements, uint64_t at) {
    auto type = number<uint32_t>();
    require(type < elementBytes.size(),
            "{}: the array at offset {} has element type {}", path, at, type);
    auto bytes = take(elements * elementBytes[type]);
    if (type == 0)
      tensor.contents = sameBytes(bytes);
    else if (type == 1)
      tensor.contents = floatsFromDouble(bytes);
    else if (type == 2)
      tensor.contents = floatsFromHalf(bytes);
    else
      fail("{}: the array at offset {} is not of floating point", path, at);
  }

  std::string readName() {
    auto bytes = take(number<uint64_t>());
    return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
  }

  std::span<const uint8_t> rest;
  uint64_t size;
  const std::string &path;
};

/// What a layer's parameter is called in a state dict.
struct Suffix {
  std::string_view mxnet, torch;
};
constexpr std::array<Suffix, 6> suffixes = {{{"_weight", ".weight"},
                                             {"_bias", ".bias"},
                                             {"_gamma", ".weight"},
                                             {"_beta", ".bias"},
                                             {"_moving_mean", ".running_mean"},
                                             {"_moving_var", ".running_var"}}};

constexpr std::array<Suffix, 6> outerLayers = {{{"conv0", "conv1"},
                                                {"bn0", "bn1"},
                                                {"relu0", "prelu"},
                                                {"bn1", "bn2"},
                                                {"pre_fc1", "fc"},
                                                {"fc1", "features"}}};

constexpr std::array<Suffix, 8> unitLayers = {{{"bn1", "bn1"},
                                               {"conv1", "conv1"},
                                               {"bn2", "bn2"},
                                               {"relu1", "prelu"},
                                               {"conv2", "conv2"},
                                               {"bn3", "bn3"},
                                               {"conv1sc", "downsample.0"},
                                               {"sc", "downsample.1"}}};

template <size_t N>
std::string_view translate(const std::array<Suffix, N> &table,
                           std::string_view mxnet) {
  for (const Suffix &each : table)
    if (each.mxnet == mxnet)
      return each.torch;
  return {};
}

/// Takes `word` and a number off the beginning of `text`; 0 if they aren't.
int takeNumber(std::string_view &text, std::string_view word) {
  if (!text.starts_with(word))
    return 0;
  text.remove_prefix(word.size());
  int number = 0;
  auto [end, code] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return code == std::errc() ? number : 0;
}

/// "stage2_unit3_relu1" -> "layer2.2.prelu"; empty for another name.
std::string layerName(std::string_view mxnet) {
  std::string_view rest = mxnet;
  int stage = takeNumber(rest, "stage");
  if (stage <= 0)
    return std::string(translate(outerLayers, mxnet));
  int unit = takeNumber(rest, "_unit");
  if (unit <= 0 || !rest.starts_with('_'))
    return {};
  std::string_view layer = translate(unitLayers, rest.substr(1));
  if (layer.empty())
    return {};
  return fmt::format("layer{}.{}.{}", stage, unit - 1, layer);
}

/// "arg:stage2_unit3_relu1_gamma" -> "layer2.2.prelu.weight".
std::string stateDictName(std::string_view mxnet) {
  if (mxnet.starts_with("arg:") || mxnet.starts_with("aux:"))
    mxnet.remove_prefix(4);
  for (const Suffix &suffix : suffixes) {
    if (!mxnet.ends_with(suffix.mxnet))
      continue;
    std::string layer =
        layerName(mxnet.substr(0, mxnet.size() - suffix.mxnet.size()));
    if (!layer.empty())
      return layer.append(suffix.torch);
  }
  return {};
}

template <typename Change>
void changeFloats(Tensor &tensor, Change change) {
  for (size_t at = 0; at < tensor.contents.size(); at += sizeof(float)) {
    float value;
    std::memcpy(&value, tensor.contents.data() + at, sizeof value);
    value = change(value);
    std::memcpy(tensor.contents.data() + at, &value, sizeof value);
  }
}

/// From MXNet's network to the same function as the state dict's.
void adapt(Tensor &tensor) {
  if (tensor.name == "conv1.weight")
    changeFloats(tensor, [](float value) { return value * pixelScale; });
  else if (tensor.name == "features.weight")
    changeFloats(tensor, [](float) { return 1.0f; });
  else if (tensor.name.ends_with(".running_var"))
    changeFloats(tensor, [](float value) { return value + epsDifference; });
}

} // namespace

bool isMxnetWeights(std::span<const uint8_t, 8> start) {
  uint64_t magic;
  std::memcpy(&magic, start.data(), sizeof magic);
  return magic == listMagic;
}

std::vector<Tensor> readMxnetWeights(std::span<const uint8_t> file,
                                     const std::string &path) {
  std::vector<Tensor> network;
  std::set<std::string> names;
  for (Tensor &tensor : ParamsReader(file, path).run()) {
    if (tensor.name == "arg:fc7_weight") // a softmax head's class centers
      continue;
    std::string name = stateDictName(tensor.name);
    require(!name.empty(),
            "{}: '{:.80}' is no parameter of insightface's iresnet", path,
            tensor.name);
    require(names.insert(name).second, "{}: '{:.80}' is there twice", path,
            tensor.name);
    tensor.name = name;
    adapt(tensor);
    network.push_back(std::move(tensor));
  }
  return network;
}

} // namespace pfc::rt
