#include "runtime/eval/VerificationSet.h"

#include "runtime/base/Error.h"
#include "runtime/pickle/PickleReader.h"

#include <filesystem>
#include <fstream>

namespace pfc::rt {
namespace {

// One memoised picture may stand at many places of a list, and each gets a
// copy. Sets name a picture a few times at most; a pickle that names a large
// one a million times is an attack.
constexpr uint64_t maxExpansion = 16;

std::vector<uint8_t> readFile(const std::string &path) {
  std::error_code code;
  require(std::filesystem::is_regular_file(path, code),
          "{}: no such verification set; give the path of a .bin file", path);
  uint64_t size = std::filesystem::file_size(path, code);
  require(!code, "{}: cannot be read: {}", path, code.message());
  std::vector<uint8_t> data(size);
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char *>(data.data()),
            static_cast<std::streamsize>(size));
  require(file.good(), "{}: cannot be read; check its permissions", path);
  return data;
}

bool isSequence(const PickleValue &value) {
  return value.kind == PickleKind::List || value.kind == PickleKind::Tuple;
}

/// Turns a parsed pickle into a set.
class Interpreter {
public:
  Interpreter(const PickleDocument &document, const std::string &path,
              uint64_t fileSize)
      : document(document), path(path), budget(maxExpansion * fileSize) {}

  VerificationSet run() {
    const PickleValue &root = document[document.root];
    require(isSequence(root) && root.items.size() == 2,
            "{}: holds something other than the pair (pictures, issame)", path);
    readSame(document[root.items[1]]);
    const PickleValue &bins = document[root.items[0]];
    require(isSequence(bins), "{}: its pictures are not a list", path);
    require(!set.same.empty() && bins.items.size() == 2 * set.same.size(),
            "{}: {} pictures for {} pairs; there must be two a pair", path,
            bins.items.size(), set.same.size());
    set.images.reserve(bins.items.size());
    set.shapes.reserve(bins.items.size());
    for (PickleId id : bins.items)
      addImage(document[id]);
    set.name = std::filesystem::path(path).stem().string();
    return std::move(set);
  }

private:
  void readSame(const PickleValue &list) {
    if (list.kind == PickleKind::Array) {
      require(list.complete && list.element == PickleElement::Bool &&
                  list.items.size() == 1,
              "{}: issame is an array, but not one of bool [n]", path);
      for (uint8_t value : list.bytes)
        set.same.push_back(value != 0);
      return;
    }
    require(isSequence(list), "{}: issame is not a list", path);
    for (PickleId id : list.items) {
      const PickleValue &value = document[id];
      bool number =
          value.kind == PickleKind::Bool || value.kind == PickleKind::Int;
      require(number && (value.number == 0 || value.number == 1),
              "{}: issame[{}] is neither True nor False", path,
              set.same.size());
      set.same.push_back(value.number != 0);
    }
  }

  void addImage(const PickleValue &image) {
    bool array = image.kind == PickleKind::Array && image.complete &&
                 image.element == PickleElement::UInt8;
    require(array || image.kind == PickleKind::Bytes,
            "{}: picture {} is neither bytes nor a numpy uint8 array", path,
            set.images.size());
    require(!image.bytes.empty(), "{}: picture {} is empty", path,
            set.images.size());
    require(image.bytes.size() <= budget,
            "{}: its pictures repeat to more than {} times the file's size",
            path, maxExpansion);
    budget -= image.bytes.size();
    set.shapes.push_back(array ? rawShape(image) : RawShape{});
    set.images.emplace_back(image.bytes.begin(), image.bytes.end());
  }

  RawShape rawShape(const PickleValue &array) {
    const std::vector<uint32_t> &extents = array.items;
    if (extents.size() == 1 ||
        (extents.size() == 2 && (extents[0] == 1 || extents[1] == 1)))
      return {}; // what cv2.imencode returns
    if (extents.size() == 2)
      return {extents[0], extents[1], 1};
    require(extents.size() == 3 && (extents[2] == 1 || extents[2] == 3),
            "{}: picture {} is an array of shape [{}]; use encoded [N] or "
            "raw [H, W] or [H, W, 1 or 3]",
            path, set.images.size(), fmt::join(extents, ", "));
    return {extents[0], extents[1], extents[2]};
  }

  const PickleDocument &document;
  const std::string &path;
  uint64_t budget;
  VerificationSet set;
};

} // namespace

VerificationSet readVerificationSet(const std::string &path) {
  std::vector<uint8_t> data = readFile(path);
  PickleDocument document = readPickle(data, path);
  return Interpreter(document, path, data.size()).run();
}

} // namespace pfc::rt
