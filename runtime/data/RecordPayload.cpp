#include "runtime/data/RecordPayload.h"

#include "runtime/data/BadRecord.h"

#include <cmath>
#include <cstring>

namespace pfc::rt::data {

namespace {

constexpr size_t headerBytes = 24;

struct RawHeader {
  uint32_t flag;
  float label;
  uint64_t id, id2;
};
static_assert(sizeof(RawHeader) == headerBytes);

/// Sets `record` to a header and what follows it.
void assemble(std::vector<uint8_t> &record, const RawHeader &raw,
              const void *rest, size_t size) {
  record.resize(headerBytes + size);
  std::memcpy(record.data(), &raw, headerBytes);
  if (size > 0)
    std::memcpy(record.data() + headerBytes, rest, size);
}

} // namespace

RecordPayload parsePayload(std::span<const uint8_t> record) {
  if (record.size() < headerBytes)
    failRecord("{} bytes are too few for the {}-byte image header",
               record.size(), headerBytes);
  RawHeader raw;
  std::memcpy(&raw, record.data(), headerBytes);
  std::span<const uint8_t> rest = record.subspan(headerBytes);
  RecordPayload payload{raw.flag, raw.label, 0.0f, raw.id, raw.id2, rest};
  if (raw.flag == 0)
    return payload;
  uint64_t labelBytes = uint64_t{raw.flag} * sizeof(float);
  if (labelBytes > rest.size())
    failRecord("{} labels announced, but only {} bytes follow", raw.flag,
               rest.size());
  std::memcpy(&payload.label, rest.data(), sizeof(float));
  if (raw.flag > 1)
    std::memcpy(&payload.label1, rest.data() + sizeof(float), sizeof(float));
  payload.image = rest.subspan(labelBytes);
  return payload;
}

int64_t integerLabel(const RecordPayload &payload) {
  float label = payload.label;
  if (!(label >= 0.0f) || label != std::floor(label))
    failRecord("its label {} isn't a whole number >= 0", label);
  if (label >= static_cast<float>(firstInexactLabel))
    failRecord("its label {:.0f} is beyond what RecordIO's float32 holds "
               "exactly (2^24); put int64 labels into the .labels file",
               label);
  return static_cast<int64_t>(label);
}

void formatImageRecord(std::vector<uint8_t> &record, float label, uint64_t id,
                       std::span<const uint8_t> image) {
  RawHeader raw{0, label, id, 0};
  assemble(record, raw, image.data(), image.size());
}

void formatHeaderRecord(std::vector<uint8_t> &record, float first, float last,
                        uint64_t id, uint64_t id2) {
  RawHeader raw{2, 0.0f, id, id2};
  float labels[2] = {first, last};
  assemble(record, raw, labels, sizeof labels);
}

} // namespace pfc::rt::data
