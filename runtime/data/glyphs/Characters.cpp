#include "runtime/data/glyphs/Characters.h"

#include "runtime/data/glyphs/Designs.h"
#include "runtime/data/glyphs/Tables.h"

#include <set>
#include <sstream>

namespace pfc::rt::data::glyphs {

namespace {

struct Block {
  char32_t first, last;
};

constexpr Block hanBlocks[] = {
    {0x3400, 0x4DBF},   // extension A
    {0x4E00, 0x9FFF},   // unified ideographs
    {0x20000, 0x2A6DF}, // extension B
    {0x2A700, 0x2EBE0}, // extensions C to F
    {0x30000, 0x323AF}, // extensions G and H
};
constexpr Block hangulBlock = {0xAC00, 0xD7A3};

std::set<char32_t> droppedTwins() {
  std::set<char32_t> dropped;
  std::istringstream table(confusableTsv);
  for (std::string line; std::getline(table, line);) {
    if (line.empty() || line[0] == '#')
      continue;
    size_t tab = line.find('\t');
    dropped.insert(std::stoul(line.substr(tab + 1), nullptr, 16));
  }
  return dropped;
}

} // namespace

uint64_t splitmix64(uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

std::vector<char32_t> identityCharacters(unsigned scripts) {
  std::set<char32_t> dropped = droppedTwins();
  std::vector<char32_t> characters;
  auto take = [&](Block block) {
    for (char32_t c = block.first; c <= block.last; ++c)
      if (!dropped.count(c))
        characters.push_back(c);
  };
  if (scripts & Han)
    for (Block block : hanBlocks)
      take(block);
  if (scripts & Hangul)
    take(hangulBlock);
  return characters;
}

std::string utf8(char32_t c) {
  auto tail = [&](int shift) {
    return static_cast<char>(0x80 | ((c >> shift) & 0x3F));
  };
  if (c < 0x80)
    return {static_cast<char>(c)};
  if (c < 0x800)
    return {static_cast<char>(0xC0 | c >> 6), tail(0)};
  if (c < 0x10000)
    return {static_cast<char>(0xE0 | c >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | c >> 18), tail(12), tail(6), tail(0)};
}

} // namespace pfc::rt::data::glyphs
