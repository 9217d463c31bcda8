#include "runtime/base/OutputFile.h"
#include "runtime/base/ParallelFor.h"
#include "runtime/data/glyphs/Benchmarks.h"
#include "runtime/data/glyphs/Studio.h"

#include <algorithm>
#include <filesystem>

namespace pfc::rt::data::glyphs {
namespace {

constexpr uint32_t streams = 6; // IjbBenchmark has 5
constexpr int mostPersons = 80;
constexpr int copies = 2;       // of a person in a design
constexpr int noisePeriod = 10; // persons to one with noise

struct Picture {
  Shot shot;
  std::string path; ///< below its folder of images
  bool noise = false;
};

std::string nameOf(const Typefaces &typefaces, const Identity &identity) {
  return fmt::format("{:08x}", identityNumber(typefaces, identity));
}

/// Probes and distractors.
struct Lists {
  std::vector<Picture> probes, distractors;
};

Lists listPictures(const Typefaces &typefaces,
                   const std::vector<Identity> &identities) {
  Lists lists;
  int count = static_cast<int>(identities.size());
  int persons = std::min(mostPersons, count / 4);
  require(persons >= 1,
          "{} verification identities; MegaFace's layout takes 4 or more",
          count);
  auto designsOf = [&](int identity) {
    return typefaces.designsFor(Split::Held, identities[identity]);
  };
  auto addDistractor = [&](Shot shot, bool noise) {
    size_t number = lists.distractors.size();
    lists.distractors.push_back(
        {shot,
         fmt::format("{:03}/{:03}/{}.jpg", number / 10000, number / 100 % 100,
                     number),
         noise});
  };
  for (int person = 0; person < persons; ++person) {
    std::string name = nameOf(typefaces, identities[person]);
    int picture = 0;
    for (int design : designsOf(person))
      for (int copy = 0; copy < copies; ++copy, ++picture)
        lists.probes.push_back(
            {{person, design}, fmt::format("{0}/{0}_{1}.jpg", name, picture)});
    if (person % noisePeriod != 0)
      continue;
    int other = count - 1 - person; // a distractor
    lists.probes.push_back({{other, designsOf(other).front()},
                            fmt::format("{0}/{0}_{1}.jpg", name, picture),
                            true});
    addDistractor({person, designsOf(person).front()}, true);
  }
  for (int other = persons; other < count; ++other)
    for (int design : designsOf(other))
      for (int copy = 0; copy < copies; ++copy)
        addDistractor({other, design}, false);
  return lists;
}

void writeList(const std::string &path, const std::vector<Picture> &pictures) {
  OutputFile list(path);
  for (const Picture &picture : pictures)
    list.line("{}", picture.path);
  list.close();
}

void writeNoises(const std::string &path, const std::vector<Picture> &pictures,
                 bool nameAlone) {
  OutputFile list(path);
  list.line("# listed, but to be taken for no face of its person");
  for (const Picture &picture : pictures)
    if (picture.noise)
      list.line("{}",
                nameAlone
                    ? std::filesystem::path(picture.path).filename().string()
                    : picture.path);
  list.close();
}

} // namespace

int64_t writeMegaFace(const Typefaces &typefaces,
                      const std::vector<Identity> &identities,
                      const BenchmarkOptions &options) {
  Lists lists = listPictures(typefaces, identities);
  std::string root = options.folder + "/megaface/";
  Studio studio(typefaces, identities, options.shape, options.seed,
                options.threads);
  auto draw = [&](const std::vector<Picture> &pictures,
                  const std::string &folder, uint32_t set) {
    parallelFor(options.threads, static_cast<int64_t>(pictures.size()),
                [&](int thread, int64_t i) {
                  std::vector<uint8_t> file =
                      encodeJpeg(studio.take(thread, pictures[i].shot, set, i),
                                 options.shape, options.jpegQuality);
                  OutputFile out(root + folder + pictures[i].path);
                  out.write(file.data(), file.size());
                  out.close();
                });
  };
  draw(lists.probes, "facescrub_images/", streams);
  draw(lists.distractors, "megaface_images/", streams + 1);
  writeList(root + "facescrub_lst", lists.probes);
  writeList(root + "megaface_lst", lists.distractors);
  writeNoises(root + "facescrub_noises.txt", lists.probes, true);
  writeNoises(root + "megaface_noises.txt", lists.distractors, false);
  return static_cast<int64_t>(lists.probes.size() + lists.distractors.size());
}

} // namespace pfc::rt::data::glyphs
