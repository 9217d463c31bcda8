#include "Constants.h"

#include "frontend/spec/TomlText.h"
#include "llvm/Support/FormatVariadic.h"

using namespace pfc;
using namespace pfc::simulate;

static constexpr char peersText[] =
#include "peers.inc"
    ;

/// The numbers of `table` and of those in it, by name with dots.
static void flatten(const toml::table &table, const std::string &prefix,
                    std::map<std::string, double> &values) {
  for (const auto &[key, node] : table) {
    std::string name = prefix + std::string(key.str());
    if (const toml::table *inner = node.as_table())
      flatten(*inner, name + ".", values);
    else if (std::optional<double> value = node.value<double>())
      values[name] = *value;
  }
}

Constants Constants::declared() {
  Constants result;
  const TomlText text = parseToml(peersText);
  std::map<std::string, double> fitted;
  for (const auto &[key, node] : text.table) {
    const toml::table &table = *node.as_table();
    const std::string name(key.str());
    if (name == "links") {
      flatten(table, "links.", fitted);
      continue;
    }
    result.homes[name] = table["machine"].value_or("");
    if (table["traced"].value_or(false))
      result.traced.insert(name);
    flatten(*table["counted"].as_table(), name + ".", result.values);
    flatten(*table["fitted"].as_table(), name + ".", fitted);
  }
  for (const auto &[name, value] : fitted)
    result.fittedNames.push_back(name);
  result.values.insert(fitted.begin(), fitted.end());
  return result;
}

std::optional<double> Constants::find(const std::string &name) const {
  auto found = values.find(name);
  if (found == values.end())
    return std::nullopt;
  return found->second;
}

std::vector<std::string> Constants::frameworks() const {
  std::vector<std::string> names;
  for (const auto &[name, home] : homes)
    names.push_back(name);
  return names;
}

explain::Machine Constants::connected(explain::Machine machine) const {
  auto reach = [&](explain::Link &link, const char *which, const char *where) {
    std::optional<double> share = find("links." + machine.name + "." + which);
    if (!share)
      return;
    link.bandwidth *= *share;
    machine.source += llvm::formatv("; {0:F0} % of the bandwidth {1}, which "
                                    "sums of gradients reached",
                                    *share * 100, where);
  };
  reach(machine.inside, "inside", "inside a machine");
  reach(machine.between, "between", "between machines");
  return machine;
}
