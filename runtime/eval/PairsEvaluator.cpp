#include "runtime/eval/PairsEvaluator.h"

#include "runtime/base/Error.h"
#include "runtime/eval/Resize.h"

namespace pfc::rt {
namespace {

class VerificationPictures : public Pictures {
public:
  explicit VerificationPictures(const VerificationSet &set) : set(set) {}

  int64_t size() const override {
    return static_cast<int64_t>(set.images.size());
  }

  void read(int64_t index, data::ImageShape input,
            std::span<uint8_t> pixels) const override {
    try {
      decode(index, input, pixels);
    } catch (const std::exception &error) {
      fail("verification set {}: picture {}: {}", set.name, index,
           error.what());
    }
  }

private:
  void decode(int64_t index, data::ImageShape input,
              std::span<uint8_t> pixels) const {
    const std::vector<uint8_t> &file = set.images[index];
    RawShape raw = set.shapes[index];
    if (raw.encoded()) {
      data::Image decoded = data::decodeImage(file, input.channels);
      resizeBilinear(decoded.pixels, decoded.shape.height, decoded.shape.width,
                     pixels, input.height, input.width, input.channels);
      return;
    }
    require(static_cast<int>(raw.channels) == input.channels,
            "it is unencoded with {} channels, the network takes {}",
            raw.channels, input.channels);
    resizeBilinear(file, static_cast<int>(raw.height),
                   static_cast<int>(raw.width), pixels, input.height,
                   input.width, input.channels);
  }

  const VerificationSet &set;
};

} // namespace

VerificationResult evaluatePairs(const VerificationSet &set,
                                 const EmbedOptions &options,
                                 const EmbedBatch &embed,
                                 const AllGatherFloats &allGather) {
  VerificationPictures pictures(set);
  std::vector<float> embeddings;
  embeddings.reserve(pictures.size() * options.dim);
  double lengths = 0;
  embedPictures(pictures, options, embed, allGather,
                [&](const EmbeddedRows &rows) {
                  for (int64_t i = 0; i < rows.count(); ++i) {
                    std::span<const float> row = rows.embedding(i);
                    embeddings.insert(embeddings.end(), row.begin(), row.end());
                    lengths += rows.length(i);
                  }
                });
  VerificationResult result =
      evaluateVerification(embeddings, options.dim, set.same);
  result.name = set.name;
  result.xnorm = lengths / static_cast<double>(pictures.size());
  return result;
}

} // namespace pfc::rt
