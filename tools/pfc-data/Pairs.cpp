//===- Pairs.cpp - pfc-data pairs: a verification set of a data set -------===//
//
// The image files go into the .bin as they are; each that is chosen is decoded
// once, so that a damaged one is found now and not when a network is judged.
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Error.h"
#include "runtime/base/Paths.h"
#include "runtime/data/Dataset.h"
#include "runtime/data/PairChoice.h"
#include "runtime/data/PairWriter.h"
#include "tools/cli/AtLeast.h"
#include "tools/pfc-data/Commands.h"
#include "tools/pfc-data/SetFiles.h"

#include <memory>

namespace pfc::tools {

using namespace pfc::rt::data;

namespace {

/// They are in memory when they are written.
constexpr int64_t mostPairs = 1'000'000;

struct PairsArguments {
  std::string path, out;
  int64_t pairs = 6000;
  uint64_t seed = 1;
};

void requireEnough(const PairsArguments &arguments, const PairCounts &counts) {
  rt::require(arguments.pairs % 20 == 0,
              "--pairs {}: must be a multiple of 20: ten folds, half of each "
              "fold's pairs of one identity, half of two",
              arguments.pairs);
  int64_t most = counts.most();
  std::string advice =
      most > 0 ? fmt::format("give --pairs {}", most)
               : std::string("add pictures, as even --pairs 20 needs 10");
  rt::require(
      arguments.pairs <= most,
      "{}: its {} {} make{} {} pairs of one identity and {} of two, and "
      "--pairs {} needs {} of each: {}",
      arguments.path, counts.identities,
      counts.identities == 1 ? "identity" : "identities",
      counts.identities == 1 ? "s" : "", counts.same, counts.different,
      arguments.pairs, arguments.pairs / 2, advice);
}

/// In LFW, whose protocol it is, no identity is in two folds.
std::string describeFolds(const PairsArguments &arguments,
                          const PairCounts &counts) {
  if (arguments.pairs <= counts.mostApart)
    return "no identity is in two folds";
  if (counts.mostApart > 0)
    return fmt::format("folds share identities, as they would not up to "
                       "--pairs {}",
                       counts.mostApart);
  return "folds share identities, which are too few for ten folds";
}

/// The file of image `i`, which decodes.
std::vector<uint8_t> goodFile(const Dataset &set, int64_t i) {
  std::vector<uint8_t> scratch;
  std::span<const uint8_t> file = set.encoded(i, scratch);
  try {
    decodeImage(file, probeImage(file).channels);
  } catch (const BadRecord &bad) {
    failRecord("{}: {}", set.where(i), bad.what());
  }
  return {file.begin(), file.end()};
}

void makePairs(const PairsArguments &arguments) {
  std::shared_ptr<const Dataset> set = openDataset(arguments.path);
  rt::protectInputs("-o", arguments.out, filesOf(*set, arguments.out));
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < set->size(); ++i)
    labels.push_back(set->label(i));
  PairCounts counts = countPairs(labels);
  requireEnough(arguments, counts);

  std::vector<std::vector<uint8_t>> files;
  std::vector<bool> same;
  for (const ImagePair &pair :
       choosePairs(labels, arguments.pairs, arguments.seed)) {
    files.push_back(goodFile(*set, pair.first));
    files.push_back(goodFile(*set, pair.second));
    same.push_back(pair.same);
  }
  writePairs(arguments.out, files, same);
  fmt::print("wrote {}: {} pairs, {} of one identity, of {} identities; {}\n",
             arguments.out, same.size(), same.size() / 2, counts.identities,
             describeFolds(arguments, counts));
}

} // namespace

void addPairsCommand(CLI::App &app, int *) {
  auto arguments = std::make_shared<PairsArguments>();
  CLI::App *command = app.add_subcommand(
      "pairs", "Make a verification set (.bin) of a data set's pictures");
  command
      ->add_option("path", arguments->path,
                   "A folder with a train.rec, a .rec file, or a folder of "
                   "images by identity")
      ->required();
  command->add_option("-o,--out", arguments->out, ".bin to write")->required();
  command
      ->add_option("--pairs", arguments->pairs,
                   "Pairs, half of one identity: a multiple of 20")
      ->check(pfc::atLeast(20, mostPairs))
      ->capture_default_str();
  command->add_option("--seed", arguments->seed, "Chooses the pairs")
      ->check(pfc::isSeed())
      ->capture_default_str();
  command->callback([arguments] { makePairs(*arguments); });
}

} // namespace pfc::tools
