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

/// The last `parts` components of a path, as the lists of noises name them.
std::string tailOf(std::string_view path, int parts) {
  size_t start = path.size();
  for (int i = 0; i < parts && start != std::string_view::npos; ++i)
    start =
        start == 0 ? std::string_view::npos : path.find_last_of('/', start - 1);
  return std::string(path.substr(start + 1)); // npos + 1 is 0
}

Names readNoises(const std::string &path) {
  Names names;
  if (!fs::exists(path))
    return names;
  LineReader lines(path, '\t');
  while (lines.next()) {
    if (lines.line().starts_with('#'))
      continue;
    std::string_view name = lines.text(lines.fields() > 1 ? 1 : 0);
    name.remove_prefix(std::min(name.find_first_not_of(' '), name.size()));
    name = name.substr(0, name.find_last_not_of(' ') + 1);
    names.emplace(name);
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
    std::string name(lines.text(0));
    fs::path path(name); // features are written under such names
    if (std::find(path.begin(), path.end(), "..") != path.end())
      lines.refuse("'{}': a path with .. is not taken", name);
    if (std::ranges::count(name, '/') < std::max(parts, 2) - 1)
      lines.refuse("'{}': a path of {} parts was expected", name,
                   std::max(parts, 2));
    bool noise = noises.contains(tailOf(name, parts));
    pictures.push_back({std::move(name), noise});
  }
  require(!pictures.empty(), "{}: no pictures", listPath);
  return pictures;
}

} // namespace

MegaFaceSet readMegaFaceSet(const std::string &folder) {
  fs::path root(folder);
  MegaFaceSet set;
  set.folder = folder;
  std::string probes = (root / "facescrub_lst").string();
  set.probes = readList(probes, (root / "facescrub_noises.txt").string(), 1);
  set.distractors = readList((root / "megaface_lst").string(),
                             (root / "megaface_noises.txt").string(), 3);

  std::map<std::string, int32_t> numbers;
  std::vector<int64_t> clean, all;
  for (const MegaFaceSet::Picture &probe : set.probes) {
    std::string two = tailOf(probe.path, 2);
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
