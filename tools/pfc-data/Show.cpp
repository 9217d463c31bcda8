//===- Show.cpp - pfc-data show: tile images into one picture -------------===//
//
// A data set: one row an identity. A .bin: pairs side by side, with a green
// frame where they are the same identity and a red one where they aren't.
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Paths.h"
#include "runtime/data/Dataset.h"
#include "runtime/data/Shuffle.h"
#include "runtime/eval/VerificationSet.h"
#include "tools/cli/AtLeast.h"
#include "tools/pfc-data/Canvas.h"
#include "tools/pfc-data/Commands.h"
#include "tools/pfc-data/SetFiles.h"

#include <algorithm>
#include <memory>

namespace pfc::tools {

using namespace pfc::rt::data;

namespace {

struct ShowArguments {
  std::string path, out = "show.png";
  int rows = 10, columns = 12;
  uint64_t seed = 1;
};

constexpr Colour same{40, 160, 60}, different{200, 50, 40};

/// The first position at or after `i` whose label differs from image `i`'s;
/// sets are grouped by identity.
int64_t endOfIdentity(const Dataset &set, int64_t i) {
  int64_t label = set.label(i), end = i + 1;
  while (end < set.size() && set.label(end) == label)
    ++end;
  return end;
}

int64_t startOfIdentity(const Dataset &set, int64_t i) {
  int64_t label = set.label(i);
  while (i > 0 && set.label(i - 1) == label)
    --i;
  return i;
}

Image load(const Dataset &set, int64_t i) {
  std::vector<uint8_t> scratch;
  try {
    return decodeImage(set.encoded(i, scratch), 3);
  } catch (const BadRecord &bad) {
    failRecord("{}: {}", set.where(i), bad.what());
  }
}

/// Rows of randomly chosen identities.
Canvas showDataset(const ShowArguments &arguments) {
  std::shared_ptr<const Dataset> set = openDataset(arguments.path);
  rt::protectInputs("-o", arguments.out, filesOf(*set, arguments.out));
  Canvas canvas(load(*set, 0).shape, arguments.rows, arguments.columns);
  Permutation order(set->size(), arguments.seed, 0);
  std::vector<int64_t> shown;
  for (int64_t k = 0;
       k < set->size() && shown.size() < static_cast<size_t>(arguments.rows);
       ++k) {
    int64_t sample = static_cast<int64_t>(order(k));
    int64_t label = set->label(sample);
    if (std::find(shown.begin(), shown.end(), label) != shown.end())
      continue;
    int row = static_cast<int>(shown.size());
    shown.push_back(label);
    int64_t first = startOfIdentity(*set, sample);
    int64_t end =
        std::min(endOfIdentity(*set, sample), first + arguments.columns);
    for (int64_t i = first; i < end; ++i)
      canvas.put(row, static_cast<int>(i - first), load(*set, i));
  }
  return canvas;
}

Image picture(const rt::VerificationSet &set, size_t i) {
  const rt::RawShape &shape = set.shapes[i];
  if (shape.encoded())
    return decodeImage(set.images[i], 3);
  return {{static_cast<int>(shape.height), static_cast<int>(shape.width),
           static_cast<int>(shape.channels)},
          set.images[i]};
}

/// Randomly chosen pairs, framed by whether they are the same.
Canvas showPairs(const ShowArguments &arguments) {
  rt::protectInputs("-o", arguments.out, {arguments.path});
  rt::VerificationSet set = rt::readVerificationSet(arguments.path);
  rt::require(set.pairs() > 0, "{}: holds no pairs", arguments.path);
  int columns = std::max(1, arguments.columns / 2);
  Canvas canvas(picture(set, 0).shape, arguments.rows, 2 * columns);
  Permutation order(set.pairs(), arguments.seed, 0);
  int64_t count = std::min<int64_t>(set.pairs(), arguments.rows * columns);
  for (int64_t k = 0; k < count; ++k) {
    auto pair = static_cast<size_t>(order(k));
    int row = static_cast<int>(k / columns);
    int column = 2 * static_cast<int>(k % columns);
    Colour frame = set.same[pair] ? same : different;
    for (int side = 0; side < 2; ++side)
      canvas.put(row, column + side, picture(set, 2 * pair + side), frame);
  }
  return canvas;
}

void show(const ShowArguments &arguments) {
  bool pairs = arguments.path.ends_with(".bin");
  Canvas canvas = pairs ? showPairs(arguments) : showDataset(arguments);
  canvas.save(arguments.out);
  fmt::print("wrote {}\n", arguments.out);
}

} // namespace

void addShowCommand(CLI::App &app, int *) {
  auto arguments = std::make_shared<ShowArguments>();
  CLI::App *command =
      app.add_subcommand("show", "Tile images of a set into one PNG");
  command
      ->add_option("path", arguments->path,
                   "A data set (one identity a row) or a .bin of pairs (green "
                   "frame: same identity, red: different)")
      ->required();
  command->add_option("-o,--out", arguments->out, "PNG to write")
      ->capture_default_str();
  command->add_option("--rows", arguments->rows, "Rows of tiles")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--columns", arguments->columns, "Tiles a row")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--seed", arguments->seed, "Chooses what is shown")
      ->check(pfc::isSeed())
      ->capture_default_str();
  command->callback([arguments] { show(*arguments); });
}

} // namespace pfc::tools
