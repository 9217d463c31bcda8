//===- Pack.cpp - pfc-data pack: a folder tree into RecordIO --------------===//
//
// The image files go into the records as they are; each is decoded once, so
// that a damaged one is found now and not in training.
//
//===----------------------------------------------------------------------===//

#include "runtime/data/FolderDataset.h"
#include "runtime/data/RecordSetWriter.h"
#include "tools/cli/AtLeast.h"
#include "tools/pfc-data/Commands.h"

#include <fstream>
#include <memory>

namespace pfc::tools {

using namespace pfc::rt::data;

namespace {

struct PackArguments {
  std::string folder, out;
  int64_t maxBadRecords = 0;
};

/// Copies the good images into the record set, all of one size.
class Packer {
public:
  Packer(const FolderDataset &set, const PackArguments &arguments)
      : set(set), arguments(arguments), writer(arguments.out) {}

  void run() {
    for (int64_t i = 0; i < set.size(); ++i)
      pack(i);
    rt::require(size.height > 0, "{}: no image could be read",
                arguments.folder);
    writer.finish(size.height, size.width);
    writeNames();
    fmt::print("packed {} images of {} identities ({}x{}) into {}/train.rec, "
               "{} files skipped\n",
               writer.images(), label + 1, size.height, size.width,
               arguments.out, skipped);
  }

private:
  void pack(int64_t i) {
    try {
      std::span<const uint8_t> file = set.encoded(i, scratch);
      Image image = decodeImage(file, 3);
      if (size.height == 0)
        size = image.shape;
      if (image.shape != size)
        failRecord("{}x{} pixels, the first image has {}x{}; bring all images "
                   "to one size first",
                   image.shape.height, image.shape.width, size.height,
                   size.width);
      add(i, file);
    } catch (const BadRecord &bad) {
      ++skipped;
      rt::require(skipped <= arguments.maxBadRecords,
                  "{}: {} (--max-bad-records {})", set.where(i), bad.what(),
                  arguments.maxBadRecords);
      fmt::print(stderr, "warning: skipped {}: {}\n", set.where(i), bad.what());
    }
  }

  /// Numbers identities by those that have an image, so that skipped files
  /// leave no gap.
  void add(int64_t i, std::span<const uint8_t> file) {
    if (label < 0 || set.label(i) != folder) {
      folder = set.label(i);
      names.push_back(set.identityNames()[folder]);
      ++label;
    }
    writer.add(label, file);
  }

  void writeNames() {
    std::ofstream out(arguments.out + "/identities.tsv");
    for (size_t i = 0; i < names.size(); ++i)
      out << i << '\t' << names[i] << '\n';
    out.close();
    rt::require(out.good(), "{}/identities.tsv: cannot write", arguments.out);
  }

  const FolderDataset &set;
  const PackArguments &arguments;
  RecordSetWriter writer;
  std::vector<uint8_t> scratch;
  std::vector<std::string> names;
  ImageShape size;
  int64_t label = -1, folder = -1, skipped = 0;
};

} // namespace

void addPackCommand(CLI::App &app, int *) {
  auto arguments = std::make_shared<PackArguments>();
  CLI::App *command = app.add_subcommand(
      "pack", "Pack a folder of images by identity into train.rec");
  command
      ->add_option("folder", arguments->folder,
                   "Folder with one sub-folder of .jpg or .png images for each "
                   "identity")
      ->required();
  command->add_option("--out", arguments->out, "Folder to write")->required();
  command
      ->add_option("--max-bad-records", arguments->maxBadRecords,
                   "Files that may be skipped")
      ->check(pfc::atLeast(0))
      ->capture_default_str();
  command->callback([arguments] {
    FolderDataset set(arguments->folder);
    Packer(set, *arguments).run();
  });
}

} // namespace pfc::tools
