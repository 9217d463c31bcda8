// MegaFace's lists and protocol, against the definition by brute force.
#include "runtime/eval/MegaFace.h"
#include "runtime/base/Error.h"
#include "runtime/eval/DotProducts.h"
#include "runtime/eval/FeatureFiles.h"
#include "test/unit/data/TestFiles.h"
#include "test/unit/eval/RandomFloats.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace pfc::rt;
using data::messageOf;
using data::readBytes;
using data::ScratchFolder;

namespace {

void write(const std::string &path, const std::string &text) {
  data::writeBytes(path, text);
}

TEST(MegaFaceSet, ReadsListsAndNoise) {
  ScratchFolder folder;
  write(folder / "facescrub_lst", "Ann/Ann_1.png \nx/Bo B/Bo B_2.png\n"
                                  "Ann/Ann_3.png\nx/Bo B/Bo B_4.png\n");
  write(folder / "megaface_lst", "1/2/3.jpg\na/1/2/4.jpg\n1/3/4.jpg\r\n");
  MegaFaceSet set = readMegaFaceSet(folder.path());
  EXPECT_EQ(set.persons, 2);
  EXPECT_EQ(set.person, (std::vector<int32_t>{0, 1, 0, 1}));
  EXPECT_EQ(set.probes[1].path, "x/Bo B/Bo B_2.png");
  EXPECT_FALSE(set.probes[1].noise || set.distractors[1].noise);

  write(folder / "facescrub_noises.txt", "# a remark\nBo B_4.png\nother.png\n");
  write(folder / "megaface_noises.txt", "x\t1/2/4.jpg\n1/3/4.jpg\n");
  set = readMegaFaceSet(folder.path());
  std::vector<bool> noise;
  for (const auto *list : {&set.probes, &set.distractors})
    for (const MegaFaceSet::Picture &picture : *list)
      noise.push_back(picture.noise);
  EXPECT_EQ(noise,
            (std::vector<bool>{false, false, false, true, false, true, true}));
}

TEST(MegaFaceSet, RefusesByLine) {
  ScratchFolder folder;
  auto refusal = [&] {
    return messageOf([&] { readMegaFaceSet(folder.path()); });
  };
  EXPECT_NE(refusal().find("facescrub_lst"), std::string::npos);
  write(folder / "facescrub_lst", "A/1.png\nA/2.png\n");
  write(folder / "megaface_lst", "1/2/3.png\n4.png\n");
  EXPECT_NE(refusal().find("megaface_lst:2: '4.png'"), std::string::npos);
  write(folder / "megaface_lst",
        "1/2/3.png\n../../x/3.png\n"); // leaves the folder
  EXPECT_NE(refusal().find("megaface_lst:2: '../../x/3.png'"),
            std::string::npos);
  write(folder / "megaface_lst", "\n");
  EXPECT_NE(refusal().find("no pictures"), std::string::npos);
  write(folder / "megaface_lst", "1/2/3.png\n");
  write(folder / "facescrub_noises.txt", "1.png\n2.png\n");
  EXPECT_NE(refusal().find("all pictures of A"), std::string::npos);
  write(folder / "facescrub_noises.txt", "7.png\n");
  EXPECT_NE(refusal().find("none of its 1 names"), std::string::npos);
  std::filesystem::remove(folder / "facescrub_noises.txt");
  write(folder / "facescrub_lst", "A/3.png\nB/4.png\n");
  EXPECT_NE(refusal().find("no person has two"), std::string::npos);
}

constexpr int64_t dim = 24;

struct Made {
  MegaFaceSet set;
  std::vector<float> probes, distractors; ///< embeddings
};

/// 6 persons with 2 to 7 pictures; every ninth picture is noise.
Made makeSet(float spread, int64_t distractors) {
  Made made;
  std::vector<float> centers = randomFloats(1, 6 * dim);
  for (int person = 0; person < 6; ++person)
    for (int picture = 0; picture < 2 + person; ++picture) {
      size_t number = made.set.probes.size();
      made.set.probes.push_back(
          {fmt::format("p{}/{}.png", person, number), number % 9 == 5});
      made.set.person.push_back(person);
      std::vector<float> noise = randomFloats(10 + number, dim);
      for (int64_t k = 0; k < dim; ++k)
        made.probes.push_back(3 *
                              (centers[person * dim + k] + spread * noise[k]));
    }
  made.set.persons = 6;
  made.distractors = randomFloats(3, distractors * dim);
  for (int64_t i = 0; i < distractors; ++i)
    made.set.distractors.push_back({fmt::format("1/2/{}.png", i), i % 9 == 5});
  return made;
}

double cosine(const float *a, const float *b) {
  double sum = 0;
  for (int64_t k = 0; k < dim; ++k)
    sum += double{a[k]} * b[k];
  return sum;
}

MegaFaceResult evaluate(const Made &made, std::vector<float> probes,
                        const std::vector<float> &distractors, int64_t chunk) {
  MegaFaceScores scores(made.set, std::move(probes), dim, 2);
  auto count = static_cast<int64_t>(made.set.distractors.size());
  for (int64_t first = 0; first < count; first += chunk)
    scores.add(first,
               std::span(distractors)
                   .subspan(first * dim, std::min(chunk, count - first) * dim));
  return scores.result();
}

TEST(MegaFace, IsTheDefinition) {
  for (float spread : {0.2f, 1.0f, 3.0f}) {
    Made made = makeSet(spread, 3000);
    MegaFaceSet &set = made.set;
    std::vector<float> probes = probeRows(set, made.probes, dim);
    std::vector<float> others = made.distractors;
    for (size_t i = 0; i < set.distractors.size(); ++i)
      scaleToOne(std::span(others).subspan(i * dim, dim), set.distractors[i]);

    double found[2] = {}, pairs = 0;
    std::vector<double> same, different;
    for (size_t i = 0; i < set.probes.size(); ++i) {
      std::vector<double> nearness;
      for (size_t d = 0; d < set.distractors.size(); ++d)
        nearness.push_back(set.distractors[d].noise
                               ? -1e9
                               : cosine(&probes[i * dim], &others[d * dim]));
      different.insert(different.end(), nearness.begin(), nearness.end());
      for (size_t j = 0; j < set.probes.size(); ++j) {
        if (i == j || set.person[i] != set.person[j])
          continue;
        double own = cosine(&probes[i * dim], &probes[j * dim]);
        auto nearer = std::ranges::count_if(
            nearness, [&](double score) { return score > own; });
        found[0] += nearer < 1;
        found[1] += nearer < 10;
        ++pairs;
        if (i < j)
          same.push_back(own);
      }
    }
    std::ranges::sort(different, std::greater());
    for (int64_t chunk : {1, 100, 3000}) {
      MegaFaceResult result = evaluate(made, probes, others, chunk);
      EXPECT_EQ(result.probes, 27);
      EXPECT_EQ(result.probeNoises, 3);
      EXPECT_EQ(result.distractors, 3000);
      EXPECT_EQ(result.distractorNoises, 333);
      EXPECT_EQ(result.pairs, pairs);
      EXPECT_NEAR(result.found[0], found[0] / pairs, 1e-9);
      EXPECT_NEAR(result.found[1], found[1] / pairs, 1e-9);
      // 81,000 pairs: none may pass at 1e-6 and 1e-5.
      auto above = std::ranges::count_if(
          same, [&](double score) { return score > different[0]; });
      for (double tar : result.tars)
        EXPECT_NEAR(tar, static_cast<double>(above) / same.size(), 1e-9);
    }
  }
}

/// With 27 * 40,000 pairs one may pass at 1e-6 and ten at 1e-5.
TEST(MegaFace, LetsAsManyPassAsTheRateSays) {
  Made made = makeSet(1.2f, 40000);
  for (MegaFaceSet::Picture &picture : made.set.distractors)
    picture.noise = false;
  std::vector<float> probes = probeRows(made.set, made.probes, dim);
  std::vector<float> others = made.distractors;
  std::vector<float> scores;
  for (size_t i = 0; i < made.set.distractors.size(); ++i)
    scaleToOne(std::span(others).subspan(i * dim, dim),
               made.set.distractors[i]);
  scores.resize(27 * 40000);
  dotProducts(probes, others, dim, scores, 2);
  std::ranges::sort(scores, std::greater());
  MegaFaceResult result = evaluate(made, probes, others, 4096);
  for (auto [passing, tar] :
       {std::pair(1, result.tars[0]), std::pair(10, result.tars[1])}) {
    double above = 0, pairs = 0;
    for (size_t i = 0; i < 27; ++i)
      for (size_t j = 0; j < i; ++j)
        if (made.set.person[i] == made.set.person[j]) {
          ++pairs;
          above += cosine(&probes[i * dim], &probes[j * dim]) > scores[passing];
        }
    EXPECT_NEAR(tar, above / pairs, 1e-9);
    EXPECT_GT(tar, 0);
    EXPECT_LT(tar, 1);
  }
}

TEST(MegaFace, NoiseBecomesThePersonsMean) {
  Made made = makeSet(1, 10);
  std::vector<float> rows = probeRows(made.set, made.probes, dim);
  for (size_t i = 0; i < made.set.probes.size(); ++i) {
    EXPECT_NEAR(cosine(&rows[i * dim], &rows[i * dim]), 1, 1e-6);
    if (!made.set.probes[i].noise)
      continue;
    std::vector<float> mean(dim);
    for (size_t j = 0; j < made.set.probes.size(); ++j)
      if (made.set.person[j] == made.set.person[i] && !made.set.probes[j].noise)
        for (int64_t k = 0; k < dim; ++k)
          mean[k] += rows[j * dim + k];
    scaleToOne(mean, made.set.probes[i]);
    double alike = cosine(mean.data(), &rows[i * dim]);
    EXPECT_GT(alike, 0.9999);
    EXPECT_NE(std::memcmp(mean.data(), &rows[i * dim], dim * 4), 0);
  }
  made.probes[3 * dim] = INFINITY;
  EXPECT_NE(messageOf([&] {
              probeRows(made.set, made.probes, dim);
            }).find(made.set.probes[3].path),
            std::string::npos);
}

TEST(DotProducts, AreTheSumsAtAnySize) {
  for (int64_t rows : {1, 3, 4, 9})
    for (int64_t columns : {1, 2, 5})
      for (int64_t width : {1, 7, 8, 65}) {
        std::vector<float> a = randomFloats(1, rows * width);
        std::vector<float> b = randomFloats(2, columns * width);
        std::vector<float> products(rows * columns, NAN), again = products;
        dotProducts(a, b, width, products, 1);
        dotProducts(a, b, width, again, 3);
        EXPECT_EQ(products, again);
        for (int64_t i = 0; i < rows; ++i)
          for (int64_t j = 0; j < columns; ++j) {
            double sum = 0;
            for (int64_t k = 0; k < width; ++k)
              sum += double{a[i * width + k]} * b[j * width + k];
            EXPECT_NEAR(products[i * columns + j], sum, 1e-5);
          }
      }
}

TEST(FeatureFiles, AreTheDevkits) {
  ScratchFolder folder;
  FeatureFiles files(folder.path(), "net");
  std::vector<float> row = {0.6f, -0.8f};
  files.writeProbe({"a/Ann/Ann_1.png", false}, row);
  files.writeDistractor({"1/2/3.jpg", false}, row);
  files.writeDistractor({"x/1/2/4.jpg", true}, row);
  auto expect = [&](const std::string &name, float last) {
    std::string bytes = readBytes(folder / name);
    ASSERT_EQ(bytes.size(), 16 + 12u) << name;
    int32_t header[4];
    float values[3];
    std::memcpy(header, bytes.data(), 16);
    std::memcpy(values, &bytes[16], 12);
    EXPECT_EQ(std::vector(header, header + 4),
              (std::vector<int32_t>{3, 1, 4, 5}));
    EXPECT_EQ(std::vector(values, values + 3),
              (std::vector<float>{0.6f, -0.8f, last}));
  };
  expect("facescrub/Ann/Ann_1.png_net.bin", 0);
  expect("megaface/1/2/3.jpg_net.bin", 0);
  expect("megaface/1/2/4.jpg_net.bin", 100);
  write(folder / "facescrub/Bo", "a file");
  EXPECT_THROW(files.writeProbe({"Bo/1.png", false}, row), Error);
}

} // namespace
