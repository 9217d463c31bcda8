//===- VerificationSet.h - Pairs of pictures, same or not -------*- C++ -*-===//
//
// The field's verification format (.bin): a pickle of (bins, issame), where
// bins holds 2n pictures (pair i is pictures 2i and 2i+1) as encoded JPEG or
// PNG in byte strings or in numpy uint8 arrays of shape [N], [N, 1] or [1, N],
// and issame holds n booleans. Arrays [H, W] and [H, W, C] are unencoded
// pictures.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_EVAL_VERIFICATIONSET_H
#define PFC_RUNTIME_EVAL_VERIFICATIONSET_H

#include <cstdint>
#include <string>
#include <vector>

namespace pfc::rt {

/// Extents of an unencoded picture, HWC; all 0 for an encoded one.
struct RawShape {
  uint32_t height = 0, width = 0, channels = 0;

  bool encoded() const { return channels == 0; }
  bool operator==(const RawShape &) const = default;
};

struct VerificationSet {
  std::vector<std::vector<uint8_t>> images; ///< 2n
  std::vector<RawShape> shapes;             ///< 2n
  std::vector<bool> same;                   ///< n
  std::string name;                         ///< the file's name without .bin

  int64_t pairs() const { return static_cast<int64_t>(same.size()); }
};

/// Reads a .bin file. Nothing in it is executed; anything but the above is an
/// Error.
VerificationSet readVerificationSet(const std::string &path);

} // namespace pfc::rt

#endif // PFC_RUNTIME_EVAL_VERIFICATIONSET_H
