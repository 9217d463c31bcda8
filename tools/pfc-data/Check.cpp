//===- Check.cpp - pfc-data check: validate and summarise -----------------===//
//
// Reads every record and decodes every image. Exit status 1 when anything is
// damaged or contradicts `property`.
//
//===----------------------------------------------------------------------===//

#include "runtime/base/ParallelFor.h"
#include "runtime/data/RecordDataset.h"
#include "runtime/eval/VerificationSet.h"
#include "tools/cli/AtLeast.h"
#include "tools/pfc-data/Commands.h"

#include <algorithm>
#include <bit>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace pfc::tools {

using namespace pfc::rt;
using namespace pfc::rt::data;

namespace {

struct CheckArguments {
  std::string path;
  int threads = defaultThreads();
  int64_t list = 20;
};

/// What one pass over the set finds; one a thread, then merged.
struct Findings {
  std::unordered_map<int64_t, int64_t> imagesOf; ///< label -> images
  std::map<std::string, int64_t> shapes;         ///< "112x112x3" -> images
  std::map<int64_t, std::string> bad;            ///< image -> what is wrong

  void merge(const Findings &other) {
    for (auto [label, images] : other.imagesOf)
      imagesOf[label] += images;
    for (const auto &[shape, images] : other.shapes)
      shapes[shape] += images;
    bad.insert(other.bad.begin(), other.bad.end());
  }
};

void checkImage(const Dataset &set, const std::optional<Property> &property,
                int64_t i, std::vector<uint8_t> &scratch, Findings &findings) {
  try {
    int64_t label = set.label(i);
    if (property && label >= property->classes)
      failRecord("{}: label {} is outside the {} identities of `property`",
                 set.where(i), label, property->classes);
    std::span<const uint8_t> file = set.encoded(i, scratch);
    ImageShape shape;
    try {
      shape = probeImage(file);
      decodeImage(file, shape.channels);
      if (property &&
          (shape.height != property->height || shape.width != property->width))
        failRecord("{}x{} pixels, where `property` says {}x{}", shape.height,
                   shape.width, property->height, property->width);
    } catch (const BadRecord &bad) {
      failRecord("{}: {}", set.where(i), bad.what());
    }
    ++findings.imagesOf[label];
    ++findings.shapes[fmt::format("{}x{}x{}", shape.height, shape.width,
                                  shape.channels)];
  } catch (const BadRecord &bad) {
    findings.bad[i] = bad.what();
  }
}

Findings readAll(const Dataset &set, const std::optional<Property> &property,
                 int threads) {
  std::vector<Findings> partial(threads);
  std::vector<std::vector<uint8_t>> scratch(threads);
  parallelFor(threads, set.size(), [&](int thread, int64_t i) {
    checkImage(set, property, i, scratch[thread], partial[thread]);
  });
  Findings all;
  for (const Findings &findings : partial)
    all.merge(findings);
  return all;
}

/// Bars over powers of two: how many identities have 1, 2-3, 4-7, … images.
void printHistogram(const std::vector<int64_t> &images) {
  std::map<int, int64_t> bins;
  for (int64_t count : images)
    ++bins[std::bit_width(static_cast<uint64_t>(count)) - 1];
  int64_t largest = 0;
  for (auto [bin, identities] : bins)
    largest = std::max(largest, identities);
  fmt::print("{:>17}  identities\n", "images");
  for (auto [bin, identities] : bins) {
    int64_t low = int64_t{1} << bin, high = 2 * low - 1;
    std::string range =
        low == high ? fmt::format("{}", low) : fmt::format("{}-{}", low, high);
    fmt::print("{:>17}  {:<10} {:#<{}}\n", range, identities, "",
               std::max<int64_t>(1, 40 * identities / largest));
  }
}

/// "3, 7-9, 12 and 4 more" of the labels that no image has.
std::string gapText(const std::vector<int64_t> &labels) {
  std::string text;
  int64_t next = 0, shown = 0, ranges = 0;
  for (int64_t label : labels) {
    if (label > next && ++ranges <= 5) {
      text += shown++ ? ", " : "";
      text += label == next + 1 ? fmt::format("{}", next)
                                : fmt::format("{}-{}", next, label - 1);
    }
    next = label + 1;
  }
  if (ranges > 5)
    text += fmt::format(" and {} more ranges", ranges - 5);
  return text;
}

void printIdentities(const Findings &findings) {
  std::vector<int64_t> labels, images;
  int64_t total = 0;
  for (auto [label, count] : findings.imagesOf) {
    labels.push_back(label);
    images.push_back(count);
    total += count;
  }
  if (labels.empty())
    return;
  std::sort(labels.begin(), labels.end());
  std::sort(images.begin(), images.end());
  auto identities = static_cast<int64_t>(labels.size());
  fmt::print("identities   {}\n", identities);
  fmt::print("labels       {} to {}", labels.front(), labels.back());
  int64_t gaps = labels.back() + 1 - identities;
  if (gaps == 0)
    fmt::print(", no gaps\n");
  else
    fmt::print(", {} without images: {}\n", gaps, gapText(labels));
  fmt::print("per identity {} to {} images, median {}, mean {:.1f}\n",
             images.front(), images.back(), images[images.size() / 2],
             double(total) / double(identities));
  printHistogram(images);
}

void printBad(const std::vector<std::string> &bad, int64_t list) {
  fmt::print("bad records  {}\n", bad.size());
  auto shown = std::min(static_cast<int64_t>(bad.size()), list);
  for (int64_t i = 0; i < shown; ++i)
    fmt::print("  {}\n", bad[i]);
  if (shown < static_cast<int64_t>(bad.size()))
    fmt::print("  … and {} more (--list)\n", bad.size() - shown);
}

void printHeading(const Dataset &set, const RecordDataset *records) {
  if (!records) {
    fmt::print("data set     folder of images, {} files\n", set.size());
    return;
  }
  fmt::print("data set     {}, {} image records, {}\n", records->path(),
             set.size(),
             records->hasIndex() ? "indexed" : "no index (scanned)");
  if (records->hasLabelFile())
    fmt::print("label file   yes, int64\n");
  if (const auto &property = records->property())
    fmt::print("property     {} identities, {}x{}\n", property->classes,
               property->height, property->width);
}

/// A verification set: how many pairs, and whether each picture decodes.
int checkPairs(const CheckArguments &arguments) {
  VerificationSet set = readVerificationSet(arguments.path);
  std::vector<std::string> bad;
  for (size_t i = 0; i < set.images.size(); ++i) {
    try {
      if (set.shapes[i].encoded())
        decodeImage(set.images[i], 3);
    } catch (const std::exception &error) {
      bad.push_back(
          fmt::format("{}: picture {}: {}", arguments.path, i, error.what()));
    }
  }
  fmt::print("pairs        {}, {} of one identity\n", set.pairs(),
             std::count(set.same.begin(), set.same.end(), true));
  printBad(bad, arguments.list);
  return bad.empty() ? 0 : 1;
}

int check(const CheckArguments &arguments) {
  if (arguments.path.ends_with(".bin"))
    return checkPairs(arguments);
  std::shared_ptr<const Dataset> set = openDataset(arguments.path);
  const auto *records = dynamic_cast<const RecordDataset *>(set.get());
  printHeading(*set, records);
  Findings findings = readAll(
      *set, records ? records->property() : std::nullopt, arguments.threads);
  for (const auto &[shape, images] : findings.shapes)
    fmt::print("images       {} of {}\n", images, shape);
  printIdentities(findings);

  std::vector<std::string> bad = set->damage();
  for (const auto &[image, what] : findings.bad)
    bad.push_back(what);
  printBad(bad, arguments.list);
  return bad.empty() ? 0 : 1;
}

} // namespace

void addCheckCommand(CLI::App &app, int *status) {
  auto arguments = std::make_shared<CheckArguments>();
  CLI::App *command = app.add_subcommand(
      "check", "Validate a data set and summarise it; status 1 when damaged");
  command
      ->add_option("path", arguments->path,
                   "A folder with a train.rec, a .rec file, a folder of images "
                   "by identity, or a verification set (.bin)")
      ->required();
  command->add_option("--threads", arguments->threads, "Decoding threads")
      ->check(pfc::atLeast(1, 4096))
      ->capture_default_str();
  command->add_option("--list", arguments->list, "Bad records to list, at most")
      ->check(pfc::atLeast(0))
      ->capture_default_str();
  command->callback([arguments, status] { *status = check(*arguments); });
}

} // namespace pfc::tools
