#include "runtime/base/Paths.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

namespace pfc::rt {

namespace fs = std::filesystem;

namespace {

/// As many as Linux follows.
constexpr int mostLinks = 40;

bool isFile(const std::string &path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

/// Of a file that is there or could be made; devices and pipes are neither.
bool canBeFile(const std::string &path) {
  std::error_code ignored;
  return !isDescriptor(fileBehind(path)) &&
         (isFile(path) || !fs::exists(path, ignored));
}

fs::path absolute(const std::string &path) {
  std::error_code error;
  fs::path whole = fs::weakly_canonical(fs::absolute(path, error), error);
  return error ? fs::path(path) : whole;
}

bool liesIn(const std::string &file, const std::string &folder) {
  fs::path inner = absolute(file), outer = absolute(folder);
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end())
             .first == outer.end();
}

} // namespace

bool isDescriptor(const std::string &path) {
  std::error_code error;
  fs::path name = fs::path(path).filename();
  std::string digits = name.string();
  if (digits.empty() || digits.size() > 6 ||
      !std::all_of(digits.begin(), digits.end(),
                   [](unsigned char c) { return std::isdigit(c); }))
    return false;
  fs::path own = fs::canonical("/proc/self/fd", error);
  return !error && fs::canonical(fs::path(path).parent_path(), error) == own;
}

int descriptorNumber(const std::string &path) {
  return std::stoi(fs::path(path).filename().string());
}

std::string fileBehind(const std::string &path) {
  fs::path at = path;
  std::error_code error;
  for (int links = 0; fs::is_symlink(at, error) && !isDescriptor(at); ++links) {
    require(links < mostLinks, "{}: its symbolic links lead nowhere", path);
    fs::path to = fs::read_symlink(at, error);
    if (error)
      break;
    at = at.parent_path() / to;
  }
  return at;
}

bool sameFile(const std::string &a, const std::string &b) {
  if (a.empty() || b.empty() || !canBeFile(a) || !canBeFile(b))
    return false;
  std::error_code ignored;
  if (isFile(a) && isFile(b))
    return fs::equivalent(a, b, ignored);
  return absolute(fileBehind(a)) == absolute(fileBehind(b));
}

void protectInputs(const std::string &option, const std::string &output,
                   const std::vector<std::string> &inputs) {
  if (output.empty())
    return;
  for (const std::string &input : inputs) {
    std::error_code ignored;
    bool folder = fs::is_directory(input, ignored);
    bool lost = folder ? isFile(output) && canBeFile(output) &&
                             liesIn(fileBehind(output), input)
                       : sameFile(output, input);
    require(!lost,
            "{} {}: would replace what is read from {}; give another "
            "name",
            option, output, input);
  }
}

} // namespace pfc::rt
