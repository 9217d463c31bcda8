#include "runtime/data/SyntheticDataset.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <cstring>

namespace pfc::rt::data {
namespace {

/// So many images begin at different bytes of the noise.
constexpr uint32_t beginnings = 1 << 20;

} // namespace

SyntheticDataset::SyntheticDataset(ImageShape shape, int64_t images,
                                   int64_t classes, uint64_t seed)
    : shape(shape), images(images), identities(classes), seed(seed) {
  require(images > 0 && classes > 0 && shape.bytes() > 0,
          "a synthetic set was asked for {} images of {} classes", images,
          classes);
  noise.resize(beginnings + shape.bytes());
  for (size_t at = 0; at < noise.size(); at += sizeof(PhiloxBlock)) {
    PhiloxBlock words = philox(seed, RandomPurpose::Synthetic,
                               static_cast<uint32_t>(at / sizeof words), 0, 1);
    std::memcpy(noise.data() + at, words.data(),
                std::min(sizeof words, noise.size() - at));
  }
}

/// The random numbers of image `i`: two words for its label, one for its
/// pixels.
PhiloxBlock SyntheticDataset::draw(int64_t i) const {
  return philox(seed, RandomPurpose::Synthetic, static_cast<uint32_t>(i),
                static_cast<uint32_t>(i >> 32), 0);
}

int64_t SyntheticDataset::label(int64_t i) const {
  PhiloxBlock words = draw(i);
  uint64_t number = uint64_t{words[1]} << 32 | words[0];
  return static_cast<int64_t>(number % static_cast<uint64_t>(identities));
}

std::span<const uint8_t> SyntheticDataset::pixels(int64_t i) const {
  return std::span(noise).subspan(draw(i)[2] % beginnings, shape.bytes());
}

std::span<const uint8_t>
SyntheticDataset::encoded(int64_t i, std::vector<uint8_t> &scratch) const {
  scratch = encodePng(pixels(i), shape);
  return scratch;
}

std::string SyntheticDataset::where(int64_t i) const {
  return fmt::format("synthetic image {}", i);
}

void SyntheticDataset::decode(int64_t i, ImageShape asked,
                              std::span<uint8_t> out) const {
  require(asked == shape,
          "synthetic images of {}x{}x{} were asked for as {}x{}x{}",
          shape.height, shape.width, shape.channels, asked.height, asked.width,
          asked.channels);
  std::ranges::copy(pixels(i), out.begin());
}

} // namespace pfc::rt::data
