#include "Machine.h"

#include "frontend/spec/TomlText.h"
#include "runtime/plan/Requirement.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"

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

/// Reads the keys of one machine and says which are missing or not positive.
class MachineReader {
public:
  explicit MachineReader(const toml::table &table) : table(table) {}

  double number(StringRef key, double unit) { return number(table, key, unit); }

  Link link(StringRef key) {
    const toml::table *inner = table[key].as_table();
    if (!inner)
      return bad(key), Link{};
    return {number(*inner, "latency", 1e-6), number(*inner, "bandwidth", 1e9)};
  }

  std::string device() {
    std::string name = table["device"].value_or("");
    knowsDevice = name == "cpu" || name == "cuda" || !table.contains("device");
    return name;
  }

  std::string wrong; ///< keys, with commas
  bool knowsDevice = true;

private:
  double number(const toml::table &from, StringRef key, double unit) {
    std::optional<double> value = from[key].value<double>();
    if (!value || !(*value > 0))
      bad(key);
    return value.value_or(0) * unit;
  }

  void bad(StringRef key) { wrong += (wrong.empty() ? "" : ", ") + key.str(); }

  const toml::table &table;
};

static llvm::Expected<Machine> readMachine(StringRef name,
                                           const toml::table &table) {
  MachineReader reader(table);
  Machine machine;
  machine.name = name.str();
  machine.source = table["source"].value_or("");
  machine.device = reader.device();
  machine.chip = table["chip"].value_or("");
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
  machine.node = static_cast<int64_t>(reader.number("node", 1));
  machine.inside = reader.link("inside");
  machine.between = reader.link("between");
  if (!reader.wrong.empty())
    return error("--on: machine '%s' needs a number above 0 for %s",
                 machine.name.c_str(), reader.wrong.c_str());
  if (table.contains("chip") && !table["chip"].is_string())
    return error("--on: machine '%s': chip must be a text, as \"sm_80\"",
                 machine.name.c_str());
  if (!reader.knowsDevice)
    return error("--on: machine '%s': device must be \"cpu\" or \"cuda\"",
                 machine.name.c_str());
  return machine;
}

static std::string namesOf(const toml::table &machines) {
  llvm::SmallVector<std::string> names;
  for (const auto &[key, value] : machines)
    names.push_back(std::string(key.str()));
  return llvm::join(names, ", ");
}

static llvm::Expected<Machine> machineFromFile(StringRef path) {
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  if (!file)
    return error("--on: can't read %s: %s", path.str().c_str(),
                 file.getError().message().c_str());
  TomlText text = parseToml((*file)->getBuffer());
  if (!text.errors.empty())
    return error("%s:%u:%u: %s", path.str().c_str(),
                 text.errors.front().position.line,
                 text.errors.front().position.column,
                 text.errors.front().message.c_str());
  return readMachine(path, text.table);
}

llvm::Expected<MachineRequest> pfc::explain::findMachine(StringRef requested) {
  MachineRequest result;
  StringRef name = requested;
  auto [count, rest] = requested.split('x');
  int64_t ranks = 0;
  if (!rest.empty() && !count.getAsInteger(10, ranks)) {
    if (ranks < 1)
      return error("--on: '%s' has no ranks", requested.str().c_str());
    result.ranks = ranks;
    name = rest;
  }
  if (name.ends_with(".toml")) {
    llvm::Expected<Machine> machine = machineFromFile(name);
    if (!machine)
      return machine.takeError();
    result.machine = std::move(*machine);
    return result;
  }
  TomlText known = parseToml(knownMachines);
  const toml::table *table = known.table[name].as_table();
  if (!table)
    return error("--on: no machine '%s'; known: %s, or FILE.toml",
                 name.str().c_str(), namesOf(known.table).c_str());
  llvm::Expected<Machine> machine = readMachine(name, *table);
  if (!machine)
    return machine.takeError();
  result.machine = std::move(*machine);
  return result;
}
