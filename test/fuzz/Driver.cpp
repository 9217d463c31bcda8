//===- Driver.cpp - A short fuzz run without libFuzzer ----------*- C++ -*-===//
//
//   fuzz-TARGET [-runs=N] [-seed=S] SEEDS
//
// Gives the target every file of the folder SEEDS, then N mutations of them: a
// function of S, so that a failure comes again. libFuzzer, which looks where
// the mutations lead, finds more; this keeps what it found found.
//
//===----------------------------------------------------------------------===//
#include "Fuzz.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>
#include <random>
#include <vector>

using Bytes = std::vector<uint8_t>;

namespace {

constexpr size_t largestAllocation = size_t{1} << 30;
constexpr size_t largestInput = size_t{1} << 16;

void *allocate(size_t size) {
  if (size > largestAllocation) {
    std::fprintf(stderr, "asked for %zu bytes at once\n", size);
    std::abort();
  }
  if (void *memory = std::malloc(size ? size : 1))
    return memory;
  throw std::bad_alloc();
}

class Mutator {
public:
  Mutator(std::vector<Bytes> seeds, uint64_t seed)
      : seeds(std::move(seeds)), random(seed) {}

  Bytes next() {
    Bytes bytes = pick();
    for (size_t count = 1 + below(6); count > 0; --count)
      change(bytes);
    if (bytes.size() > largestInput)
      bytes.resize(largestInput);
    return bytes;
  }

private:
  size_t below(size_t end) { return end == 0 ? 0 : random() % end; }
  const Bytes &pick() { return seeds[below(seeds.size())]; }

  void change(Bytes &bytes) {
    size_t at = below(bytes.size());
    size_t length = 1 + below(std::min<size_t>(bytes.size() - at, 64));
    auto begin = bytes.begin() + static_cast<ptrdiff_t>(at);
    switch (below(8)) {
    case 0:
      if (!bytes.empty())
        bytes[at] ^= static_cast<uint8_t>(1 << below(8));
      return;
    case 1:
      if (!bytes.empty())
        bytes[at] = static_cast<uint8_t>(random());
      return;
    case 2:
      return overwrite(bytes, at, uint64_t{1} << below(64), 8);
    case 3:
      return overwrite(bytes, at, uint64_t(0) - below(3), 1 + below(8));
    case 4: // leave a part out
      if (!bytes.empty())
        bytes.erase(begin, bytes.begin() + static_cast<ptrdiff_t>(std::min(
                                               at + length, bytes.size())));
      return;
    case 5: { // say a part twice
      if (bytes.empty())
        return;
      Bytes part(begin, bytes.begin() + static_cast<ptrdiff_t>(std::min(
                                            at + length, bytes.size())));
      bytes.insert(begin, part.begin(), part.end());
      return;
    }
    case 6: { // another seed's end
      const Bytes &other = pick();
      size_t from = below(other.size());
      bytes.resize(at);
      bytes.insert(bytes.end(), other.begin() + static_cast<ptrdiff_t>(from),
                   other.end());
      return;
    }
    default:
      bytes.resize(at);
    }
  }

  static void overwrite(Bytes &bytes, size_t at, uint64_t value, size_t width) {
    for (size_t i = 0; i < width && at + i < bytes.size(); ++i)
      bytes[at + i] = static_cast<uint8_t>(value >> (8 * i));
  }

  std::vector<Bytes> seeds;
  std::mt19937_64 random;
};

std::vector<Bytes> readSeeds(const char *folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto &entry : std::filesystem::directory_iterator(folder))
    paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<Bytes> seeds;
  for (const auto &path : paths) {
    std::ifstream file(path, std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(file),
                       std::istreambuf_iterator<char>());
  }
  return seeds;
}

/// Exact bounds, so that a sanitizer sees an access behind the end.
void run(const Bytes &bytes) {
  Bytes exact(bytes);
  exact.shrink_to_fit();
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

} // namespace

void *operator new(size_t size) { return allocate(size); }
void *operator new[](size_t size) { return allocate(size); }
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete[](void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, size_t) noexcept { std::free(memory); }
void operator delete[](void *memory, size_t) noexcept { std::free(memory); }

int main(int argc, char **argv) {
  size_t runs = 0, seed = 1;
  const char *folder = nullptr;
  for (int i = 1; i < argc; ++i)
    if (std::sscanf(argv[i], "-runs=%zu", &runs) != 1 &&
        std::sscanf(argv[i], "-seed=%zu", &seed) != 1)
      folder = argv[i];
  if (!folder) {
    std::fprintf(stderr, "usage: %s [-runs=N] [-seed=S] SEEDS\n", argv[0]);
    return 2;
  }
  std::vector<Bytes> seeds = readSeeds(folder);
  for (const Bytes &bytes : seeds)
    run(bytes);
  size_t count = seeds.size();
  Mutator mutator(std::move(seeds), seed);
  for (size_t i = 0; i < runs && count > 0; ++i)
    run(mutator.next());
  std::printf("%zu seeds, %zu mutations\n", count, runs);
  return count > 0 ? 0 : 1;
}
