#include "runtime/train/weights/TensorFile.h"

#include "runtime/base/Error.h"
#include "runtime/train/weights/MxnetWeights.h"
#include "runtime/train/weights/Safetensors.h"
#include "runtime/train/weights/TorchWeights.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace pfc::rt {

size_t tensorTypeBytes(TensorType type) {
  switch (type) {
  case TensorType::F32:
    return 4;
  case TensorType::BF16:
    return 2;
  case TensorType::I64:
    return 8;
  }
  return 0;
}

const char *tensorTypeName(TensorType type) {
  switch (type) {
  case TensorType::F32:
    return "F32";
  case TensorType::BF16:
    return "BF16";
  case TensorType::I64:
    return "I64";
  }
  return "";
}

const TensorEntry *TensorFile::find(std::string_view name) const {
  auto entry = std::find_if(
      entries.begin(), entries.end(),
      [&](const TensorEntry &candidate) { return candidate.name == name; });
  return entry == entries.end() ? nullptr : &*entry;
}

void TensorFile::read(const TensorEntry &entry, std::span<std::byte> to) const {
  require(to.size() == entry.bytes,
          "{}: tensor {} has {} bytes, {} were asked for", path, entry.name,
          entry.bytes, to.size());
  read(entry, 0, to);
}

ImportedTensors::ImportedTensors(std::string path, std::vector<Tensor> tensors)
    : TensorFile(std::move(path)), owned(std::move(tensors)) {
  for (size_t i = 0; i < owned.size(); ++i)
    entries.push_back({owned[i].name, owned[i].type, owned[i].shape, i,
                       owned[i].contents.size()});
}

void ImportedTensors::read(const TensorEntry &entry, uint64_t begin,
                           std::span<std::byte> to) const {
  const std::vector<std::byte> &contents = owned.at(entry.offset).contents;
  require(begin <= contents.size() && to.size() <= contents.size() - begin,
          "{}: tensor {} has {} bytes, {} from byte {} were asked for", path,
          entry.name, contents.size(), to.size(), begin);
  std::copy_n(contents.begin() + static_cast<ptrdiff_t>(begin), to.size(),
              to.begin());
}

namespace {

std::vector<uint8_t> readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  std::streamoff bytes = file.good() ? std::streamoff(file.tellg()) : -1;
  require(bytes >= 0 && bytes < INT64_MAX, "{}: cannot be read: {}", path,
          std::strerror(errno));
  std::vector<uint8_t> contents(static_cast<size_t>(bytes));
  file.seekg(0);
  file.read(reinterpret_cast<char *>(contents.data()), bytes);
  require(file.good() || bytes == 0, "{}: cannot be read", path);
  return contents;
}

} // namespace

std::unique_ptr<TensorFile> openWeights(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  require(file.good(), "{}: cannot be opened: {}", path, std::strerror(errno));
  uint8_t start[8] = {};
  file.read(reinterpret_cast<char *>(start), sizeof start);
  if (isTorchWeights(start))
    return std::make_unique<ImportedTensors>(
        path, readTorchWeights(readFile(path), path));
  if (isMxnetWeights(start))
    return std::make_unique<ImportedTensors>(
        path, readMxnetWeights(readFile(path), path));
  // The magic number of PyTorch before 1.6, as a pickle.
  constexpr uint8_t old[] = {0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46};
  require(!std::ranges::equal(start, old),
          "{}: is of PyTorch's format before 1.6; load it with PyTorch and "
          "torch.save it again",
          path);
  return std::make_unique<SafetensorsFile>(path);
}

std::unique_ptr<TensorFile> openTorchHead(const std::string &path) {
  return std::make_unique<ImportedTensors>(
      path, readTorchWeights(readFile(path), path, TorchPart::Head));
}

} // namespace pfc::rt
