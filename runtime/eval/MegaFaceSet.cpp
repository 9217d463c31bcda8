#include "runtime/eval/MegaFaceSet.h"

#include "runtime/eval/LineReader.h"
#include "runtime/eval/Resize.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <unordered_set>

namespace pfc::rt {
namespace {

namespace fs = std::filesystem;

using Names = std::unordered_set<std::string>;

std::string_view withoutBlanks(std::string_view text) {
  constexpr const char *blanks = " \t";
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  return text.substr(0, text.find_last_not_of(blanks) + 1); // npos + 1 is 0
}

Names readNoises(const std::string &path) {
  Names names;
  if (!fs::exists(path))
    return names;
  LineReader lines(path, '\t');
  while (lines.next()) {
    if (lines.line().starts_with('#'))
      continue;
    names.emplace(withoutBlanks(lines.text(lines.fields() > 1 ? 1 : 0)));
  }
  return names;
}

std::vector<MegaFaceSet::Picture> readList(const std::string &listPath,
                                           const std::string &noisesPath,
                                           int parts) {
  Names noises = readNoises(noisesPath);
  std::vector<MegaFaceSet::Picture> pictures;
  // One field: names may hold blanks.
  LineReader lines(listPath, '\n');
  while (lines.next()) {
    std::string name(withoutBlanks(lines.text(0)));
    fs::path path(name); // features are written under such names
    if (std::ranges::any_of(path, [](const fs::path &part) {
          return part == ".." || part == ".";
        }))
      lines.refuse("'{}': a path with dots for folders is not taken", name);
    if (std::ranges::count(name, '/') < std::max(parts, 2) - 1)
      lines.refuse("'{}': a path of {} parts was expected", name,
                   std::max(parts, 2));
    bool noise = noises.contains(pathTail(name, parts));
    pictures.push_back({std::move(name), noise});
  }
  require(!pictures.empty(), "{}: no pictures", listPath);
  require(noises.empty() ||
              std::ranges::any_of(pictures, &MegaFaceSet::Picture::noise),
          "{}: none of its {} names is in {}; is it another set's? Without it "
          "nothing is taken for noise",
          noisesPath, noises.size(), listPath);
  return pictures;
}

} // namespace

std::string pathTail(std::string_view path, int parts) {
  size_t start = path.size();
  for (int i = 0; i < parts && start != std::string_view::npos; ++i)
    start =
        start == 0 ? std::string_view::npos : path.find_last_of('/', start - 1);
  return std::string(path.substr(start + 1)); // npos + 1 is 0
}

MegaFaceSet readMegaFaceSet(const std::string &folder) {
  fs::path root(folder);
  MegaFaceSet set;
  set.folder = folder;
  std::string probes = (root / "facescrub_lst").string();
  require(fs::exists(probes),
          "{}: no such file: --images takes InsightFace's test pack, with "
          "facescrub_lst and megaface_lst",
          probes);
  set.probes = readList(probes, (root / "facescrub_noises.txt").string(), 1);
  set.distractors = readList((root / "megaface_lst").string(),
                             (root / "megaface_noises.txt").string(), 3);

  std::map<std::string, int32_t> numbers;
  std::vector<int64_t> clean, all;
  for (const MegaFaceSet::Picture &probe : set.probes) {
    std::string two = pathTail(probe.path, 2);
    std::string name = two.substr(0, two.find('/'));
    int32_t person = numbers.emplace(name, static_cast<int32_t>(numbers.size()))
                         .first->second;
    set.person.push_back(person);
    clean.resize(numbers.size());
    all.resize(numbers.size());
    clean[person] += !probe.noise;
    ++all[person];
  }
  set.persons = static_cast<int32_t>(numbers.size());
  for (const auto &[name, person] : numbers)
    require(clean[person] > 0,
            "{}: all pictures of {} are listed in facescrub_noises.txt", probes,
            name);
  require(std::ranges::max(all) > 1,
          "{}: no person has two pictures, which is what is looked for",
          probes);
  return set;
}

void MegaFacePictures::read(int64_t index, data::ImageShape input,
                            std::span<uint8_t> pixels) const {
  std::string path = (fs::path(folder) / pictures[index].path).string();
  data::Image image = data::readImage(path, input.channels);
  resizeBilinear(image.pixels, image.shape.height, image.shape.width, pixels,
                 input.height, input.width, input.channels);
}

} // namespace pfc::rt
