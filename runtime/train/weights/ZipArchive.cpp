#include "runtime/train/weights/ZipArchive.h"

#include "runtime/base/Error.h"

namespace pfc::rt {
namespace {

struct CloseFile {
  void operator()(zip_file_t *file) const { zip_fclose(file); }
};

std::string errorText(zip_error_t &error) {
  std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  return text;
}

} // namespace

ZipArchive::ZipArchive(std::span<const uint8_t> file, std::string path)
    : path(std::move(path)), size(file.size()) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t *source =
      zip_source_buffer_create(file.data(), file.size(), 0, &error);
  if (!source)
    fail("{}: {}", this->path, errorText(error));
  archive.reset(zip_open_from_source(source, ZIP_RDONLY, &error));
  if (!archive) {
    zip_source_free(source);
    fail("{}: no zip archive, or a damaged one: {}", this->path,
         errorText(error));
  }
  zip_error_fini(&error);
}

std::string ZipArchive::only(std::string_view end) const {
  std::string found;
  zip_int64_t count = zip_get_num_entries(archive.get(), 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    const char *name = zip_get_name(archive.get(), static_cast<zip_uint64_t>(i),
                                    ZIP_FL_ENC_RAW);
    if (!name || !std::string_view(name).ends_with(end))
      continue;
    require(found.empty(), "{}: has two entries {}", path, end);
    found = name;
  }
  require(!found.empty(),
          "{}: an archive without {}: no weights that torch.save wrote", path,
          end);
  return found;
}

std::optional<std::vector<uint8_t>>
ZipArchive::read(const std::string &name) const {
  zip_int64_t index =
      zip_name_locate(archive.get(), name.c_str(), ZIP_FL_ENC_RAW);
  if (index < 0)
    return std::nullopt;
  zip_stat_t stat;
  constexpr zip_uint64_t wanted =
      ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
  auto at = static_cast<zip_uint64_t>(index);
  require(zip_stat_index(archive.get(), at, 0, &stat) == 0 &&
              (stat.valid & wanted) == wanted,
          "{}: entry {} is damaged", path, name);
  require(
      stat.comp_method == ZIP_CM_STORE && stat.size == stat.comp_size &&
          stat.size <= size,
      "{}: entry {} is compressed, which torch.save does not do, or damaged",
      path, name);
  std::unique_ptr<zip_file_t, CloseFile> file(
      zip_fopen_index(archive.get(), at, 0));
  require(file != nullptr, "{}: entry {}: {}", path, name,
          zip_strerror(archive.get()));
  std::vector<uint8_t> bytes(stat.size);
  zip_int64_t count = zip_fread(file.get(), bytes.data(), bytes.size());
  char more;
  // Only the read beyond the end compares the CRC.
  bool whole = count == static_cast<zip_int64_t>(bytes.size()) &&
               zip_fread(file.get(), &more, 1) == 0;
  require(whole, "{}: entry {} is damaged: {}", path, name,
          zip_file_strerror(file.get()));
  return bytes;
}

} // namespace pfc::rt
