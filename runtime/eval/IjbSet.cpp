#include "runtime/eval/IjbSet.h"

#include "runtime/eval/LineReader.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>

namespace pfc::rt {
namespace {

namespace fs = std::filesystem;

/// A file's name without folders and ending.
std::string_view stemOf(std::string_view name) {
  name.remove_prefix(name.find_last_of('/') + 1); // npos + 1 is 0
  return name.substr(0, name.find_last_of('.'));
}

std::string prefixOf(const IjbSet &set) {
  std::string small = set.name;
  for (char &c : small)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return (fs::path(set.folder) / "meta" / small).string() + "_";
}

class Reader {
public:
  explicit Reader(IjbSet &set) : prefix(prefixOf(set)), set(set) {}

  void readPictures() {
    const std::string path = prefix + "name_5pts_score.txt";
    require(fs::exists(path),
            "{}: no such file: --images takes InsightFace's folder, with meta/ "
            "and loose_crop/, and --target says whose names it has",
            path);
    LineReader lines(path);
    while (lines.next()) {
      if (lines.fields() != 12)
        lines.refuse("{} fields; a name, five landmarks (x, y) and a score are "
                     "12",
                     lines.fields());
      IjbSet::Picture picture{.name = std::string(lines.text(0)),
                              .landmarks = {},
                              .score = static_cast<float>(lines.real(11)),
                              .templateId = 0,
                              .media = 0};
      for (size_t i = 0; i < picture.landmarks.size(); ++i)
        picture.landmarks[i] = {lines.real(1 + 2 * i), lines.real(2 + 2 * i)};
      set.pictures.push_back(std::move(picture));
    }
    require(!set.pictures.empty(), "{}name_5pts_score.txt: no pictures",
            prefix);
  }

  void readTemplates() {
    LineReader lines(prefix + "face_tid_mid.txt");
    size_t row = 0;
    for (; lines.next(); ++row) {
      if (row == set.pictures.size())
        lines.refuse("more pictures than the {} of {}name_5pts_score.txt", row,
                     prefix);
      IjbSet::Picture &picture = set.pictures[row];
      if (stemOf(lines.text(0)) != stemOf(picture.name))
        lines.refuse("'{}' where {}name_5pts_score.txt has '{}': both list the "
                     "same pictures in the same order",
                     lines.text(0), prefix, picture.name);
      picture.templateId = lines.integer(1);
      picture.media = lines.integer(2);
      set.templates.push_back(picture.templateId);
    }
    require(row == set.pictures.size(),
            "{}face_tid_mid.txt: {} pictures, {}name_5pts_score.txt has {}",
            prefix, row, prefix, set.pictures.size());
    std::sort(set.templates.begin(), set.templates.end());
    set.templates.erase(std::unique(set.templates.begin(), set.templates.end()),
                        set.templates.end());
  }

  void readPairs() {
    LineReader lines(prefix + "template_pair_label.txt");
    while (lines.next()) {
      int64_t label = lines.integer(2);
      if (label != 0 && label != 1)
        lines.refuse("label {}; 1 is the same subject, 0 is another", label);
      set.pairs.push_back(
          {templateOf(lines, 0), templateOf(lines, 1), label == 1});
    }
    auto same = std::ranges::count_if(
        set.pairs, [](const IjbSet::Pair &pair) { return pair.same; });
    require(same > 0 && same < std::ssize(set.pairs),
            "{}template_pair_label.txt: {} pairs of one subject and {} of two; "
            "a curve needs both",
            prefix, same, std::ssize(set.pairs) - same);
  }

  void readIdentification() {
    std::vector<std::string> galleries;
    for (const char *part : {"G1", "G2", "S1", "S2"}) {
      std::string path = prefix + "1N_gallery_" + part + ".csv";
      if (fs::exists(path))
        galleries.push_back(path);
    }
    if (galleries.empty())
      return;
    std::map<int32_t, int64_t> gallery, probes; // subject by template
    for (const std::string &path : galleries)
      readSubjects(path, gallery);
    std::map<int64_t, int32_t> holders; // template by subject
    for (auto [position, subject] : gallery) {
      auto [other, isNew] = holders.emplace(subject, position);
      require(isNew,
              "{}: subject {} has two templates in the gallery, {} and {}",
              galleries.front(), subject, set.templates[other->second],
              set.templates[position]);
      set.gallery.push_back({position, subject});
    }
    std::string path = prefix + "1N_probe_mixed.csv";
    readSubjects(path, probes);
    for (auto [position, subject] : probes) {
      require(holders.contains(subject),
              "{}: subject {} of template {} is in no gallery", path, subject,
              set.templates[position]);
      set.probes.push_back({position, subject});
    }
    require(!set.probes.empty(), "{}: no probes", path);
  }

private:
  int32_t templateOf(const LineReader &lines, size_t field) const {
    int64_t id = lines.integer(field);
    auto at = std::lower_bound(set.templates.begin(), set.templates.end(), id);
    if (at == set.templates.end() || *at != id)
      lines.refuse("template {} has no picture in {}face_tid_mid.txt", id,
                   prefix);
    return static_cast<int32_t>(at - set.templates.begin());
  }

  /// A template has a line for each of its pictures.
  void readSubjects(const std::string &path,
                    std::map<int32_t, int64_t> &subjects) const {
    LineReader lines(path, ',');
    lines.next(); // the heading
    while (lines.next()) {
      int64_t subject = lines.integer(1);
      auto [known, isNew] = subjects.emplace(templateOf(lines, 0), subject);
      if (!isNew && known->second != subject)
        lines.refuse("template {} is of subject {} here, of {} before",
                     lines.integer(0), subject, known->second);
    }
  }

  std::string prefix; ///< DIR/meta/ijbc_
  IjbSet &set;
};

} // namespace

IjbSet readIjbPictures(const std::string &folder, const std::string &target) {
  IjbSet set;
  set.name = target;
  set.folder = folder;
  Reader reader(set);
  reader.readPictures();
  reader.readTemplates();
  return set;
}

void readIjbProtocol(IjbSet &set) {
  Reader reader(set);
  reader.readPairs();
  reader.readIdentification();
}

void IjbPictures::read(int64_t index, data::ImageShape input,
                       std::span<uint8_t> pixels) const {
  const IjbSet::Picture &picture = set.pictures[index];
  std::string path =
      (fs::path(set.folder) / "loose_crop" / picture.name).string();
  data::Image image = data::readImage(path, input.channels);
  try {
    data::Similarity toInput = data::fitSimilarity(
        picture.landmarks, data::cropLandmarks(input.height, input.width));
    data::warp(image.pixels, image.shape, toInput, pixels, input);
  } catch (const Error &error) {
    fail("{}: {}", path, error.what());
  }
}

} // namespace pfc::rt
