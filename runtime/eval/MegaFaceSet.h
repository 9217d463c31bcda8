//===- MegaFaceSet.h - MegaFace's lists of pictures -------------*- C++ -*-===//
//
// InsightFace's test pack, pictures cropped as the network takes them:
//   DIR/facescrub_lst          <person>/<file> a line, the probes
//   DIR/megaface_lst           <a>/<b>/<file> a line, the distractors
//   DIR/facescrub_images/, DIR/megaface_images/
//   DIR/facescrub_noises.txt   files of the wrong person, '#' starts a remark
//   DIR/megaface_noises.txt    distractors that show a probe's person:
//                              a/b/file, alone or as the second of two columns
// A list of noises may be missing: then there are none.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_EVAL_MEGAFACESET_H
#define PFC_RUNTIME_EVAL_MEGAFACESET_H

#include "runtime/eval/EmbedPictures.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pfc::rt {

struct MegaFaceSet {
  struct Picture {
    std::string path; ///< as listed
    bool noise = false;
  };
  std::string folder;
  std::vector<Picture> probes, distractors;
  std::vector<int32_t> person; ///< of each probe, counted from 0
  int32_t persons = 0;
};

/// Reads the lists; every person has a probe that is no noise, and one at least
/// has two probes. Anything else is an Error with file and line.
MegaFaceSet readMegaFaceSet(const std::string &folder);

/// The last `parts` components of a path, as MegaFace names pictures by.
std::string pathTail(std::string_view path, int parts);

/// One of its two lists, resized (Resize.h) where a picture's size is not the
/// network's.
class MegaFacePictures : public Pictures {
public:
  MegaFacePictures(const std::vector<MegaFaceSet::Picture> &pictures,
                   std::string folder)
      : pictures(pictures), folder(std::move(folder)) {}

  int64_t size() const override {
    return static_cast<int64_t>(pictures.size());
  }
  void read(int64_t index, data::ImageShape input,
            std::span<uint8_t> pixels) const override;

private:
  const std::vector<MegaFaceSet::Picture> &pictures;
  std::string folder;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_EVAL_MEGAFACESET_H
