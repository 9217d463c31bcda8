// Lists, templates and both protocols of IJB, against the formulas in float64.
#include "runtime/eval/Ijb.h"
#include "runtime/base/Error.h"
#include "runtime/eval/LineReader.h"
#include "runtime/eval/NumpyFile.h"
#include "runtime/eval/Templates.h"
#include "test/unit/data/TestFiles.h"
#include "test/unit/eval/RandomFloats.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

using namespace pfc::rt;
using data::messageOf;
using data::readBytes;
using data::ScratchFolder;

namespace {

IjbSet readIjbSet(const std::string &folder, const std::string &target) {
  IjbSet set = readIjbPictures(folder, target);
  readIjbProtocol(set);
  return set;
}

void write(const std::string &path, const std::string &text) {
  data::writeBytes(path, text);
}

/// Four templates of two subjects: 10 and 30 in the gallery, 20 and 40 probes.
class IjbLists : public testing::Test {
protected:
  void SetUp() override {
    std::string place = " 10 11 20 11 15 16 11 21 19 21 ";
    write(meta("name_5pts_score.txt"),
          "1.jpg" + place + "0.5\n2.jpg" + place + "1\n3.jpg" + place +
              "0.25\n4.png" + place + "0.75\r\n5.jpg" + place + "1e-1\n");
    write(meta("face_tid_mid.txt"),
          "1.jpg 30 7\n2.jpg 10 7\n3.jpg 10 5\n4.png 20 5\n5.jpg 40 1\n\n");
    write(meta("template_pair_label.txt"), "10 20 1\n10 40 0\n30 40 1\n");
    write(meta("1N_gallery_G1.csv"),
          "TEMPLATE_ID,SUBJECT_ID,FILENAME\n10,1,2.jpg\n10,1,3.jpg\n");
    write(meta("1N_gallery_G2.csv"), "TEMPLATE_ID,SUBJECT_ID\n30,2\n");
    write(meta("1N_probe_mixed.csv"), "TEMPLATE_ID,SUBJECT_ID\n20,1\n40,2\n");
  }

  std::string meta(const std::string &name) const {
    return folder / ("meta/ijbc_" + name);
  }
  std::string refusal() const {
    return messageOf([&] { readIjbSet(folder.path(), "IJBC"); });
  }
  void expectRefusal(const std::string &file, const std::string &text,
                     const std::string &message) {
    std::string before = readBytes(meta(file));
    write(meta(file), text);
    EXPECT_NE(refusal().find(message), std::string::npos) << refusal();
    EXPECT_NE(refusal().find(file), std::string::npos) << refusal();
    write(meta(file), before);
  }

  ScratchFolder folder;
};

TEST_F(IjbLists, AreRead) {
  IjbSet set = readIjbSet(folder.path(), "IJBC");
  EXPECT_EQ(set.name, "IJBC");
  ASSERT_EQ(set.pictures.size(), 5u);
  EXPECT_EQ(set.pictures[3].name, "4.png");
  EXPECT_EQ(set.pictures[3].score, 0.75f);
  EXPECT_EQ(set.pictures[3].templateId, 20);
  EXPECT_EQ(set.pictures[3].media, 5);
  EXPECT_EQ(set.pictures[3].landmarks[4].x, 19);
  EXPECT_EQ(set.templates, (std::vector<int64_t>{10, 20, 30, 40}));
  ASSERT_EQ(set.pairs.size(), 3u);
  EXPECT_EQ(set.pairs[1].first, 0);
  EXPECT_EQ(set.pairs[1].second, 3);
  EXPECT_FALSE(set.pairs[1].same);
  ASSERT_EQ(set.gallery.size(), 2u);
  EXPECT_EQ(set.gallery[1].position, 2);
  EXPECT_EQ(set.gallery[1].subject, 2);
  EXPECT_EQ(set.probes.size(), 2u);
}

TEST_F(IjbLists, NeedNoGallery) {
  for (const char *name : {"1N_gallery_G1.csv", "1N_gallery_G2.csv"})
    std::filesystem::remove(meta(name));
  IjbSet set = readIjbSet(folder.path(), "IJBC");
  EXPECT_TRUE(set.gallery.empty());
  EXPECT_TRUE(set.probes.empty());
}

TEST_F(IjbLists, AreRefusedByLine) {
  EXPECT_NE(messageOf([&] {
              readIjbSet(folder.path(), "IJBB");
            }).find("ijbb_name_5pts_score.txt"),
            std::string::npos);
  expectRefusal("name_5pts_score.txt", "1.jpg 1 2 3\n", ".txt:1: 4 fields");
  expectRefusal("name_5pts_score.txt", "1.jpg 1 2 3 4 5 6 7 8 9 nan 1\n",
                ".txt:1: field 11: 'nan'");
  expectRefusal("name_5pts_score.txt", "\n", "no pictures");
  expectRefusal("face_tid_mid.txt", "1.jpg 30 7\n3.jpg 10 7\n",
                ".txt:2: '3.jpg'");
  expectRefusal("face_tid_mid.txt", "1.jpg 30 7\n", "1 pictures");
  expectRefusal("face_tid_mid.txt",
                "1.jpg 1 1\n2.jpg 1 1\n3.jpg 1 1\n4.jpg 1 1\n5.jpg 1 1\n6.jpg "
                "1 1\n",
                ".txt:6: more pictures");
  expectRefusal("face_tid_mid.txt", "1.jpg 3x 7\n", ".txt:1: field 2: '3x'");
  expectRefusal("template_pair_label.txt", "10 20 1\n10 50 0\n",
                ".txt:2: template 50 has no picture");
  expectRefusal("template_pair_label.txt", "10 20 2\n", ".txt:1: label 2");
  expectRefusal("template_pair_label.txt", "10 20\n", ".txt:1: 2 fields");
  expectRefusal("template_pair_label.txt", "\n", "0 pairs of one subject");
  expectRefusal("template_pair_label.txt", "10 20 1\n",
                "1 pairs of one subject and 0 of two");
  expectRefusal("1N_gallery_G1.csv", "a,b\n10,2\n", "two templates");
  expectRefusal("1N_gallery_G1.csv", "a,b\n10,1\n10,2\n",
                ".csv:3: template 10 is of subject 2");
  expectRefusal("1N_probe_mixed.csv", "a,b\n20,9\n", "subject 9");
  expectRefusal("1N_probe_mixed.csv", "a,b\n", "no probes");
}

TEST_F(IjbLists, NameAPictureThatCannotBeUsed) {
  IjbSet set = readIjbSet(folder.path(), "IJBC");
  IjbPictures pictures(set);
  std::vector<uint8_t> out(size_t{16} * 16);
  EXPECT_NE(messageOf([&] {
              pictures.read(0, {16, 16, 1}, out);
            }).find("loose_crop/1.jpg"),
            std::string::npos);
  write(folder / "loose_crop/1.jpg", "no picture");
  EXPECT_NE(messageOf([&] {
              pictures.read(0, {16, 16, 1}, out);
            }).find("loose_crop/1.jpg"),
            std::string::npos);
  auto png = data::markedPng(90, 40, 40);
  data::writeBytes(folder / "loose_crop/1.jpg", png);
  pictures.read(0, {16, 16, 1}, out);
  EXPECT_EQ(out[8 * 16 + 8], 90);
  set.pictures[0].landmarks.fill({3, 3});
  EXPECT_NE(messageOf([&] {
              pictures.read(0, {16, 16, 1}, out);
            }).find("loose_crop/1.jpg: its five landmarks"),
            std::string::npos);
}

/// 60 templates with 1 to 5 pictures in 1 to 3 media; even ones are the
/// gallery, and an odd one's subject is that of the one before.
struct Made {
  IjbSet set;
  std::vector<float> embeddings; ///< [pictures, dim]
};

constexpr int64_t dim = 20;

Made makeSet(float spread) {
  Made made;
  IjbSet &set = made.set;
  for (int64_t t = 0; t < 60; ++t) {
    set.templates.push_back(3 * t + 1);
    for (int64_t p = 0; p <= t % 5; ++p)
      set.pictures.push_back({.name = "",
                              .landmarks = {},
                              .score = 0.5f + 0.1f * static_cast<float>(p),
                              .templateId = 3 * t + 1,
                              .media = 100 + p % (1 + t % 3)});
    auto position = static_cast<int32_t>(t);
    (t % 2 == 0 ? set.gallery : set.probes).push_back({position, t / 2});
    if (t % 2 == 1)
      for (int32_t g = 0; g < 60; g += 2)
        set.pairs.push_back({g, position, g / 2 == t / 2});
  }
  // Not in the templates' order.
  std::reverse(set.pictures.begin(), set.pictures.end());
  std::vector<float> centers = randomFloats(1, 30 * dim);
  std::vector<float> noise = randomFloats(2, set.pictures.size() * dim);
  for (size_t i = 0; i < set.pictures.size(); ++i) {
    int64_t subject = (set.pictures[i].templateId - 1) / 3 / 2;
    for (int64_t k = 0; k < dim; ++k)
      made.embeddings.push_back(
          9 * (centers[subject * dim + k] + spread * noise[i * dim + k]));
  }
  return made;
}

/// By the formula: mean over a medium, sum over media, length 1.
std::vector<double> referenceRow(const Made &made, int64_t templateId) {
  std::map<int64_t, std::pair<int, std::vector<double>>> media;
  for (size_t i = 0; i < made.set.pictures.size(); ++i) {
    const IjbSet::Picture &picture = made.set.pictures[i];
    if (picture.templateId != templateId)
      continue;
    auto &[count, sum] = media[picture.media];
    sum.resize(dim);
    ++count;
    for (int64_t k = 0; k < dim; ++k)
      sum[k] += double{picture.score} * made.embeddings[i * dim + k];
  }
  std::vector<double> row(dim);
  double square = 0;
  for (int64_t k = 0; k < dim; ++k) {
    for (const auto &[id, medium] : media)
      row[k] += medium.second[k] / medium.first;
    square += row[k] * row[k];
  }
  for (double &value : row)
    value /= std::sqrt(square);
  return row;
}

std::vector<float> buildRows(const Made &made) {
  TemplateBuilder builder(made.set, dim);
  for (size_t i = 0; i < made.set.pictures.size(); ++i)
    builder.add(static_cast<int64_t>(i),
                std::span(made.embeddings).subspan(i * dim, dim));
  return builder.rows();
}

TEST(Templates, FollowTheFormula) {
  Made made = makeSet(1);
  std::vector<float> rows = buildRows(made);
  for (size_t t = 0; t < made.set.templates.size(); ++t) {
    std::vector<double> row = referenceRow(made, made.set.templates[t]);
    for (int64_t k = 0; k < dim; ++k)
      EXPECT_NEAR(rows[t * dim + k], row[k], 1e-7);
  }
}

TEST(Templates, RefuseWhatIsNoNumber) {
  Made made = makeSet(1);
  made.set.pictures[3].name = "x.jpg";
  TemplateBuilder builder(made.set, dim);
  std::vector<float> embedding(dim, 1.0f);
  embedding[4] = NAN;
  EXPECT_NE(messageOf([&] { builder.add(3, embedding); }).find("x.jpg"),
            std::string::npos);
}

TEST(Ijb, ScoresAndIdentifiesAsDefined) {
  for (float spread : {0.3f, 1.5f, 4.0f}) {
    Made made = makeSet(spread);
    std::vector<float> rows = buildRows(made);
    auto similarity = [&](int64_t a, int64_t b) {
      double sum = 0;
      for (int64_t k = 0; k < dim; ++k)
        sum += double{rows[a * dim + k]} * rows[b * dim + k];
      return sum;
    };
    std::vector<double> scores = pairScores(made.set, rows, dim, 3);
    for (size_t i = 0; i < scores.size(); ++i)
      EXPECT_NEAR(scores[i],
                  similarity(made.set.pairs[i].first, made.set.pairs[i].second),
                  1e-12);
    IjbVerification verification = verifyTemplates(made.set, scores);
    EXPECT_EQ(verification.same, 30);
    EXPECT_EQ(verification.different, 30 * 29);
    // At FAR 0.1, 87 of 870 may pass.
    std::vector<double> others;
    for (size_t i = 0; i < scores.size(); ++i)
      if (!made.set.pairs[i].same)
        others.push_back(scores[i]);
    std::ranges::sort(others, std::greater());
    int above = 0;
    for (size_t i = 0; i < scores.size(); ++i)
      above += made.set.pairs[i].same && scores[i] > others[87];
    EXPECT_NEAR(verification.tars.back(), above / 30.0, 1.01 / 30);

    double found[3] = {}, sure[2] = {};
    const int ranks[3] = {1, 5, 10};
    for (int64_t p = 0; p < 30; ++p) {
      int64_t before = 0;
      double own = similarity(2 * p + 1, 2 * p);
      for (int64_t g = 0; g < 30; ++g)
        before += similarity(2 * p + 1, 2 * g) > own;
      for (int r = 0; r < 3; ++r)
        found[r] += (before < ranks[r]) / 30.0;
      sure[0] += (own > others[0]) / 30.0; // ceil(0.01 * 30) is the first
      sure[1] += (own > others[2]) / 30.0; // ceil(0.1 * 30) the third
    }
    IjbIdentification result = identifyTemplates(made.set, rows, dim, 2);
    EXPECT_EQ(result.gallery, 30);
    EXPECT_EQ(result.probes, 30);
    for (int r = 0; r < 3; ++r)
      EXPECT_NEAR(result.found[r], found[r], 1e-9) << spread;
    for (int r = 0; r < 2; ++r)
      EXPECT_NEAR(result.tpirs[r], sure[r], 1e-9) << spread;
  }
}

TEST(NumpyFile, IsNumPysFormat) {
  ScratchFolder folder;
  std::vector<double> values = {1.5, -2, 1e-300};
  AtomicFile file(folder / "x.npy");
  writeNumpy(file, values);
  std::string bytes = readBytes(folder / "x.npy");
  ASSERT_EQ(bytes.size(), 128 + 24u);
  EXPECT_EQ(bytes.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  EXPECT_EQ(bytes[8] + 256 * bytes[9] + 10, 128);
  EXPECT_NE(bytes.find("'shape': (3,)"), std::string::npos);
  EXPECT_EQ(bytes[127], '\n');
  EXPECT_EQ(std::memcmp(&bytes[128], values.data(), 24), 0);
}

} // namespace
