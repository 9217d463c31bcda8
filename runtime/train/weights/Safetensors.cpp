#include "runtime/train/weights/Safetensors.h"

#include "runtime/base/AtomicFile.h"
#include "runtime/base/Error.h"
#include "runtime/train/weights/SafetensorsHeader.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <numeric>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

namespace pfc::rt {
namespace {

static_assert(std::endian::native == std::endian::little,
              "contents are written as they lie in memory");

// The JSON of the largest backbone is below 1 MiB.
constexpr uint64_t maxHeaderBytes = uint64_t{32} << 20;

/// The JSON is padded with spaces to this, so that the contents are aligned.
constexpr size_t headerAlignment = 8;

/// What a tensor's type and shape say it has.
uint64_t contentBytes(const std::string &path, const std::string &name,
                      TensorType type, const std::vector<int64_t> &shape) {
  uint64_t bytes = tensorTypeBytes(type);
  for (int64_t extent : shape) {
    require(extent >= 0, "{}: tensor {}: negative extent {}", path, name,
            extent);
    bytes *= static_cast<uint64_t>(extent);
  }
  return bytes;
}

void checkContents(const std::string &path, const TensorEntry &tensor,
                   uint64_t bytes) {
  require(bytes == tensor.bytes,
          "{}: tensor {}: {} [{}] needs {} bytes, but "
          "has {}",
          path, tensor.name, tensorTypeName(tensor.type),
          fmt::join(tensor.shape, ", "), tensor.bytes, bytes);
}

/// Where each tensor's contents go, in the order given.
std::vector<TensorEntry> placeTensors(const std::string &path,
                                      std::span<const TensorSource> tensors) {
  std::vector<TensorEntry> entries;
  std::set<std::string_view> names;
  for (const TensorSource &tensor : tensors) {
    require(names.insert(tensor.name).second, "{}: two tensors are called {}",
            path, tensor.name);
    require(tensor.name != "__metadata__", "{}: a tensor is called {}", path,
            tensor.name);
    entries.push_back(
        {tensor.name, tensor.type, tensor.shape, 0,
         contentBytes(path, tensor.name, tensor.type, tensor.shape)});
  }
  return entries;
}

std::string headerText(const SafetensorsHeader &header) {
  std::string json = formatSafetensorsHeader(header);
  json.resize((json.size() + headerAlignment - 1) / headerAlignment *
                  headerAlignment,
              ' ');
  return json;
}

} // namespace

void writeSafetensors(const std::string &path,
                      std::span<const TensorView> tensors,
                      const TensorMetadata &metadata, Sha256 *digest) {
  std::vector<TensorSource> sources;
  for (const TensorView &tensor : tensors) {
    checkContents(path,
                  {tensor.name, tensor.type, tensor.shape, 0,
                   contentBytes(path, tensor.name, tensor.type, tensor.shape)},
                  tensor.contents.size());
    sources.push_back({tensor.name, tensor.type, tensor.shape,
                       [contents = tensor.contents](const TensorSink &sink) {
                         sink(contents);
                       }});
  }
  streamSafetensors(path, sources, metadata, digest);
}

void streamSafetensors(const std::string &path,
                       std::span<const TensorSource> tensors,
                       const TensorMetadata &metadata, Sha256 *digest) {
  SafetensorsHeader header{placeTensors(path, tensors), metadata};
  std::vector<size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return tensorTypeBytes(tensors[a].type) > tensorTypeBytes(tensors[b].type);
  });
  std::vector<TensorEntry> placed;
  uint64_t offset = 0;
  for (size_t index : order) {
    TensorEntry &entry = placed.emplace_back(header.entries[index]);
    entry.offset = offset;
    offset += entry.bytes;
  }
  header.entries = placed;

  std::string json = headerText(header);
  AtomicFile file(path, digest);
  uint64_t length = json.size();
  file.write(&length, sizeof(length));
  file.write(json.data(), json.size());
  for (size_t i = 0; i < order.size(); ++i) {
    uint64_t bytes = 0;
    tensors[order[i]].contents([&](std::span<const std::byte> piece) {
      file.write(piece.data(), piece.size());
      bytes += piece.size();
    });
    checkContents(path, placed[i], bytes);
  }
  file.commit();
}

SafetensorsFile::SafetensorsFile(std::string path)
    : TensorFile(std::move(path)) {
  descriptor = ::open(this->path.c_str(), O_RDONLY | O_CLOEXEC);
  require(descriptor >= 0, "{}: cannot be opened: {}", this->path,
          std::strerror(errno));
  try {
    readHeader();
  } catch (...) {
    ::close(descriptor);
    throw;
  }
}

SafetensorsFile::~SafetensorsFile() { ::close(descriptor); }

void SafetensorsFile::readAt(uint64_t offset, void *to, size_t size) const {
  char *next = static_cast<char *>(to);
  while (size > 0) {
    ssize_t count = ::pread(descriptor, next, size, offset);
    if (count < 0 && errno == EINTR)
      continue;
    require(count > 0, "{}: cannot be read at offset {}: {}", path, offset,
            count < 0 ? std::strerror(errno) : "the file became shorter");
    next += count;
    offset += count;
    size -= count;
  }
}

void SafetensorsFile::readHeader() {
  struct stat status;
  require(::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode),
          "{}: not a regular file", path);
  uint64_t fileBytes = static_cast<uint64_t>(status.st_size);
  uint64_t length = 0;
  require(fileBytes >= sizeof(length), "{}: {} bytes are no safetensors file",
          path, fileBytes);
  readAt(0, &length, sizeof(length));
  require(length <= maxHeaderBytes && length <= fileBytes - sizeof(length),
          "{}: its header claims {} bytes of a file of {}; it is no "
          "safetensors file, or truncated",
          path, length, fileBytes);
  std::string json(length, '\0');
  readAt(sizeof(length), json.data(), json.size());
  uint64_t begin = sizeof(length) + length;
  SafetensorsHeader header =
      parseSafetensorsHeader(json, path, begin, fileBytes - begin);
  entries = std::move(header.entries);
  strings = std::move(header.metadata);
}

void SafetensorsFile::read(const TensorEntry &entry, uint64_t begin,
                           std::span<std::byte> to) const {
  require(begin <= entry.bytes && to.size() <= entry.bytes - begin,
          "{}: tensor {} has {} bytes, {} from byte {} were asked for", path,
          entry.name, entry.bytes, to.size(), begin);
  readAt(entry.offset + begin, to.data(), to.size());
}

} // namespace pfc::rt
