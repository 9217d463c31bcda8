#include "runtime/train/checkpoint/Manifest.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace pfc::rt {
namespace {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json; // to be written

constexpr int64_t format = 1;

/// No step, class or batch is more: sums of two don't overflow.
constexpr int64_t largest = int64_t{1} << 52;

OrderedJson formatFile(const ManifestFile &file) {
  return {{"name", file.name}, {"bytes", file.bytes}, {"sha256", file.sha256}};
}

class ManifestParser {
public:
  explicit ManifestParser(const std::string &path) : path(path) {}

  Manifest run(std::string_view text) {
    Json json = parse(text);
    int64_t version = integer(json, "format", 1);
    require(version == format,
            "{}: checkpoint format {}; this pfc-run reads format {}: use a "
            "newer one",
            path, version, format);
    Manifest manifest;
    manifest.step = integer(json, "step", 0);
    manifest.totalSteps = integer(json, "total_steps", 0);
    manifest.plan = string(json, "plan");
    manifest.specHash = string(json, "spec_hash");
    manifest.precision = string(json, "precision");
    manifest.worldSize = integer(json, "world_size", 1);
    manifest.batchPerRank = integer(json, "batch_per_rank", 1);
    manifest.seed = unsignedInteger(json, "seed");
    manifest.images = integer(json, "images", 0);
    if (json.contains("synthetic"))
      manifest.synthetic = boolean(json, "synthetic");
    if (json.contains("bad_records")) // not in older ones
      for (const Json &record : list(json, "bad_records"))
        manifest.badRecords.push_back(
            integer({{"bad_records", record}}, "bad_records", 0));
    for (const Json &file : list(json, "files"))
      readFile(file, manifest.files.emplace_back());
    for (const Json &file : list(json, "shards"))
      readShard(file, manifest);
    return manifest;
  }

private:
  Json parse(std::string_view text) {
    try {
      Json json = Json::parse(text);
      if (json.is_object())
        return json;
    } catch (const Json::exception &) {
    }
    fail("{}: not a checkpoint's manifest; {}", path, advice);
  }

  const Json &member(const Json &json, const char *key, bool right,
                     const char *kind) {
    require(right, "{}: \"{}\" is missing, or not {}; {}", path, key, kind,
            advice);
    return json[key];
  }

  uint64_t unsignedInteger(const Json &json, const char *key) {
    bool right = json.contains(key) && json[key].is_number_unsigned();
    return member(json, key, right, "a whole number").get<uint64_t>();
  }

  int64_t integer(const Json &json, const char *key, int64_t least) {
    uint64_t value = unsignedInteger(json, key);
    require(value >= static_cast<uint64_t>(least) &&
                value <= static_cast<uint64_t>(largest),
            "{}: \"{}\" is {}, outside [{}, {}]; {}", path, key, value, least,
            largest, advice);
    return static_cast<int64_t>(value);
  }

  std::string string(const Json &json, const char *key) {
    bool right = json.contains(key) && json[key].is_string();
    return member(json, key, right, "a text").get<std::string>();
  }

  bool boolean(const Json &json, const char *key) {
    bool right = json.contains(key) && json[key].is_boolean();
    return member(json, key, right, "true or false").get<bool>();
  }

  const Json &list(const Json &json, const char *key) {
    bool right = json.contains(key) && json[key].is_array();
    return member(json, key, right, "a list");
  }

  void readFile(const Json &json, ManifestFile &file) {
    require(json.is_object(), "{}: a file's entry is not an object; {}", path,
            advice);
    file.name = string(json, "name");
    require(!file.name.empty() && file.name.front() != '.' &&
                file.name.find_first_of(std::string_view("/\\\0", 3)) ==
                    std::string::npos,
            "{}: file name {} is not one in the checkpoint's folder; {}", path,
            Json(file.name).dump(), advice);
    file.bytes = static_cast<uint64_t>(integer(json, "bytes", 0));
    file.sha256 = string(json, "sha256");
    require(file.sha256.size() == 64 &&
                file.sha256.find_first_not_of("0123456789abcdef") ==
                    std::string::npos,
            "{}: {}: \"{}\" is no SHA-256; {}", path, file.name, file.sha256,
            advice);
  }

  void readShard(const Json &json, Manifest &manifest) {
    ManifestShard shard;
    readFile(json, shard);
    shard.firstClass = integer(json, "first_class", 0);
    shard.classes = integer(json, "classes", 0);
    int64_t expected = manifest.totalClasses();
    require(shard.firstClass == expected && expected <= largest,
            "{}: {} begins with class {}, the shards before it end at {}; {}",
            path, shard.name, shard.firstClass, expected, advice);
    manifest.shards.push_back(std::move(shard));
  }

  static constexpr const char *advice =
      "it was damaged, or written by another program: a resume takes the "
      "checkpoint before it when its folder is removed";

  const std::string &path;
};

} // namespace

int64_t Manifest::totalClasses() const {
  return shards.empty() ? 0 : shards.back().firstClass + shards.back().classes;
}

uint64_t Manifest::totalBytes() const {
  uint64_t total = 0;
  for (const ManifestFile &file : files)
    total += file.bytes;
  for (const ManifestShard &shard : shards)
    total += shard.bytes;
  return total;
}

const ManifestFile *Manifest::find(std::string_view name) const {
  auto file = std::find_if(
      files.begin(), files.end(),
      [&](const ManifestFile &candidate) { return candidate.name == name; });
  return file == files.end() ? nullptr : &*file;
}

std::string formatManifest(const Manifest &manifest) {
  OrderedJson files = OrderedJson::array(), shards = OrderedJson::array();
  for (const ManifestFile &file : manifest.files)
    files.push_back(formatFile(file));
  for (const ManifestShard &shard : manifest.shards) {
    OrderedJson json = formatFile(shard);
    json["first_class"] = shard.firstClass;
    json["classes"] = shard.classes;
    shards.push_back(std::move(json));
  }
  OrderedJson json = {{"format", format},
                      {"step", manifest.step},
                      {"total_steps", manifest.totalSteps},
                      {"plan", manifest.plan},
                      {"spec_hash", manifest.specHash},
                      {"precision", manifest.precision},
                      {"world_size", manifest.worldSize},
                      {"batch_per_rank", manifest.batchPerRank},
                      {"seed", manifest.seed},
                      {"images", manifest.images},
                      {"bad_records", manifest.badRecords},
                      {"files", std::move(files)},
                      {"shards", std::move(shards)}};
  if (manifest.synthetic)
    json["synthetic"] = true;
  // Names of files need not be UTF-8.
  return json.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

Manifest parseManifest(std::string_view json, const std::string &path) {
  return ManifestParser(path).run(json);
}

} // namespace pfc::rt
