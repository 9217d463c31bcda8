//===- SpecParser.cpp - A .spec file becomes a TrainSpec ------------------===//
//
// The TOML tree is walked once; each key is looked up in the table of
// SpecKeys.h, converted, checked and stored through the table's field.
//
//===----------------------------------------------------------------------===//
#include "frontend/spec/SpecParser.h"
#include "frontend/spec/SpecChecks.h"
#include "frontend/spec/SpecErrors.h"
#include "frontend/spec/SpecKeys.h"
#include "frontend/spec/TomlText.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace pfc;
using llvm::StringRef;
using mlir::FileLineColLoc;

static constexpr StringRef overridesName = "--set";

FileLineColLoc SpecLocations::of(StringRef path) const {
  for (; !path.empty();
       path = path.contains('.') ? path.rsplit('.').first : StringRef()) {
    auto it = entries.find(path);
    if (it != entries.end())
      return it->second;
  }
  return fileStart;
}

/// What a value is, for "got …".
static std::string describe(const toml::node &node) {
  if (auto *value = node.as_integer())
    return std::to_string(value->get());
  if (auto *value = node.as_boolean())
    return value->get() ? "true" : "false";
  if (auto *value = node.as_floating_point())
    return numberToToml(value->get());
  if (auto *value = node.as_string())
    return "the string \"" + printable(value->get()) + "\"";
  if (node.is_table())
    return "a table";
  return node.is_array() ? "an array" : "a date or time";
}

namespace {

/// One text: the file, or one --set option.
struct Document {
  StringRef name;
  StringRef text;
  unsigned lineOffset; ///< lines of the buffer before the text
  TextLines lines;

  Document(StringRef name, StringRef text, unsigned lineOffset)
      : name(name), text(text), lineOffset(lineOffset), lines(text) {}
};

class Reader {
public:
  Reader(mlir::MLIRContext &context, StringRef fileName)
      : context(context),
        loaded{TrainSpec(),
               SpecLocations(FileLineColLoc::get(&context, fileName, 1, 1))} {}

  void read(const Document &document);
  void readOverride(StringRef option, unsigned lineOffset);
  std::optional<LoadedSpec> finish();

private:
  mlir::MLIRContext &context;
  LoadedSpec loaded;
  SpecErrors errors;
  llvm::StringSet<> invalid;
  Document document{"", "", 0};
  bool hasSyntaxErrors = false;
  std::vector<unsigned> brokenHeaders;    ///< lines of the document
  const toml::node *unsuitable = nullptr; ///< the element read last

  FileLineColLoc locate(TextPosition position) const {
    return FileLineColLoc::get(&context, document.name,
                               document.lineOffset + position.line,
                               position.column);
  }
  FileLineColLoc locate(const toml::source_region &region) const {
    return locate(document.lines.toBytes(region.begin));
  }

  void readTable(const std::string &section, const toml::table &table);
  StringRef lineOf(unsigned line) const;
  bool isUnderBrokenHeader(unsigned line) const;
  void readKey(const SpecKey &key, const toml::node &node);
  void replaceFileKeys(StringRef path);
  void checkRequired();

  // Conversions: store the value and return true, or return false.
  bool convert(const SpecKey &key, const toml::node &node, int64_t &out);
  bool convert(const SpecKey &key, const toml::node &node, double &out);
  bool convert(const SpecKey &key, const toml::node &node, bool &out);
  bool convert(const SpecKey &key, const toml::node &node, uint8_t &out);
  bool convert(const SpecKey &key, const toml::node &node, std::string &out);
  template <typename T>
  bool convert(const SpecKey &key, const toml::node &node, std::vector<T> &out);
  template <typename T>
  bool convert(const SpecKey &key, const toml::node &node,
               std::optional<T> &out) {
    T value{};
    if (!convert(key, node, value))
      return false;
    out = value;
    return true;
  }
};

} // namespace

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

bool Reader::convert(const SpecKey &key, const toml::node &node, int64_t &out) {
  auto *value = node.as_integer();
  if (!value || !key.range.contains(double(value->get())))
    return false;
  if (!key.choices.empty() &&
      !llvm::is_contained(key.choices, std::to_string(value->get())))
    return false;
  out = value->get();
  return true;
}

bool Reader::convert(const SpecKey &key, const toml::node &node, double &out) {
  std::optional<double> value;
  if (auto *number = node.as_floating_point())
    value = number->get();
  else if (auto *integer = node.as_integer())
    value = double(integer->get());
  if (!value || !key.range.contains(*value))
    return false;
  out = *value;
  return true;
}

bool Reader::convert(const SpecKey &, const toml::node &node, bool &out) {
  auto *value = node.as_boolean();
  if (value)
    out = value->get();
  return value;
}

bool Reader::convert(const SpecKey &key, const toml::node &node, uint8_t &out) {
  auto *value = node.as_string();
  const auto *it =
      value ? llvm::find(key.choices, value->get()) : key.choices.end();
  if (it == key.choices.end())
    return false;
  out = it - key.choices.begin();
  return true;
}

bool Reader::convert(const SpecKey &key, const toml::node &node,
                     std::string &out) {
  auto *value = node.as_string();
  if (!value || StringRef(value->get()).contains('\0'))
    return false;
  if (!key.choices.empty() && !llvm::is_contained(key.choices, value->get()))
    return false;
  out = value->get();
  return true;
}

template <typename T>
bool Reader::convert(const SpecKey &key, const toml::node &node,
                     std::vector<T> &out) {
  auto *array = node.as_array();
  if (!array)
    return false;
  out.clear();
  return llvm::all_of(*array, [&](const toml::node &element) {
    unsuitable = &element;
    return convert(key, element, out.emplace_back());
  });
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

void Reader::readKey(const SpecKey &key, const toml::node &node) {
  std::string path = key.path();
  FileLineColLoc loc = locate(node.source());
  replaceFileKeys(path);
  loaded.locations.set(path, loc);
  invalid.erase(path);
  unsuitable = nullptr;
  if (std::visit([&](auto *out) { return convert(key, node, *out); },
                 key.field(loaded.spec)))
    return;
  invalid.insert(path);
  std::string message = path + " must be ";
  std::string allowed = key.allowed();
  // Names in quotes say that they are strings; "in [0, 1]" needs its type.
  bool named = !key.choices.empty() && key.typeName() == "a string";
  if (!named)
    message += key.typeName().str() + (allowed.empty()       ? ""
                                       : key.choices.empty() ? " "
                                                             : ", ");
  message += allowed + ", got " + describe(node);
  if (unsuitable) {
    loc = locate(unsuitable->source());
    message += " with " + describe(*unsuitable);
  }
  if (auto *value = node.as_string(); value && !key.choices.empty())
    message += suggestChoice(key.choices, value->get());
  errors.error(loc, std::move(message));
}

/// A --set of one of two keys that exclude each other takes the other one of
/// the file away; so does a new margin type with the old one's numbers.
void Reader::replaceFileKeys(StringRef path) {
  if (document.name != overridesName)
    return;
  auto drop = [&](StringRef other, auto &field) {
    if (loaded.locations.contains(other) &&
        loaded.locations.of(other).getFilename() != overridesName) {
      loaded.locations.erase(other);
      field.reset();
    }
  };
  StepsSpec &train = loaded.spec.train;
  MarginSpec &margin = loaded.spec.head.margin;
  ModelSpec &model = loaded.spec.model;
  if (path == "model.backbone") { // the numbers of another one
    drop("model.drop_path", model.dropPath);
    drop("model.mask_ratio", model.maskRatio);
  } else if (path == "train.steps")
    drop("train.epochs", train.epochs);
  else if (path == "train.epochs")
    drop("train.steps", train.steps);
  else if (path == "train.schedule.warmup_steps")
    drop("train.schedule.warmup_epochs", train.schedule.warmupEpochs);
  else if (path == "train.schedule.warmup_epochs")
    drop("train.schedule.warmup_steps", train.schedule.warmupSteps);
  else if (path == "train.schedule.milestone_steps")
    drop("train.schedule.milestone_epochs", train.schedule.milestoneEpochs);
  else if (path == "train.schedule.milestone_epochs")
    drop("train.schedule.milestone_steps", train.schedule.milestoneSteps);
  else if (path == "train.schedule.type") {
    // The numbers of the other kind.
    drop("train.schedule.power", train.schedule.power);
    drop("train.schedule.gamma", train.schedule.gamma);
    drop("train.schedule.milestone_steps", train.schedule.milestoneSteps);
    drop("train.schedule.milestone_epochs", train.schedule.milestoneEpochs);
  } else if (path == "train.optimizer.type") {
    // All of them: a rate for one is far off for the other.
    OptimizerSpec &optimizer = train.optimizer;
    drop("train.optimizer.lr", optimizer.lr);
    drop("train.optimizer.momentum", optimizer.momentum);
    drop("train.optimizer.beta1", optimizer.beta1);
    drop("train.optimizer.beta2", optimizer.beta2);
    drop("train.optimizer.eps", optimizer.eps);
    drop("train.optimizer.weight_decay", optimizer.weightDecay);
  } else if (path == "head.margin.type") {
    drop("head.margin.m1", margin.m1);
    drop("head.margin.m2", margin.m2);
    drop("head.margin.m3", margin.m3);
    drop("head.margin.m", margin.m);
    drop("head.margin.h", margin.h);
    drop("head.margin.t_alpha", margin.tAlpha);
  }
}

/// Of the document, without the blanks around it.
StringRef Reader::lineOf(unsigned line) const {
  size_t from = document.lines.start(line), to = document.lines.start(line + 1);
  return document.text.slice(from, to).trim();
}

/// Its keys are not those of the section before.
bool Reader::isUnderBrokenHeader(unsigned line) const {
  while (line > 1 && !lineOf(line).starts_with("["))
    --line;
  return llvm::is_contained(brokenHeaders, line);
}

void Reader::readTable(const std::string &section, const toml::table &table) {
  for (const auto &[tomlKey, node] : table) {
    std::string name(tomlKey.str());
    std::string path = section.empty() ? name : section + "." + name;
    if (isSpecSection(path)) {
      FileLineColLoc loc = locate(tomlKey.source());
      if (const toml::table *inner = node.as_table()) {
        if (document.name != overridesName)
          loaded.locations.set(path, loc);
        readTable(path, *inner);
      } else {
        errors.error(loc, path + " must be a table, got " + describe(node));
        invalid.insert(path);
      }
    } else if (const SpecKey *key =
                   section.empty() ? nullptr : findSpecKey(path)) {
      readKey(*key, node);
    } else if (!isUnderBrokenHeader(tomlKey.source().begin.line)) {
      std::string shown = printable(name);
      errors.error(locate(tomlKey.source()),
                   "unknown " +
                       (section.empty()
                            ? "key or section '" + shown + "'"
                            : "key '" + shown + "' in [" + section + "]") +
                       suggestKey(section, name));
    }
  }
}

void Reader::read(const Document &text) {
  document = text;
  TomlText toml = parseToml(text.text);
  brokenHeaders.clear();
  for (const TomlError &error : toml.errors) {
    errors.error(locate(error.position), error.message);
    if (lineOf(error.position.line).starts_with("["))
      brokenHeaders.push_back(error.position.line);
  }
  hasSyntaxErrors |= !toml.errors.empty();
  readTable("", toml.table);
}

//===----------------------------------------------------------------------===//
// Overrides
//===----------------------------------------------------------------------===//

void Reader::readOverride(StringRef option, unsigned lineOffset) {
  document = {overridesName, option, lineOffset};
  auto [left, right] = option.split('=');
  StringRef path = left.trim(), value = right.trim();
  const SpecKey *key = findSpecKey(path);
  if (!option.contains('=')) {
    errors.error(locate(TextPosition()),
                 "expected SECTION.KEY=VALUE, as in head.sample_rate=0.1");
    return;
  }
  if (!key && !isSpecSection(path)) {
    auto [section, name] = path.contains('.')
                               ? path.rsplit('.')
                               : std::pair<StringRef, StringRef>("", path);
    errors.error(locate(TextPosition()),
                 "unknown key '" + printable(path) + "'" +
                     suggestKey(section, section.empty() ? path : name));
    return;
  }
  // A shell eats quotes: a string may come without them.
  std::string quoted;
  if (key && key->typeName() == "a string" && !value.starts_with("\"") &&
      !value.starts_with("'")) {
    bool apostrophe = value.contains('\'');
    quoted =
        (left + "=" +
         (apostrophe ? stringToToml(value.str()) : "'" + value.str() + "'"))
            .str();
    document = {overridesName, quoted, lineOffset};
  }
  read(Document(document));
}

//===----------------------------------------------------------------------===//
// The whole
//===----------------------------------------------------------------------===//

void Reader::checkRequired() {
  for (const SpecKey &key : specKeys()) {
    if (!key.required || loaded.locations.contains(key.path()) ||
        invalid.contains(key.section))
      continue;
    invalid.insert(key.path());
    // After a syntax error the key may be in a line that was not understood.
    if (hasSyntaxErrors)
      continue;
    std::string allowed = key.allowed();
    std::string what =
        key.choices.empty() ? key.typeName().str() + " " + allowed : allowed;
    errors.error(loaded.locations.of(key.section),
                 "missing '" + key.name.str() + "' in [" + key.section.str() +
                     "]: " + what);
  }
}

std::optional<LoadedSpec> Reader::finish() {
  checkRequired();
  if (!hasSyntaxErrors)
    checkSpec(loaded, invalid, errors);
  bool failed = errors.hasErrors();
  errors.report();
  if (failed)
    return std::nullopt;
  return std::move(loaded);
}

std::optional<LoadedSpec> pfc::parseSpec(llvm::SourceMgr &sources,
                                         llvm::ArrayRef<std::string> overrides,
                                         mlir::MLIRContext &context) {
  const llvm::MemoryBuffer *file =
      sources.getMemoryBuffer(sources.getMainFileID());
  StringRef name = file->getBufferIdentifier();
  Reader reader(context, name);
  reader.read({name, file->getBuffer(), 0});
  if (!overrides.empty())
    sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBufferCopy(
                                   llvm::join(overrides, "\n"), overridesName),
                               llvm::SMLoc());
  unsigned lineOffset = 0;
  for (const std::string &option : overrides) {
    reader.readOverride(option, lineOffset);
    lineOffset += 1 + StringRef(option).count('\n');
  }
  return reader.finish();
}
