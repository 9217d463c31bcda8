#include "Fit.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"

#include <cmath>
#include <functional>

using namespace pfc;
using namespace pfc::simulate;

static constexpr double mebibyte = 1 << 20;

double pfc::simulate::memoryError(const Constants &constants,
                                  const Networks &networks,
                                  const PublishedTable &table,
                                  const PublishedRow &row) {
  return peerMemory(constants, table.framework, networks.at(row.backbone),
                    row.job) /
             mebibyte / *row.memory -
         1;
}

double pfc::simulate::throughputError(const Constants &constants,
                                      const Networks &networks,
                                      const PublishedTable &table,
                                      const PublishedRow &row) {
  explain::Machine machine = constants.connected(
      cantFail(explain::findMachine(table.machine)).machine);
  PeerRun run = *simulatePeer(constants, table.framework,
                              networks.at(row.backbone), row.job, machine);
  return static_cast<double>(row.job.wholeBatch) / run.seconds() / *row.images -
         1;
}

namespace {

using Vector = std::vector<double>;

/// A row to fit, with its table.
struct Sample {
  const PublishedTable *table;
  const PublishedRow *row;
};

/// Solves the symmetric, positive definite system a·x = b.
Vector solve(std::vector<Vector> a, Vector b) {
  const size_t n = b.size();
  for (size_t i = 0; i < n; ++i)
    for (size_t r = i + 1; r < n; ++r) {
      double factor = a[r][i] / a[i][i];
      for (size_t c = i; c < n; ++c)
        a[r][c] -= factor * a[i][c];
      b[r] -= factor * b[i];
    }
  for (size_t i = n; i-- > 0;) {
    for (size_t c = i + 1; c < n; ++c)
      b[i] -= a[i][c] * b[c];
    b[i] /= a[i][i];
  }
  return b;
}

double squares(const Vector &values) {
  double sum = 0;
  for (double value : values)
    sum += value * value;
  return sum;
}

class Fit {
public:
  Fit(const Constants &start, const Networks &networks,
      const std::vector<PublishedTable> &tables)
      : constants(start), networks(networks) {
    for (const PublishedTable &table : tables)
      for (const PublishedRow &row : table.rows)
        if (row.fitted)
          samples.push_back({&table, &row});
    for (const std::string &name : constants.fitted())
      if (!isMemory(name))
        timeNames.push_back(name);
  }

  Constants run() {
    for (const std::string &framework : constants.frameworks())
      fitMemory(framework);
    fitTime();
    return constants;
  }

private:
  static bool isMemory(llvm::StringRef name) {
    return name.ends_with(".base_mib") || name.ends_with("_buffers");
  }

  /// Sets a constant that memory is linear in to what leaves the least squares
  /// of relative errors over the rows of `framework` that `use` selects.
  template <typename Use>
  void fitLinear(const std::string &framework, const std::string &constant,
                 Use use) {
    const std::string name = framework + "." + constant;
    double product = 0, square = 0;
    for (const Sample &sample : samples) {
      const PublishedRow &row = *sample.row;
      if (sample.table->framework != framework || !row.memory || !use(row))
        continue;
      auto errorWith = [&](double value) {
        constants.set(name, value);
        return memoryError(constants, networks, *sample.table, row);
      };
      const double without = errorWith(0);
      const double slope = errorWith(1) - without;
      product -= slope * without;
      square += slope * slope;
    }
    constants.set(name, product / square);
  }

  void fitMemory(const std::string &framework) {
    auto isData = [](const PublishedRow &row) {
      return row.job.method == Method::Data;
    };
    fitLinear(framework, "base_mib", std::not_fn(isData));
    if (constants.isTraced(framework))
      fitLinear(framework, "data_buffers", isData);
  }

  /// Of log images/s, with the logarithms of the constants.
  Vector timeErrors(const Vector &logarithms) {
    for (auto [name, value] : llvm::zip(timeNames, logarithms))
      constants.set(name, std::exp(value));
    Vector errors;
    for (const Sample &sample : samples)
      if (sample.row->images)
        errors.push_back(std::log1p(
            throughputError(constants, networks, *sample.table, *sample.row)));
    return errors;
  }

  void fitTime() {
    Vector at;
    for (const std::string &name : timeNames)
      at.push_back(std::log(constants[name]));
    double damping = 1e-3;
    for (int round = 0; round < 200; ++round) {
      Vector errors = timeErrors(at), next = step(at, errors, damping);
      const bool better = squares(timeErrors(next)) < squares(errors);
      damping *= better ? 0.3 : 10;
      if (better)
        at = next;
    }
    timeErrors(at);
  }

  Vector step(const Vector &at, const Vector &errors, double damping) {
    constexpr double difference = 1e-5;
    std::vector<Vector> columns;
    for (size_t i = 0; i < at.size(); ++i) {
      Vector moved = at;
      moved[i] += difference;
      Vector column = timeErrors(moved);
      for (auto [value, before] : llvm::zip(column, errors))
        value = (value - before) / difference;
      columns.push_back(std::move(column));
    }
    auto dot = [](const Vector &a, const Vector &b) {
      double sum = 0;
      for (auto [x, y] : llvm::zip(a, b))
        sum += x * y;
      return sum;
    };
    std::vector<Vector> normal(at.size(), Vector(at.size()));
    Vector right;
    for (size_t i = 0; i < at.size(); ++i) {
      for (size_t j = 0; j < at.size(); ++j)
        normal[i][j] = dot(columns[i], columns[j]);
      normal[i][i] += damping;
      right.push_back(-dot(columns[i], errors));
    }
    Vector next = at;
    for (auto [value, change] : llvm::zip(next, solve(normal, right)))
      value += change;
    return next;
  }

  Constants constants;
  const Networks &networks;
  std::vector<Sample> samples;
  std::vector<std::string> timeNames;
};

} // namespace

Constants
pfc::simulate::fitConstants(const Constants &start, const Networks &networks,
                            const std::vector<PublishedTable> &tables) {
  return Fit(start, networks, tables).run();
}
