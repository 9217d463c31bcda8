// The lists of IJB and MegaFace: every one of a set has the bytes, in turn.
#include "Fuzz.h"
#include "runtime/eval/IjbSet.h"
#include "runtime/eval/MegaFaceSet.h"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace pfc;

namespace {

/// Both sets, whole, in a folder that goes with the program.
class Sets {
public:
  Sets() {
    std::string name = std::filesystem::temp_directory_path() / "pfc-XXXXXX";
    root = mkdtemp(name.data());
    std::filesystem::create_directory(root / "meta");
    for (const auto &[file, contents] : files)
      write(file, contents);
  }
  ~Sets() { std::filesystem::remove_all(root); }

  /// Both are read with file `number` replaced.
  void read(size_t number, std::string_view contents) {
    const auto &[file, good] = files[number % files.size()];
    write(file, contents);
    fuzz::expectErrorOrNothing([&] {
      rt::IjbSet set = rt::readIjbPictures(root.string(), "T");
      rt::readIjbProtocol(set);
    });
    fuzz::expectErrorOrNothing([&] { rt::readMegaFaceSet(root.string()); });
    write(file, good);
  }

private:
  void write(const char *file, std::string_view contents) {
    std::ofstream(root / file, std::ios::binary) << contents;
  }

  static constexpr std::array<std::pair<const char *, const char *>, 9> files{{
      {"meta/t_name_5pts_score.txt",
       "1.jpg 1 2 3 4 5 6 7 8 9 10 0.5\n2.jpg 1 2 3 4 5 6 7 8 9 10 1\n"},
      {"meta/t_face_tid_mid.txt", "1.jpg 1 1\n2.jpg 2 1\n"},
      {"meta/t_template_pair_label.txt", "1 2 0\n1 1 1\n"},
      {"meta/t_1N_gallery_G1.csv", "T,S\n1,7\n"},
      {"meta/t_1N_probe_mixed.csv", "T,S\n2,7\n"},
      {"facescrub_lst", "a/1.png\na/2.png\n"},
      {"megaface_lst", "1/2/3.png\n"},
      {"facescrub_noises.txt", "1.png\n"},
      {"megaface_noises.txt", "1\t1/2/3.png\n"},
  }};
  std::filesystem::path root;
};

} // namespace

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static Sets sets;
  if (size > 0)
    sets.read(data[0], {reinterpret_cast<const char *>(data) + 1, size - 1});
  return 0;
}
