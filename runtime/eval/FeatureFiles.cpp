#include "runtime/eval/FeatureFiles.h"

#include "runtime/base/OutputFile.h"

namespace pfc::rt {
void FeatureFiles::writeProbe(const MegaFaceSet::Picture &picture,
                              std::span<const float> row) const {
  write("facescrub/" + pathTail(picture.path, 2), row, 0);
}

void FeatureFiles::writeDistractor(const MegaFaceSet::Picture &picture,
                                   std::span<const float> row) const {
  write("megaface/" + pathTail(picture.path, 3), row,
        picture.noise ? 100.0f : 0.0f);
}

void FeatureFiles::write(const std::string &name, std::span<const float> row,
                         float last) const {
  int32_t header[4] = {static_cast<int32_t>(row.size()) + 1, 1, 4, 5};
  OutputFile out(folder + "/" + name + "_" + algorithm + ".bin");
  out.write(header, sizeof header);
  out.write(row.data(), row.size_bytes());
  out.write(&last, sizeof last);
  out.close();
}

} // namespace pfc::rt
