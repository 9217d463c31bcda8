#include "runtime/train/weights/SafetensorsHeader.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

namespace pfc::rt {
namespace {

using Json = nlohmann::json;

/// Parses JSON, refusing a key given twice: readers would disagree on which
/// counts.
Json parseJson(std::string_view text, const std::string &path) {
  std::vector<std::set<std::string>> keys;
  auto callback = [&](int, Json::parse_event_t event, Json &value) {
    if (event == Json::parse_event_t::object_start)
      keys.emplace_back();
    else if (event == Json::parse_event_t::object_end)
      keys.pop_back();
    else if (event == Json::parse_event_t::key)
      require(keys.back().insert(value.get<std::string>()).second,
              "{}: its header has the key \"{}\" twice", path,
              value.get<std::string>());
    return true;
  };
  try {
    return Json::parse(text, callback);
  } catch (const Json::exception &error) {
    fail("{}: its header is no JSON: {}", path, error.what());
  }
}

std::optional<TensorType> typeNamed(const std::string &name) {
  for (TensorType type : {TensorType::F32, TensorType::BF16, TensorType::I64})
    if (name == tensorTypeName(type))
      return type;
  return std::nullopt;
}

class HeaderParser {
public:
  HeaderParser(const std::string &path, uint64_t begin, uint64_t bytes)
      : path(path), begin(begin), bytes(bytes) {}

  SafetensorsHeader run(std::string_view text) {
    Json json = parseJson(text, path);
    require(json.is_object(), "{}: its header is not a JSON object", path);
    for (const auto &[name, value] : json.items()) {
      if (name == "__metadata__")
        readMetadata(value);
      else
        header.entries.push_back(readEntry(name, value));
    }
    checkCoverage();
    return std::move(header);
  }

private:
  void readMetadata(const Json &value) {
    require(value.is_object(), "{}: __metadata__ is not an object", path);
    for (const auto &[key, text] : value.items()) {
      require(text.is_string(), "{}: __metadata__.{} is not a string", path,
              key);
      header.metadata[key] = text.get<std::string>();
    }
  }

  /// A non-negative integer of `value`.
  uint64_t integer(const std::string &name, const Json &value) {
    require(value.is_number_unsigned(),
            "{}: tensor {}: a shape or offset is not a non-negative integer",
            path, name);
    return value.get<uint64_t>();
  }

  TensorEntry readEntry(const std::string &name, const Json &value) {
    require(value.is_object() && value.size() == 3 && value.contains("dtype") &&
                value.contains("shape") && value.contains("data_offsets") &&
                value["dtype"].is_string() && value["shape"].is_array() &&
                value["data_offsets"].is_array() &&
                value["data_offsets"].size() == 2,
            "{}: tensor {}: its description is not dtype, shape and two "
            "data_offsets",
            path, name);
    std::string typeName = value["dtype"].get<std::string>();
    std::optional<TensorType> type = typeNamed(typeName);
    require(type.has_value(),
            "{}: tensor {}: type {} is not supported; use F32, BF16 or I64",
            path, name, typeName);
    uint64_t from = integer(name, value["data_offsets"][0]);
    uint64_t to = integer(name, value["data_offsets"][1]);
    require(from <= to && to <= bytes,
            "{}: tensor {}: bytes {} to {} are outside the file's {} bytes of "
            "contents; it is truncated or corrupt",
            path, name, from, to, bytes);
    TensorEntry entry{name, *type, {}, begin + from, to - from};
    uint64_t size = tensorTypeBytes(*type);
    for (const Json &extent : value["shape"])
      size *= appendExtent(name, size, integer(name, extent), entry);
    require(size == entry.bytes,
            "{}: tensor {}: {} [{}] needs {} bytes, but has {}", path, name,
            typeName, fmt::join(entry.shape, ", "), size, entry.bytes);
    return entry;
  }

  /// Appends an extent to the shape; `size` times it must not overflow.
  uint64_t appendExtent(const std::string &name, uint64_t size, uint64_t extent,
                        TensorEntry &entry) {
    require(extent <= INT64_MAX && (extent == 0 || size <= UINT64_MAX / extent),
            "{}: tensor {}: its shape overflows", path, name);
    entry.shape.push_back(static_cast<int64_t>(extent));
    return extent;
  }

  void checkCoverage() {
    std::stable_sort(header.entries.begin(), header.entries.end(),
                     [](const TensorEntry &a, const TensorEntry &b) {
                       return std::pair(a.offset, a.bytes) <
                              std::pair(b.offset, b.bytes);
                     });
    uint64_t next = begin;
    for (const TensorEntry &entry : header.entries) {
      require(entry.offset == next,
              "{}: tensor {} begins at offset {}, expected {}: its contents "
              "overlap another's or leave a gap",
              path, entry.name, entry.offset, next);
      next += entry.bytes;
    }
    require(next == begin + bytes,
            "{}: {} bytes at the end belong to no tensor", path,
            begin + bytes - next);
  }

  const std::string &path;
  uint64_t begin, bytes;
  SafetensorsHeader header;
};

} // namespace

SafetensorsHeader parseSafetensorsHeader(std::string_view json,
                                         const std::string &path,
                                         uint64_t contentsBegin,
                                         uint64_t contentsBytes) {
  return HeaderParser(path, contentsBegin, contentsBytes).run(json);
}

std::string formatSafetensorsHeader(const SafetensorsHeader &header) {
  auto json = nlohmann::ordered_json::object();
  if (!header.metadata.empty())
    json["__metadata__"] = header.metadata;
  for (const TensorEntry &entry : header.entries)
    json[entry.name] = {
        {"dtype", tensorTypeName(entry.type)},
        {"shape", entry.shape},
        {"data_offsets", {entry.offset, entry.offset + entry.bytes}}};
  return json.dump();
}

} // namespace pfc::rt
