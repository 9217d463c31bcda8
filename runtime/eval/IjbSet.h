//===- IjbSet.h - IJB-B and IJB-C as InsightFace lays them out --*- C++ -*-===//
//
//   DIR/loose_crop/<name>                      pictures around faces
//   DIR/meta/<t>_name_5pts_score.txt           name x1 y1 ... x5 y5 score
//   DIR/meta/<t>_face_tid_mid.txt              name template media
//   DIR/meta/<t>_template_pair_label.txt       template template 0|1
// and for identification, where they are there,
//   DIR/meta/<t>_1N_gallery_{G1,G2}.csv        template,subject,...; a heading
//   DIR/meta/<t>_1N_probe_mixed.csv            the same
//
// <t> is the target in small letters; the galleries of IJB-B are S1 and S2. A
// template is some media of one subject; a medium is a photograph or the
// frames of a video.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_EVAL_IJBSET_H
#define PFC_RUNTIME_EVAL_IJBSET_H

#include "runtime/data/Align.h"
#include "runtime/eval/EmbedPictures.h"

#include <cstdint>
#include <string>
#include <vector>

namespace pfc::rt {

struct IjbSet {
  struct Picture {
    std::string name; ///< below loose_crop
    data::Landmarks landmarks;
    float score; ///< the detector's: how sure it is that this is a face
    int64_t templateId, media;
  };
  struct Pair {
    int32_t first, second; ///< positions in `templates`
    bool same;
  };
  /// A template that is looked for, or found.
  struct Subject {
    int32_t position; ///< in `templates`
    int64_t subject;
  };

  std::string name; ///< the target: "IJBC"
  std::string folder;
  std::vector<Picture> pictures;
  std::vector<int64_t> templates; ///< their ids, ascending
  std::vector<Pair> pairs;
  /// Ascending by template; empty where the set has no lists of them.
  std::vector<Subject> gallery, probes;
};

/// Reads the lists of pictures; `pairs`, `gallery` and `probes` are left empty.
/// Anything wrong is an Error with file and line.
IjbSet readIjbPictures(const std::string &folder, const std::string &target);

/// Reads the other lists, which take the most memory, for the rank that
/// compares. There are pairs of both kinds; every pair, gallery and probe names
/// templates that have pictures; every probe's subject is in the gallery once.
void readIjbProtocol(IjbSet &set);

/// Its pictures, aligned to the network's input.
class IjbPictures : public Pictures {
public:
  explicit IjbPictures(const IjbSet &set) : set(set) {}

  int64_t size() const override {
    return static_cast<int64_t>(set.pictures.size());
  }
  void read(int64_t index, data::ImageShape input,
            std::span<uint8_t> pixels) const override;

private:
  const IjbSet &set;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_EVAL_IJBSET_H
