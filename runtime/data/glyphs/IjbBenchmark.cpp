#include "runtime/base/OutputFile.h"
#include "runtime/base/ParallelFor.h"
#include "runtime/data/Align.h"
#include "runtime/data/glyphs/Benchmarks.h"
#include "runtime/data/glyphs/Studio.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace pfc::rt::data::glyphs {
namespace {

constexpr uint32_t streams = 5;        // PairSets has 1 to 4
constexpr int frames = 2;              // of a medium
constexpr int64_t mostCompared = 2000; // probes with a gallery template

struct Picture {
  Shot shot;
  int64_t templateId, media; ///< both from 1 on
};

/// Templates 2i + 1 (gallery) and 2i + 2 (probe) of identity i.
std::vector<Picture> dealDesigns(const Typefaces &typefaces,
                                 const std::vector<Identity> &identities,
                                 uint64_t seed) {
  std::vector<Picture> pictures;
  int64_t media = 0;
  for (size_t i = 0; i < identities.size(); ++i) {
    std::vector<int> designs = typefaces.designsFor(Split::Held, identities[i]);
    Random random(seed, identityNumber(typefaces, identities[i]),
                  hashOf("templates"), 0);
    for (size_t d = designs.size(); d > 1; --d)
      std::swap(designs[d - 1],
                designs[random.below(static_cast<uint32_t>(d))]);
    for (size_t d = 0; d < designs.size(); ++d) {
      int64_t templateId =
          static_cast<int64_t>(2 * i + 1) + (d >= (designs.size() + 1) / 2);
      ++media;
      for (int frame = 0; frame < frames; ++frame)
        pictures.push_back(
            {{static_cast<int>(i), designs[d]}, templateId, media});
    }
  }
  return pictures;
}

/// A crop on its sheet of paper.
struct Sheet {
  Image image;
  Landmarks landmarks;
  double score; ///< a detector's
};

/// The mean of the crop's outermost pixels, which show paper.
std::array<int, 3> paperOf(std::span<const uint8_t> crop, ImageShape shape) {
  std::array<int64_t, 3> sum = {};
  int64_t count = 0;
  for (int y = 0; y < shape.height; ++y)
    for (int x = 0; x < shape.width; ++x)
      if (x == 0 || y == 0 || x + 1 == shape.width || y + 1 == shape.height) {
        for (int c = 0; c < shape.channels; ++c)
          sum[c] += crop[(size_t(y) * shape.width + x) * shape.channels + c];
        ++count;
      }
  return {static_cast<int>(sum[0] / count), static_cast<int>(sum[1] / count),
          static_cast<int>(sum[2] / count)};
}

Sheet layOnSheet(std::span<const uint8_t> crop, ImageShape shape,
                 Random &random) {
  double angle = random.range(-0.25, 0.25) * std::numbers::pi;
  double scale = random.range(0.9, 1.5);
  double side = shape.width;
  int extent = static_cast<int>(std::ceil(1.5 * scale * side));
  Similarity toSheet{scale * std::cos(angle), scale * std::sin(angle), 0, 0};
  // The crop's middle comes near the sheet's.
  Point middle = toSheet({side / 2, side / 2});
  toSheet.dx = extent / 2.0 - middle.x + random.range(-0.05, 0.05) * side;
  toSheet.dy = extent / 2.0 - middle.y + random.range(-0.05, 0.05) * side;

  Sheet sheet{{{extent, extent, shape.channels}, {}},
              cropLandmarks(shape.height, shape.width),
              random.range(0.7, 1.0)};
  for (Point &landmark : sheet.landmarks)
    landmark = toSheet(landmark);
  size_t bytes = sheet.image.shape.bytes();
  std::vector<uint8_t> covered(bytes), all(crop.size(), 255);
  sheet.image.pixels.resize(bytes);
  warp(crop, shape, toSheet, sheet.image.pixels, sheet.image.shape);
  warp(all, shape, toSheet, covered, sheet.image.shape);
  std::array<int, 3> paper = paperOf(crop, shape);
  for (size_t i = 0; i < bytes; ++i)
    sheet.image.pixels[i] = static_cast<uint8_t>(sheet.image.pixels[i] +
                                                 paper[i % shape.channels] *
                                                     (255 - covered[i]) / 255);
  return sheet;
}

std::string nameOf(int64_t picture) {
  return fmt::format("{}.jpg", picture + 1);
}

void writeLists(const std::string &meta, const std::vector<Picture> &pictures,
                const std::vector<std::string> &places, int64_t identities) {
  OutputFile landmarks(meta + "glyph_name_5pts_score.txt");
  OutputFile media(meta + "glyph_face_tid_mid.txt");
  OutputFile first(meta + "glyph_1N_gallery_G1.csv");
  OutputFile second(meta + "glyph_1N_gallery_G2.csv");
  OutputFile probes(meta + "glyph_1N_probe_mixed.csv");
  for (OutputFile *list : {&first, &second, &probes})
    list->line("TEMPLATE_ID,SUBJECT_ID,FILENAME");
  for (size_t i = 0; i < pictures.size(); ++i) {
    const Picture &it = pictures[i];
    std::string name = nameOf(static_cast<int64_t>(i));
    landmarks.line("{} {}", name, places[i]);
    media.line("{} {} {}", name, it.templateId, it.media);
    bool gallery = it.templateId % 2 == 1;
    OutputFile &list = !gallery                    ? probes
                       : it.shot.identity % 2 == 0 ? first
                                                   : second;
    list.line("{},{},{}", it.templateId, it.shot.identity, name);
  }
  OutputFile pairs(meta + "glyph_template_pair_label.txt");
  for (int64_t i = 0; i < identities; ++i)
    // The others from here on, around the end.
    for (int64_t step = 0; step < std::min(identities, mostCompared); ++step) {
      int64_t j = (i + step) % identities;
      pairs.line("{} {} {}", 2 * i + 1, 2 * j + 2, i == j ? 1 : 0);
    }
  for (OutputFile *list :
       {&landmarks, &media, &first, &second, &probes, &pairs})
    list->close();
}

} // namespace

int64_t writeIjb(const Typefaces &typefaces,
                 const std::vector<Identity> &identities,
                 const BenchmarkOptions &options) {
  std::vector<Picture> pictures =
      dealDesigns(typefaces, identities, options.seed);
  std::vector<std::string> places(pictures.size());
  std::string root = options.folder + "/ijb/";
  Studio studio(typefaces, identities, options.shape, options.seed,
                options.threads);
  parallelFor(options.threads, static_cast<int64_t>(pictures.size()),
              [&](int thread, int64_t i) {
                Random random(options.seed, static_cast<uint32_t>(i),
                              hashOf("sheets"), 0);
                Sheet sheet = layOnSheet(
                    studio.take(thread, pictures[i].shot, streams, i),
                    options.shape, random);
                for (const Point &at : sheet.landmarks)
                  places[i] += fmt::format("{:.3f} {:.3f} ", at.x, at.y);
                places[i] += fmt::format("{:.6f}", sheet.score);
                std::vector<uint8_t> file = encodeJpeg(
                    sheet.image.pixels, sheet.image.shape, options.jpegQuality);
                OutputFile out(root + "loose_crop/" + nameOf(i));
                out.write(file.data(), file.size());
                out.close();
              });
  writeLists(root + "meta/", pictures, places,
             static_cast<int64_t>(identities.size()));
  return static_cast<int64_t>(pictures.size());
}

} // namespace pfc::rt::data::glyphs
