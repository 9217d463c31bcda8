//===- RecordPayload.h - What an image record holds -------------*- C++ -*-===//
//
// MXNet's image record (struct 'IfQQ', little-endian, 24 bytes):
//
//   u32 flag, f32 label, u64 id, u64 id2
//   flag float32 labels     only when flag > 0; `label` is then unused
//   the encoded image       JPEG or PNG; absent in identity headers
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DATA_RECORDPAYLOAD_H
#define PFC_RUNTIME_DATA_RECORDPAYLOAD_H

#include <cstdint>
#include <span>
#include <vector>

namespace pfc::rt::data {

/// float32 stops counting by ones here; labels from here on need the sidecar.
inline constexpr int64_t firstInexactLabel = int64_t{1} << 24;

/// A parsed record; `image` points into the record's bytes.
struct RecordPayload {
  uint32_t flag;
  float label;  ///< the scalar, or the first of the label array
  float label1; ///< the second of the label array, 0 when there is none
  uint64_t id, id2;
  std::span<const uint8_t> image;

  /// True for the records that describe identities and hold no picture.
  bool isIdentityHeader() const { return flag > 0 && image.empty(); }
};

/// Parses a record's bytes; throws BadRecord with the bare reason.
RecordPayload parsePayload(std::span<const uint8_t> record);

/// The label as an integer; throws BadRecord when it isn't one that float32
/// holds exactly, or is negative.
int64_t integerLabel(const RecordPayload &payload);

/// An image record with a scalar label.
void formatImageRecord(std::vector<uint8_t> &record, float label, uint64_t id,
                       std::span<const uint8_t> image);

/// An identity header: two labels, no image.
void formatHeaderRecord(std::vector<uint8_t> &record, float first, float last,
                        uint64_t id, uint64_t id2);

} // namespace pfc::rt::data

#endif // PFC_RUNTIME_DATA_RECORDPAYLOAD_H
