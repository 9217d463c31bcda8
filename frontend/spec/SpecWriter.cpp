//===- SpecWriter.cpp - Specs and their reference as text -----------------===//
#include "frontend/spec/SpecWriter.h"
#include "frontend/spec/SpecKeys.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

using namespace pfc;
using llvm::StringRef;

void pfc::writeSpec(const TrainSpec &spec, llvm::raw_ostream &os) {
  TrainSpec copy = spec; // fields are reached through mutable references
  StringRef separator;
  for (const SpecSection &section : specSections()) {
    std::string lines;
    for (const SpecKey &key : specKeys()) {
      if (key.section != section.name)
        continue;
      std::string value = fieldToToml(key, key.field(copy));
      if (!value.empty())
        lines += (key.name + " = " + value + "\n").str();
    }
    if (lines.empty()) // all its keys are absent
      continue;
    os << separator << '[' << section.name << "]\n" << lines;
    separator = "\n";
  }
}

static const char *const preamble =
    R"(<!-- Written by `pfcc spec-reference`; edit frontend/spec/SpecKeys.cpp. -->
# The spec

A spec is a TOML file, extension `.spec`, that says what a training job is.
`pfcc compile x.spec` checks it and lowers it to a plan. This is a complete one:

```toml
[model]
backbone = "r50"

[head]
classes = 360232
sample_rate = 0.1
margin = { type = "cosface", m3 = 0.4 }

[train]
batch_per_rank = 128
epochs = 20

[cluster]
world_size = 8
```

Wrong input is reported as `file:line:column: error: …` with what is allowed,
all errors of a file at once, and exit status 1.

Any key can be set on the command line: `--set head.sample_rate=0.1`, as often
as needed, the last one wins. Values are TOML; a string may go without quotes
(`--set model.backbone=r18`). A `--set` of one of `steps`/`epochs`, or of
`warmup_steps`/`warmup_epochs` or `milestone_steps`/`milestone_epochs`, replaces
the other one of the file, and setting `head.margin.type`, `train.schedule.type`
or `train.optimizer.type` drops the file's numbers of another type, also the
rate and decay of another optimizer. Errors in these values are reported at
`--set:N:column`, N counting the `--set` options.

`pfcc compile x.spec --emit=spec` prints the spec with every default filled in.
)";

/// A key's default as the table shows it.
static std::string defaultText(const SpecKey &key) {
  if (key.required)
    return "**required**";
  if (!key.defaultNote.empty())
    return key.defaultNote.str();
  TrainSpec defaults;
  return llvm::formatv("`{0}`", fieldToToml(key, key.field(defaults))).str();
}

/// A key's type as a noun: "integer" of "an integer".
static StringRef typeNoun(const SpecKey &key) {
  StringRef name = key.typeName();
  if (name == "true or false")
    return "boolean";
  return name.split(' ').second;
}

void pfc::writeSpecReference(llvm::raw_ostream &os) {
  os << preamble;
  for (const SpecSection &section : specSections()) {
    os << "\n## [" << section.name << "]\n\n"
       << section.help << "\n\n"
       << "| key | type | unit | default | allowed | meaning |\n"
       << "|---|---|---|---|---|---|\n";
    for (const SpecKey &key : specKeys())
      if (key.section == section.name)
        os << "| `" << key.name << "` | " << typeNoun(key) << " | " << key.unit
           << " | " << defaultText(key) << " | " << key.allowed() << " | "
           << key.help << " |\n";
  }
}
