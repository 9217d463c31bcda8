#include "runtime/data/FolderDataset.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace pfc::rt::data {

namespace fs = std::filesystem;

namespace {

std::vector<std::string> imagesBelow(const fs::path &folder) {
  std::vector<std::string> paths;
  auto options = fs::directory_options::follow_directory_symlink;
  for (const auto &entry : fs::recursive_directory_iterator(folder, options))
    if (entry.is_regular_file() &&
        isImageName(entry.path().filename().string()))
      paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  return paths;
}

} // namespace

FolderDataset::FolderDataset(const std::string &root) {
  std::error_code error;
  require(fs::is_directory(root, error),
          "{}: is no folder of images; give one with a sub-folder for each "
          "identity",
          root);
  std::vector<fs::path> folders;
  for (const auto &entry : fs::directory_iterator(root))
    if (entry.is_directory())
      folders.push_back(entry.path());
  std::sort(folders.begin(), folders.end());
  for (const fs::path &folder : folders) {
    std::vector<std::string> paths = imagesBelow(folder);
    if (paths.empty())
      continue;
    for (std::string &path : paths)
      files.push_back({std::move(path), classes()});
    identities.push_back(folder.filename().string());
  }
  require(!files.empty(),
          "{}: no train.rec and no sub-folders with .jpg or .png images", root);
}

std::span<const uint8_t>
FolderDataset::encoded(int64_t i, std::vector<uint8_t> &scratch) const {
  std::ifstream in(files[i].path, std::ios::binary | std::ios::ate);
  std::streamsize size = in ? static_cast<std::streamsize>(in.tellg()) : -1;
  if (size < 0)
    failRecord("{}: cannot be read", where(i));
  scratch.resize(static_cast<size_t>(size));
  in.seekg(0);
  if (!in.read(reinterpret_cast<char *>(scratch.data()), size))
    failRecord("{}: cannot be read", where(i));
  return scratch;
}

} // namespace pfc::rt::data
