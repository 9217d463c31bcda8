//===- Glyphs.cpp - pfc-data glyphs ---------------------------------------===//

#include "runtime/base/Error.h"
#include "runtime/data/glyphs/GlyphSet.h"
#include "tools/cli/AtLeast.h"
#include "tools/pfc-data/Commands.h"

#include <cstdio>
#include <filesystem>
#include <fmt/ranges.h>
#include <map>
#include <memory>
#include <unistd.h>

namespace pfc::tools {

using namespace pfc::rt::data::glyphs;

namespace {

struct GlyphsArguments {
  GlyphSetOptions options;
  std::string script = "hangul";
  int size = 112, channels = 3;
  bool list = false;
};

void showProgress(int64_t identities, int64_t images) {
  fmt::print(stderr, "\r{} identities, {} images", identities, images);
}

void print(const GlyphSetSummary &summary, const GlyphSetOptions &options) {
  fmt::print("designs       {} train: {}\n", summary.trainDesigns.size(),
             fmt::join(summary.trainDesigns, " "));
  fmt::print("              {} held out: {}\n", summary.heldDesigns.size(),
             fmt::join(summary.heldDesigns, " "));
  fmt::print(
      "training      {}/train.rec: {} identities, {} images of {}x{}x{}, "
      "{:.1f} MB\n",
      options.folder, summary.identities, summary.images, options.shape.height,
      options.shape.width, options.shape.channels, double(summary.bytes) / 1e6);
  if (summary.blank)
    fmt::print("left out      {} identities with too few drawings that aren't "
               "blank\n",
               summary.blank);
  if (!summary.pairSets.empty())
    fmt::print("verification  {} pairs each, {} unseen identities: {}\n",
               options.pairs, summary.testIdentities,
               fmt::join(summary.pairSets, " "));
  if (options.benchmarks)
    fmt::print("benchmarks    {0}/ijb, {1} pictures; {0}/megaface, {2} "
               "pictures\n",
               options.folder, summary.ijbPictures, summary.megaFacePictures);
  fmt::print("time          {:.1f} s, {:.0f} images/s on {} threads\n",
             summary.seconds, double(summary.images) / summary.seconds,
             options.threads);
}

void listDesigns(unsigned scripts) {
  const char *sides[] = {"train", "held", "extreme"};
  fmt::print("{:<18} {:<9} {:<8} {:<10} package\n", "design", "style", "split",
             "installed");
  for (const Design &design : knownDesigns(scripts))
    for (const Face &face : design.faces)
      fmt::print("{:<18} {:<9} {:<8} {:<10} {}\n", design.name, design.style,
                 sides[static_cast<int>(design.split)],
                 std::filesystem::exists(face.path) ? "yes" : "-",
                 face.package);
}

void runGlyphs(GlyphsArguments &arguments) {
  GlyphSetOptions &options = arguments.options;
  const std::map<std::string, unsigned> scripts = {
      {"han", Han}, {"hangul", Hangul}, {"both", HanAndHangul}};
  options.scripts = scripts.at(arguments.script);
  if (arguments.list) {
    listDesigns(options.scripts);
    return;
  }
  rt::require(!options.folder.empty(), "glyphs: --out is required");
  options.shape = {arguments.size, arguments.size, arguments.channels};
  bool terminal = isatty(STDERR_FILENO);
  if (terminal)
    options.progress = showProgress;
  GlyphSetSummary summary = makeGlyphSet(options);
  if (terminal)
    fmt::print(stderr, "\r\x1b[K");
  print(summary, options);
}

} // namespace

void addGlyphsCommand(CLI::App &app, int *) {
  auto arguments = std::make_shared<GlyphsArguments>();
  GlyphSetOptions &options = arguments->options;
  options.threads = defaultThreads();
  CLI::App *command = app.add_subcommand(
      "glyphs", "Make an open-set data set from the installed typefaces");
  command->add_option("--out", options.folder, "Folder to write");
  command
      ->add_option("--script", arguments->script,
                   "Identities: han, hangul or both")
      ->check(CLI::IsMember({"han", "hangul", "both"}))
      ->capture_default_str();
  command
      ->add_option("--identities", options.identities,
                   "Training identities; 0 takes all")
      ->check(pfc::atLeast(0))
      ->capture_default_str();
  command->add_flag("--words", options.words,
                    "Identities are two-character words (a million and more)");
  command
      ->add_option("--size", arguments->size, "Image height and width, pixels")
      ->capture_default_str();
  command->add_option("--channels", arguments->channels, "1 (grey) or 3 (RGB)")
      ->check(CLI::IsMember({1, 3}))
      ->capture_default_str();
  command
      ->add_option("--designs", options.designs,
                   "Use only these designs (see --list)")
      ->delimiter(',');
  command
      ->add_option("--designs-per-identity", options.designsPerIdentity,
                   "Draw each identity in this many designs; 0 takes all")
      ->check(pfc::atLeast(0))
      ->capture_default_str();
  command
      ->add_option("--images-per-design", options.imagesPerDesign,
                   "Differently disturbed drawings in each design")
      ->check(pfc::atLeast(1, 65535))
      ->capture_default_str();
  command
      ->add_option("--min-designs", options.minDesigns,
                   "Leave out identities that fewer designs can draw")
      ->check(pfc::atLeast(1))
      ->capture_default_str();
  command
      ->add_option("--pairs", options.pairs,
                   "Pairs in each verification set; 0 writes none")
      ->capture_default_str();
  command
      ->add_option("--test-identities", options.testIdentities,
                   "Verification identities, at most")
      ->check(pfc::atLeast(1))
      ->capture_default_str();
  command->add_flag("--benchmarks", options.benchmarks,
                    "Lay the verification identities out as IJB (ijb/, target "
                    "GLYPH) and MegaFace (megaface/), too");
  command->add_option("--quality", options.jpegQuality, "JPEG quality")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  command->add_option("--seed", options.seed, "Random seed")
      ->check(pfc::isSeed())
      ->capture_default_str();
  command->add_option("--threads", options.threads, "Drawing threads")
      ->check(pfc::atLeast(1, 4096))
      ->capture_default_str();
  command->add_flag("--list", arguments->list,
                    "Show the known designs and their packages, and stop");
  command->callback([arguments] { runGlyphs(*arguments); });
}

} // namespace pfc::tools
