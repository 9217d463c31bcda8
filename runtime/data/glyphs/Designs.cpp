#include "runtime/data/glyphs/Designs.h"

#include "runtime/base/Error.h"
#include "runtime/data/glyphs/Tables.h"

#include <algorithm>
#include <filesystem>
#include <fmt/ranges.h>
#include <set>
#include <sstream>

namespace pfc::rt::data::glyphs {

namespace {

Split parseSplit(const std::string &text) {
  if (text == "train")
    return Split::Train;
  require(text == "held" || text == "extreme", "designs.tsv: split '{}'", text);
  return text == "held" ? Split::Held : Split::Extreme;
}

unsigned parseScripts(const std::string &text) {
  if (text == "both")
    return HanAndHangul;
  require(text == "han" || text == "hangul", "designs.tsv: scripts '{}'", text);
  return text == "han" ? Han : Hangul;
}

size_t count(const std::vector<Design> &designs, Split split) {
  return std::count_if(designs.begin(), designs.end(),
                       [&](const Design &d) { return d.split == split; });
}

[[noreturn]] void failTooFew(unsigned scripts,
                             const std::vector<Design> &installed) {
  std::set<std::string> packages;
  for (const Design &design : knownDesigns(scripts))
    for (const Face &face : design.faces)
      if (!std::filesystem::exists(face.path))
        packages.insert(face.package);
  fail("too few typefaces: {} designs to train with and {} held out for "
       "verification; at least 2 and 2 are needed. Install some of these "
       "packages (`tools/setup.sh --fonts` takes a good small choice): {}",
       count(installed, Split::Train), count(installed, Split::Held),
       fmt::join(packages, " "));
}

} // namespace

std::vector<Design> knownDesigns(unsigned scripts) {
  std::vector<Design> designs;
  std::istringstream table(designsTsv);
  for (std::string line; std::getline(table, line);) {
    if (line.empty() || line[0] == '#')
      continue;
    std::istringstream fields(line);
    std::string name, style, split, forScripts, package, path;
    int index;
    fields >> name >> style >> split >> forScripts >> package >> path >> index;
    require(!fields.fail(), "designs.tsv: cannot read '{}'", line);
    Face face{"/usr/share/" + path, index, package, parseScripts(forScripts)};
    if (!(face.scripts & scripts))
      continue;
    if (designs.empty() || designs.back().name != name)
      designs.push_back({name, style, parseSplit(split), {}});
    designs.back().faces.push_back(face);
  }
  return designs;
}

std::vector<Design> installedDesigns(unsigned scripts,
                                     const std::vector<std::string> &only) {
  std::vector<Design> known = knownDesigns(scripts), installed;
  for (const std::string &name : only)
    require(std::any_of(known.begin(), known.end(),
                        [&](const Design &d) { return d.name == name; }),
            "no design is called '{}'; `pfc-data glyphs --list` shows them",
            name);
  for (Design &design : known) {
    bool named = std::find(only.begin(), only.end(), design.name) != only.end();
    if (!named && (!only.empty() || design.split == Split::Extreme))
      continue;
    std::erase_if(design.faces, [](const Face &face) {
      return !std::filesystem::exists(face.path);
    });
    if (!design.faces.empty())
      installed.push_back(std::move(design));
  }
  if (count(installed, Split::Train) < 2 || count(installed, Split::Held) < 2)
    failTooFew(scripts, installed);
  return installed;
}

} // namespace pfc::rt::data::glyphs
