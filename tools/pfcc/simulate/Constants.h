//===- Constants.h - What is known of frameworks (peers.toml) ---*- C++ -*-===//
#ifndef TOOLS_PFCC_SIMULATE_CONSTANTS_H
#define TOOLS_PFCC_SIMULATE_CONSTANTS_H

#include "tools/pfcc/explain/Machine.h"

#include <map>
#include <set>
#include <vector>

namespace pfc::simulate {

/// The numbers of peers.toml by name: "mxnet.head_share",
/// "mxnet.conv.v100.half", "links.v100.inside".
class Constants {
public:
  /// As the file has them.
  static Constants declared();

  /// Of a name that the file must have.
  double operator[](const std::string &name) const { return values.at(name); }
  std::optional<double> find(const std::string &name) const;
  void set(const std::string &name, double value) { values.at(name) = value; }

  /// The names that are fitted, in alphabetical order.
  const std::vector<std::string> &fitted() const { return fittedNames; }
  std::vector<std::string> frameworks() const;
  /// Whose shares hold for machines on which the framework wasn't measured.
  const std::string &homeOf(const std::string &framework) const {
    return homes.at(framework);
  }

  /// Whether its step is followed tensor by tensor (TorchStep.h), so that what
  /// others declare of the head is counted.
  bool isTraced(const std::string &framework) const {
    return traced.count(framework) != 0;
  }

  /// The machine with what an all_reduce reaches of its links' bandwidths;
  /// `source` says so.
  explain::Machine connected(explain::Machine machine) const;

private:
  std::map<std::string, double> values;
  std::vector<std::string> fittedNames;
  std::map<std::string, std::string> homes; // by framework
  std::set<std::string> traced;
};

} // namespace pfc::simulate

#endif // TOOLS_PFCC_SIMULATE_CONSTANTS_H
