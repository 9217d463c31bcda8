#include "runtime/train/weights/TorchWeights.h"

#include "runtime/base/Error.h"
#include "runtime/pickle/PickleReader.h"
#include "runtime/train/weights/Elements.h"
#include "runtime/train/weights/ZipArchive.h"

#include <algorithm>
#include <array>
#include <set>

namespace pfc::rt {
namespace {

constexpr std::string_view pickleName = "data.pkl";

/// The largest pickle: r2060 has 18,583 tensors of 150 bytes each.
constexpr size_t maxPickleBytes = size_t{64} << 20;

/// Tensors may share a storage, and fp16 becomes fp32; but all tensors have no
/// more bytes than this many times the file's, nor are more read for them.
constexpr uint64_t maxExpansion = 4;

size_t elementBytes(PickleElement element) {
  switch (element) {
  case PickleElement::UInt8:
  case PickleElement::Bool:
  case PickleElement::Int8:
    return 1;
  case PickleElement::Int16:
  case PickleElement::Float16:
  case PickleElement::BFloat16:
    return 2;
  case PickleElement::Int32:
  case PickleElement::Float32:
    return 4;
  case PickleElement::Int64:
  case PickleElement::Float64:
    return 8;
  }
  return 0;
}

std::string_view textOf(const PickleValue &value) {
  return {reinterpret_cast<const char *>(value.bytes.data()),
          value.bytes.size()};
}

class TorchReader {
public:
  TorchReader(std::span<const uint8_t> file, const std::string &path,
              TorchPart part)
      : path(path), part(part), archive(file, path),
        tensorBudget(maxExpansion * file.size()),
        storageBudget(maxExpansion * file.size()), pickle(readPickleBytes()),
        document(readPickle(pickle, path + ":" + root + "data.pkl",
                            PickleUse::Weights)) {}

  std::vector<Tensor> run() {
    if (std::optional<std::vector<uint8_t>> order =
            archive.read(root + "byteorder"))
      require(std::string(order->begin(), order->end()) == "little",
              "{}: was written by a big-endian machine", path);
    std::vector<Tensor> tensors;
    forEach(stateDict(), [&](std::string_view name, const PickleValue &value) {
      require(value.kind == PickleKind::Tensor,
              "{}: '{:.80}' is not a tensor: this is no state dict", path,
              name);
      tensors.push_back(read(std::string(name), value));
    });
    require(!tensors.empty(), "{}: has no tensors", path);
    dropModule(tensors);
    checkNames(tensors);
    return tensors;
  }

private:
  std::vector<uint8_t> readPickleBytes() {
    std::string name = archive.only(std::string("/").append(pickleName));
    root = name.substr(0, name.size() - pickleName.size());
    std::vector<uint8_t> bytes = *archive.read(name);
    require(bytes.size() <= maxPickleBytes, "{}: {} has {} bytes", path, name,
            bytes.size());
    return bytes;
  }

  template <typename Visit>
  void forEach(const PickleValue &dict, Visit visit) {
    require(dict.kind == PickleKind::Dict,
            "{}: holds no dict of tensors: save model.state_dict()", path);
    for (size_t i = 0; i < dict.items.size(); i += 2) {
      const PickleValue &key = document[dict.items[i]];
      require(key.kind == PickleKind::Text, "{}: a key is not a text", path);
      visit(textOf(key), document[dict.items[i + 1]]);
    }
  }

  const PickleValue &stateDict() {
    const PickleValue &all = document[document.root];
    if (part == TorchPart::Head) {
      constexpr const char *head = "state_dict_softmax_fc";
      const PickleValue *found = dictIn(all, head);
      require(found, "{}: has no {}: it holds no class centers", path, head);
      return *found;
    }
    for (std::string_view inner : {"state_dict_backbone", "state_dict"})
      if (const PickleValue *found = dictIn(all, inner))
        return *found;
    return all;
  }

  const PickleValue *dictIn(const PickleValue &all, std::string_view inner) {
    const PickleValue *found = nullptr;
    forEach(all, [&](std::string_view name, const PickleValue &value) {
      if (name == inner && value.kind == PickleKind::Dict)
        found = &value;
    });
    return found;
  }

  Tensor read(std::string name, const PickleValue &value) {
    Tensor tensor{std::move(name), TensorType::F32, {}, {}};
    const PickleValue &storage = document[value.items[0]];
    uint64_t elements = shapeOf(tensor, value);
    uint64_t first = static_cast<uint64_t>(value.number);
    uint64_t available = static_cast<uint64_t>(storage.number);
    require(first <= available && elements <= available - first,
            "{}: tensor {}: elements {} to {} of a storage of {}", path,
            tensor.name, first, first + elements, available);
    std::span<const uint8_t> bytes = storageBytes(storage, tensor.name);
    size_t width = elementBytes(storage.element);
    spend(tensorBudget, elements * std::max(width, sizeof(float)));
    convert(tensor, storage.element,
            bytes.subspan(first * width, elements * width));
    return tensor;
  }

  /// Fills the tensor's shape; its elements, which follow each other.
  uint64_t shapeOf(Tensor &tensor, const PickleValue &value) {
    const PickleValue &size = document[value.items[1]];
    const PickleValue &strides = document[value.items[2]];
    uint64_t elements = 1;
    tensor.shape.resize(size.items.size());
    for (size_t axis = size.items.size(); axis-- > 0;) {
      int64_t extent = document[size.items[axis]].number;
      int64_t stride = document[strides.items[axis]].number;
      require(extent == 1 || extent == 0 ||
                  static_cast<uint64_t>(stride) == elements,
              "{}: tensor {} is not contiguous: save its .contiguous()", path,
              tensor.name);
      require(extent == 0 ||
                  elements <= static_cast<uint64_t>(INT64_MAX / extent),
              "{}: tensor {}: its shape overflows", path, tensor.name);
      elements *= static_cast<uint64_t>(extent);
      tensor.shape[axis] = extent;
    }
    return elements;
  }

  std::span<const uint8_t> storageBytes(const PickleValue &storage,
                                        const std::string &tensor) {
    std::string key(textOf(storage));
    if (key != openKey) { // tensors of one storage follow each other
      std::optional<std::vector<uint8_t>> bytes =
          archive.read(root + "data/" + key);
      require(bytes.has_value(), "{}: tensor {}: the archive has no {}data/{}",
              path, tensor, root, key);
      open = std::move(*bytes);
      spend(storageBudget, open.size());
      openKey = key;
    }
    size_t width = elementBytes(storage.element);
    require(open.size() % width == 0 &&
                open.size() / width == static_cast<uint64_t>(storage.number),
            "{}: tensor {}: {}data/{} has {} bytes, not {} elements of {}",
            path, tensor, root, key, open.size(), storage.number, width);
    return open;
  }

  void spend(uint64_t &budget, uint64_t bytes) {
    require(bytes <= budget,
            "{}: its tensors repeat to more than {} times the file's size",
            path, maxExpansion);
    budget -= bytes;
  }

  void convert(Tensor &tensor, PickleElement element,
               std::span<const uint8_t> bytes) {
    switch (element) {
    case PickleElement::Float32:
      tensor.contents = sameBytes(bytes);
      return;
    case PickleElement::Float16:
      tensor.contents = floatsFromHalf(bytes);
      return;
    case PickleElement::BFloat16:
      tensor.contents = floatsFromBfloat16(bytes);
      return;
    case PickleElement::Float64:
      tensor.contents = floatsFromDouble(bytes);
      return;
    case PickleElement::Int64:
      tensor.type = TensorType::I64;
      tensor.contents = sameBytes(bytes);
      return;
    default:
      fail("{}: tensor {} is neither floating point nor int64", path,
           tensor.name);
    }
  }

  static void dropModule(std::vector<Tensor> &tensors) {
    constexpr std::string_view prefix = "module.";
    if (!std::all_of(tensors.begin(), tensors.end(), [&](const Tensor &tensor) {
          return tensor.name.starts_with(prefix);
        }))
      return;
    for (Tensor &tensor : tensors)
      tensor.name.erase(0, prefix.size());
  }

  void checkNames(const std::vector<Tensor> &tensors) {
    std::set<std::string_view> names;
    for (const Tensor &tensor : tensors)
      require(names.insert(tensor.name).second, "{}: tensor {} is there twice",
              path, tensor.name);
  }

  const std::string &path;
  TorchPart part;
  ZipArchive archive;
  uint64_t tensorBudget, storageBudget; ///< bytes
  std::string root;                     ///< "NAME/"
  std::vector<uint8_t> pickle;
  PickleDocument document;
  std::string openKey = "/"; ///< no entry's
  std::vector<uint8_t> open;
};

} // namespace

bool isTorchWeights(std::span<const uint8_t, 8> start) {
  constexpr std::array<uint8_t, 4> zip = {'P', 'K', 3, 4};
  return std::equal(zip.begin(), zip.end(), start.begin());
}

std::vector<Tensor> readTorchWeights(std::span<const uint8_t> file,
                                     const std::string &path, TorchPart part) {
  return TorchReader(file, path, part).run();
}

} // namespace pfc::rt
