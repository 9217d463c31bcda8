#include "Scaling.h"

#include "llvm/Support/Format.h"

#include <cmath>

using namespace pfc;
using namespace pfc::simulate;

/// What a row that isn't fitted may be off by.
static constexpr double memoryBound = 0.02, throughputBound = 0.05;

static constexpr char introduction[] = R"(# What a job takes, simulated

Made by `pfcc scaling`; a test compares.

`pfcc simulate SPEC --on=MACHINE` says what a step takes before it runs, by the plan and by two frameworks that train
the same job: InsightFace's Partial FC of 2020 on MXNet (*mxnet*) and its arcface_torch of July 2021 on PyTorch. The
plan is simulated from its instructions: a roofline for each, in their order on two streams, and α–β collectives
([explain.md](explain.md)). For a framework the backbone is counted in the spec's graph, the head in the framework's
source, and a few constants say what counting can't; `tools/pfcc/simulate/Peer.h` has the formulas. Of arcface_torch
every tensor of a step is followed through PyTorch's allocator (`TorchStep.h`), which says its memory but for a base
(the CUDA context and libraries), and its head's traffic.

Below, the simulation of those frameworks beside what they published. The odd rows of each table were fitted
(`pfcc simulate --fit` does it again); **the even ones, marked *test*, were not fitted** and say what a prediction is worth.

What to know of it:

- Two things were chosen with all rows in sight. mxnet's numbers of buffers (its two fitted rows can't tell: one buffer
  of rows is 0.6 % of a row), so its memory has one fitted constant and the test rows are no proof of the buffers; and that
  gradients are summed under the whole backbone (`Peer.h`).
- In the second table the published order has all of fp32 in the odd rows, so the rows stand in another one: one property
  changes from row to row, and each half has every network, precision and batch twice.
- In the third, a row is a line of the published table; all of a line is fitted or none. Its batch is not published:
  it is 512, as memory shows (`published.toml`); the fourth table is a run of the same code with 1024.
- Machines without rows of their own take a framework's shares of the V100's rates.
- Convolutions in groups (mbf) count as what they read and write, which no row shows: of mbf on MS1MV3 12,185 images/s are
  published for 8 GPUs, and 19,300 simulated for 8 V100.
- No row has a vision transformer. What its tokens and heads are multiplied with counts as convolutions do; of vit_b at
  64 × 384 images some 13,800 images/s are published, on chips that are not named and with blocks done again, and 30,050
  simulated for 64 V100.

## The constants

All are in `tools/pfcc/simulate/peers.toml`, which says what each means.

)";

static constexpr char memoryOfTorch[] = R"(
## What is left of arcface_torch's memory

- Which free block PyTorch's allocator takes depends on all that was freed before, and on what cuDNN's algorithms asked
  for in the first step. One tensor of the logits' size changes a row of the third table by 2 to 5 %. Here the
  simulation does what PyTorch does: 1.8.1 with cuDNN 7.6.5, running that code without a GPU (`TorchStep.h`), holds
  within 25 MiB of it in every row of model parallel and Partial FC; a test compares.
- So what is left of these rows is not a matter of the step, of autograd's temporaries or of the allocator's rules. The
  third table does not say whose memory it is, and it is not one rank's: rank 0, which has the class of all images,
  holds one tensor more. When one number is taken off all of them, seven rows of the last two tables agree to 5 MiB with
  PyTorch's on a rank other than 0 (model parallel at 1.4, 2 and 3 M classes, Partial FC at 1, 2, 3 and 8 M), and five
  others to 10 MiB with its on rank 0 (model parallel at 125, 250 and 500 k, Partial FC at 16 and 29 M). All of the
  third table are taken for another rank here: a row whose rank is chosen by what it says is no test. As rank 0's, model
  parallel would be 0.9 % off at 1 M and 2.6 % at 5.5 M.
- Tried on two to nine of these rows, none of this moves one by more than 25 MiB: PyTorch 1.6.0, 1.7.1 or 1.9.0, other
  fast algorithms chosen, sixty steps, a card nearly full, events that complete late. Not tried: cuDNN 8, which PyTorch
  1.7 and 1.8 for CUDA 11 have, and which may ask for other workspaces. What the tables ran on is not said.
- How arcface_torch ran data parallel is not in its source: memory is linear in the classes there, by data_buffers. With
  W and momentum that is 10 buffers of rows, as a head in DistributedDataParallel with cross entropy takes. Six ways to
  write one were run in PyTorch as above. By the fitted rows the best has a DistributedDataParallel of its own and fp32
  logits, and is 3.3 and 2.5 % off in the rows marked *test*; one for all, with logits under autocast, is 0.5 and 0.9 %
  off there, but the fitted rows do not say that it was this.
)";

namespace {

/// How far the rows are off that weren't fitted.
struct Errors {
  double most = 0, squares = 0;
  int rows = 0, beyond = 0;

  void add(double error, double bound) {
    most = std::max(most, std::abs(error));
    squares += error * error;
    beyond += std::abs(error) > bound;
    ++rows;
  }
  double rms() const { return rows == 0 ? 0 : std::sqrt(squares / rows); }
};

/// Writes one table after the other, and what they come to.
class Writer {
public:
  Writer(const Constants &constants, const Networks &networks,
         llvm::raw_ostream &os)
      : constants(constants), networks(networks), os(os) {}

  void writeConstants() {
    os << "| fitted | value |\n|---|---|\n";
    for (const std::string &name : constants.fitted())
      os << "| " << name << " | " << llvm::format("%.4g", constants[name])
         << " |\n";
    os << "\n"
       << constants.fitted().size() << " numbers, for "
       << "the cells below that were fitted.\n";
  }

  void writeTable(const PublishedTable &table) {
    os << "\n## " << table.title << "\n\n"
       << table.source << "; " << table.framework << ".\n\n"
       << "| network | classes | ranks | batch | | MiB | simulated | | "
          "images/s | simulated | | |\n"
       << "|---|--:|--:|--:|---|--:|--:|--:|--:|--:|--:|---|\n";
    Errors memory, throughput;
    for (const PublishedRow &row : table.rows)
      writeRow(table, row, memory, throughput);
    os << "\nOf the rows marked *test*: ";
    if (memory.rows != 0)
      os << llvm::format("memory within %.1f %% (%.1f %% rms; %d of %d within "
                         "2 %%); ",
                         memory.most * 100, memory.rms() * 100,
                         memory.rows - memory.beyond, memory.rows);
    os << llvm::format("images/s within %.1f %% (%.1f %% rms).\n",
                       throughput.most * 100, throughput.rms() * 100);
  }

  /// The cells that weren't fitted and are further off than they should be.
  void writeShortfalls() {
    os << "\n## What falls short\n\n"
       << "Meant: of the rows marked *test*, memory within 2 %, images/s "
          "within "
          "5 % rms";
    os << llvm::format(" (all together: %.1f %% rms). ",
                       allThroughput.rms() * 100);
    if (shortfalls.empty()) {
      os << "Nothing.\n";
      return;
    }
    os << "Memory beyond:\n\n";
    for (const std::string &line : shortfalls)
      os << "- " << line << '\n';
  }

  void writePrediction(const Simulation &simulation) {
    const explain::Explanation &plan = simulation.plan;
    os << "\n### " << plan.ranks << " × " << plan.machine.name << ", "
       << plan.classes / 1'000'000 << " M classes, batch "
       << plan.ranks * plan.batchPerRank << ", rate "
       << llvm::format("%g", plan.sampleRate) << ", " << plan.precision
       << "\n\n"
       << "| | GiB a rank | backbone ms | head ms | waiting ms | images/s | "
          "bound by |\n|---|--:|--:|--:|--:|--:|---|\n";
    for (const SimulatedRun &run : simulation.runs) {
      if (llvm::StringRef(run.name).ends_with(methodName(Method::Data)))
        continue; // thousands of GiB
      os << llvm::format(
          "| %s | %s%s | %.0f | %.1f | %.0f | %s | %s |\n", run.name.c_str(),
          number(run.memory / (1 << 30), 3).c_str(),
          run.fits ? "" : ", does not fit", run.backbone * 1e3, run.head * 1e3,
          run.waiting * 1e3, number(run.imagesPerSecond, 2).c_str(),
          run.bound.c_str());
    }
  }

private:
  /// With so many digits that say something: 12345 as 12000.
  static std::string number(double value, int digits) {
    double unit = std::pow(10, std::floor(std::log10(value)) - (digits - 1));
    std::string text;
    llvm::raw_string_ostream(text) << llvm::format(
        unit < 1 ? "%.1f" : "%.0f", std::round(value / unit) * unit);
    return text;
  }

  void writeRow(const PublishedTable &table, const PublishedRow &row,
                Errors &memory, Errors &throughput) {
    os << "| " << row.backbone << (row.job.half ? " fp16" : " fp32") << " | "
       << row.job.classes << " | " << row.job.ranks << " | "
       << row.job.wholeBatch << " | " << methodName(row.job.method)
       << rankText(row) << " | ";
    if (row.memory) {
      const double error = memoryError(constants, networks, table, row);
      writeCell(*row.memory, error);
      if (!row.fitted) {
        memory.add(error, memoryBound);
        if (std::abs(error) > memoryBound)
          noteShortfall(table, row, error);
      }
    } else {
      os << "| | | ";
    }
    if (row.images) {
      const double error = throughputError(constants, networks, table, row);
      writeCell(*row.images, error);
      if (!row.fitted) {
        throughput.add(error, throughputBound);
        allThroughput.add(error, throughputBound);
      }
    } else {
      os << "| | | ";
    }
    os << (row.fitted ? "fitted" : "*test*") << " |\n";
  }

  static std::string rankText(const PublishedRow &row) {
    return row.rank ? ", rank " + std::to_string(*row.rank) : "";
  }

  void noteShortfall(const PublishedTable &table, const PublishedRow &row,
                     double error) {
    std::string line;
    llvm::raw_string_ostream(line)
        << table.framework << ", " << methodName(row.job.method)
        << rankText(row) << ", " << row.job.classes
        << " classes: " << llvm::format("%+.1f %%", error * 100);
    shortfalls.push_back(std::move(line));
  }

  void writeCell(double published, double error) {
    os << llvm::format("%.0f | %.0f | %+.1f %% | ", published,
                       published * (1 + error), error * 100);
  }

  const Constants &constants;
  const Networks &networks;
  llvm::raw_ostream &os;
  Errors allThroughput;
  std::vector<std::string> shortfalls;
};

} // namespace

void pfc::simulate::writeScaling(const Constants &constants,
                                 const Networks &networks,
                                 const std::vector<PublishedTable> &tables,
                                 const std::vector<Simulation> &predictions,
                                 llvm::raw_ostream &os) {
  os << introduction;
  Writer writer(constants, networks, os);
  writer.writeConstants();
  for (const PublishedTable &table : tables)
    writer.writeTable(table);
  writer.writeShortfalls();
  os << memoryOfTorch;
  os << "\n## Predictions\n\nOf r50. Of a plan the memory is its arena; a "
        "process has its context besides. Between 2080 Ti its gradients are in "
        "bf16\n(`cluster.gradient_precision`), as mxnet's are in 16 bits.\n";
  for (const Simulation &simulation : predictions)
    writer.writePrediction(simulation);
}
