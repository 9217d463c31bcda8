#include "Machine.h"

#include "frontend/spec/SpecErrors.h"
#include "frontend/spec/SpecKeys.h"
#include "frontend/spec/TomlText.h"
#include "runtime/plan/Requirement.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"

#include <cmath>

using namespace pfc;
using namespace pfc::explain;
using llvm::StringRef;

static constexpr char knownMachines[] =
#include "machines.inc"
    ;

template <typename... Args>
static llvm::Error error(const char *format, Args... args) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), format,
                                 args...);
}

bool Machine::supports(const std::string &requirement) const {
  return chip.empty() || requirement == chip ||
         rt::architectureSupports(chip, requirement);
}

/// Of a number in a machine's table, in its unit. No machine is beyond, and
/// times and bytes can be counted within.
static constexpr double leastNumber = 1e-6, mostNumber = 1e9;

static constexpr StringRef machineKeys[] = {
    "source",      "device",    "chip",   "half",    "single", "conv_half",
    "conv_single", "bandwidth", "memory", "process", "host",   "launch",
    "blocks",      "node",      "inside", "between"};
static constexpr StringRef linkKeys[] = {"latency", "bandwidth"};

/// "sm_80", "sm_90a" of a GPU; of a CPU "amx_bf16", or "none" without it.
static bool isChip(StringRef chip, StringRef device) {
  if (device != "cuda" && (chip == "amx_bf16" || chip == "none"))
    return true;
  if (device == "cpu" || !chip.consume_front("sm_"))
    return false;
  chip.consume_back("a");
  return (chip.size() == 2 || chip.size() == 3) &&
         llvm::all_of(chip, llvm::isDigit);
}

/// Reads the keys of one machine and says what is wrong with them.
class MachineReader {
public:
  explicit MachineReader(const toml::table &table) : table(table) {
    refuseOthers(table, "", machineKeys);
  }

  double number(StringRef key, double unit) { return number(table, key, unit); }

  int64_t whole(StringRef key) {
    const double value = number(key, 1);
    if (value != std::floor(value))
      say("'" + key + "' must be a whole number");
    return static_cast<int64_t>(value);
  }

  Link link(StringRef key) {
    const toml::table *inner = table[key].as_table();
    if (!inner)
      return bad(key.str()), Link{};
    refuseOthers(*inner, (key + ".").str(), linkKeys);
    return {number(*inner, "latency", 1e-6, key),
            number(*inner, "bandwidth", 1e9, key)};
  }

  std::string text(StringRef key) {
    if (table.contains(key) && !table[key].is_string())
      say("'" + key + "' must be a text");
    return table[key].value_or("");
  }

  std::string device() {
    std::string name = table["device"].value_or("");
    if (table.contains("device") && name != "cpu" && name != "cuda")
      say("device must be \"cpu\" or \"cuda\"");
    return name;
  }

  std::string chip(StringRef device) {
    std::string name = table["chip"].value_or("");
    if (table.contains("chip") && !isChip(name, device))
      say("chip must be a text, as " +
          llvm::StringRef(device == "cpu" ? "\"amx_bf16\", or \"none\""
                                          : "\"sm_80\" of compute capability "
                                            "8.0"));
    return name;
  }

  /// All that is wrong, or "".
  std::string wrong() const {
    if (numbers.empty())
      return others;
    return "needs a number above 0 for " + numbers + ", from 1e-6 to 1e9" +
           (others.empty() ? "" : "; " + others);
  }

private:
  double number(const toml::table &from, StringRef key, double unit,
                StringRef section = "") {
    std::optional<double> value = from[key].value<double>();
    if (value && *value >= leastNumber && *value <= mostNumber)
      return *value * unit;
    bad(section.empty() ? key.str() : (section + "." + key).str());
    return 0;
  }

  void refuseOthers(const toml::table &from, const std::string &prefix,
                    llvm::ArrayRef<StringRef> known) {
    for (const auto &[key, value] : from)
      if (!llvm::is_contained(known, StringRef(key.str())))
        say("unknown key '" + prefix + printable(key.str()) + "'" +
            suggestChoice(known, key.str()));
  }

  void bad(const std::string &key) { add(numbers, key, ", "); }
  void say(const llvm::Twine &what) { add(others, what.str(), "; "); }
  static void add(std::string &list, const std::string &what,
                  const char *between) {
    list += (list.empty() ? "" : between) + what;
  }

  const toml::table &table;
  std::string numbers, others;
};

static llvm::Expected<Machine> readMachine(StringRef name,
                                           const toml::table &table) {
  MachineReader reader(table);
  Machine machine;
  machine.name = name.str();
  machine.source = reader.text("source");
  machine.device = reader.device();
  machine.chip = reader.chip(machine.device);
  machine.half = reader.number("half", 1e12);
  machine.single = reader.number("single", 1e12);
  machine.convHalf = reader.number("conv_half", 1e12);
  machine.convSingle = reader.number("conv_single", 1e12);
  machine.bandwidth = reader.number("bandwidth", 1e9);
  if (table.contains("host"))
    machine.host = reader.number("host", 1e9);
  machine.launch = reader.number("launch", 1e-6);
  if (table.contains("blocks"))
    machine.blocks = reader.number("blocks", 1);
  machine.memory = static_cast<uint64_t>(reader.number("memory", 1 << 30));
  if (table.contains("process"))
    machine.process = static_cast<uint64_t>(reader.number("process", 1 << 20));
  machine.node = reader.whole("node");
  machine.inside = reader.link("inside");
  machine.between = reader.link("between");
  if (std::string wrong = reader.wrong(); !wrong.empty())
    return error("--on: machine '%s': %s", machine.name.c_str(), wrong.c_str());
  return machine;
}

static std::string namesOf(const toml::table &machines) {
  llvm::SmallVector<std::string> names;
  for (const auto &[key, value] : machines)
    names.push_back(std::string(key.str()));
  return llvm::join(names, ", ");
}

/// The one machine of a file: its keys, or a table with a name and these.
static llvm::Expected<Machine> onlyMachine(StringRef path,
                                           const toml::table &file) {
  toml::table named;
  for (const auto &[key, value] : file)
    if (value.is_table() && key != "inside" && key != "between")
      named.insert(key, *value.as_table());
  if (named.size() != file.size() || named.empty())
    return readMachine(path, file);
  if (named.size() > 1)
    return error("--on: %s has several machines, %s: leave one",
                 path.str().c_str(), printable(namesOf(named)).c_str());
  return readMachine(path, *named.begin()->second.as_table());
}

static llvm::Expected<Machine> machineFromFile(StringRef path) {
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  if (!file)
    return error("--on: can't read %s: %s", path.str().c_str(),
                 file.getError().message().c_str());
  auto errorAt = [&](TextPosition at, const char *what) {
    return error("%s:%u:%u: %s", path.str().c_str(), at.line, at.column, what);
  };
  StringRef bytes = (*file)->getBuffer();
  if (std::optional<TextPosition> bad = findBadByte(bytes))
    return errorAt(*bad, "not a machine: its file is UTF-8 text without "
                         "control characters");
  TomlText text = parseToml(bytes);
  if (!text.errors.empty())
    return errorAt(text.errors.front().position,
                   text.errors.front().message.c_str());
  return onlyMachine(path, text.table);
}

/// "8xh200" is eight of them; what else has an x is a name.
static std::pair<std::optional<int64_t>, StringRef>
countAndName(StringRef requested) {
  auto [count, rest] = requested.split('x');
  uint64_t ranks = 0;
  if (rest.empty() || count.empty() || !llvm::all_of(count, llvm::isDigit))
    return {std::nullopt, requested};
  // What no integer holds is more than there may be.
  if (count.getAsInteger(10, ranks) || ranks > INT64_MAX)
    ranks = INT64_MAX;
  return {static_cast<int64_t>(ranks), rest};
}

std::string pfc::explain::machineNames() {
  return namesOf(parseToml(knownMachines).table);
}

std::string pfc::explain::machineFile(StringRef requested) {
  StringRef name = countAndName(requested).second;
  return name.ends_with(".toml") ? name.str() : "";
}

static llvm::Expected<Machine> knownMachine(StringRef name) {
  TomlText known = parseToml(knownMachines);
  const toml::table *table = known.table[name].as_table();
  if (!table)
    return error("--on: no machine '%s'; known: %s, or FILE.toml",
                 printable(name).c_str(), namesOf(known.table).c_str());
  return readMachine(name, *table);
}

llvm::Expected<MachineRequest> pfc::explain::findMachine(StringRef requested) {
  auto [ranks, name] = countAndName(requested);
  const SpecRange &allowed = findSpecKey("cluster.world_size")->range;
  if (ranks == 0)
    return error("--on: '%s' has no ranks", printable(requested).c_str());
  if (ranks && !allowed.contains(static_cast<double>(*ranks)))
    return error("--on: '%s' has more ranks than cluster.world_size allows, "
                 "%.0f",
                 printable(requested).c_str(), allowed.max);
  std::string file = machineFile(requested);
  llvm::Expected<Machine> machine =
      file.empty() ? knownMachine(name) : machineFromFile(file);
  if (!machine)
    return machine.takeError();
  return MachineRequest{ranks, std::move(*machine)};
}
