// Console, metrics.jsonl and curves. Time is an input, so output is exact.
#include "runtime/base/Error.h"
#include "runtime/train/progress/ConsoleProgress.h"
#include "runtime/train/progress/CurvePlot.h"
#include "runtime/train/progress/EventLog.h"
#include "runtime/train/progress/JsonLog.h"
#include "runtime/train/progress/PlotAxis.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <unistd.h>

using namespace pfc::rt;

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

VerificationResult result() {
  return {.name = "g_unseen",
          .pairs = 6000,
          .accuracy = 0.98123,
          .accuracyStd = 0.00417,
          .tarAtFar1e3 = 0.9,
          .tarAtFar1e4 = 0.81};
}

StepMetrics stepAt(int64_t step, double loss = 2.0) {
  return {.step = step,
          .loss = loss,
          .learningRate = 0.1,
          .images = 256,
          .seconds = 0.5};
}

TEST(Summary, IsTheLineThatScriptsLookFor) {
  EXPECT_EQ(summaryLine(result()), "verification accuracy: 0.9812 ± 0.0042 "
                                   "(6000 pairs, unseen identities)");
  VerificationResult faces = result();
  faces.name = "lfw";
  EXPECT_EQ(summaryLine(faces), "verification accuracy: 0.9812 ± 0.0042 "
                                "(6000 pairs, lfw)");
}

TEST(Duration, UsesTheTwoLargestUnits) {
  EXPECT_EQ(formatDuration(0.4), "0s");
  EXPECT_EQ(formatDuration(59.6), "1m00s");
  EXPECT_EQ(formatDuration(192), "3m12s");
  EXPECT_EQ(formatDuration(7500), "2h05m");
  EXPECT_EQ(formatDuration(86400 * 3 + 3600 * 4), "3d04h");
  EXPECT_EQ(formatDuration(nan), "?");
}

TEST(Console, PlainLinesAtTheIntervalWithMeansOfIt) {
  std::ostringstream out;
  ConsoleProgress progress(out, {.totalSteps = 25, .interval = 10});
  for (int64_t step = 1; step <= 25; ++step)
    progress.step(stepAt(step, static_cast<double>(step)));
  progress.finish();
  EXPECT_EQ(out.str(),
            "step 1/25  loss 1.0000  512 images/s  lr 0.1  eta 12s\n"
            "step 10/25  loss 6.0000  512 images/s  lr 0.1  eta 8s\n"
            "step 20/25  loss 15.5000  512 images/s  lr 0.1  eta 3s\n"
            "step 25/25  loss 23.0000  512 images/s  lr 0.1  eta 0s\n");
}

TEST(Console, SaysTheEpochWhereThereAreSome) {
  std::ostringstream out;
  ConsoleProgress progress(
      out, {.totalSteps = 25, .stepsPerEpoch = 10, .interval = 10});
  for (int64_t step = 1; step <= 25; ++step)
    progress.step(stepAt(step));
  progress.finish();
  // The last epoch is half of one.
  EXPECT_EQ(
      out.str(),
      "step 1/25  epoch 1/3  loss 2.0000  512 images/s  lr 0.1  eta 12s\n"
      "step 10/25  epoch 1/3  loss 2.0000  512 images/s  lr 0.1  eta 8s\n"
      "step 20/25  epoch 2/3  loss 2.0000  512 images/s  lr 0.1  eta 3s\n"
      "step 25/25  epoch 3/3  loss 2.0000  512 images/s  lr 0.1  eta 0s\n");
}

TEST(Console, VerificationIsALineOfItsOwn) {
  std::ostringstream out;
  ConsoleProgress progress(out, {.totalSteps = 25});
  progress.verification(20, result());
  EXPECT_EQ(out.str(),
            "verification g_unseen, step 20: accuracy 0.9812 ± 0.0042, TAR "
            "0.9000 at FAR 1e-3, 0.8100 at FAR 1e-4 (6000 pairs)\n");
}

/// What a terminal shows after `text`: each line after its last carriage
/// return.
std::vector<std::string> screen(const std::string &text) {
  std::vector<std::string> lines;
  std::stringstream stream(text);
  for (std::string line; std::getline(stream, line);)
    lines.push_back(line.substr(line.rfind("\x1b[K") + 3));
  return lines;
}

/// Columns of UTF-8 text whose every character is one column wide.
size_t columns(const std::string &text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (c & 0xc0) != 0x80; });
}

TEST(Console, BarFitsTheTerminalAndEndsFull) {
  for (int width : {10, 60, 80, 200}) {
    std::ostringstream out;
    ConsoleProgress progress(
        out, {.totalSteps = 1000, .terminal = true, .columns = width});
    for (int64_t step = 1; step <= 500; ++step)
      progress.step(stepAt(step));
    progress.message("note");
    for (int64_t step = 501; step <= 1000; ++step)
      progress.step(stepAt(step));
    progress.finish();
    std::vector<std::string> lines = screen(out.str());
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_EQ(lines[0], "note");
    EXPECT_LT(columns(lines[1]), static_cast<size_t>(width));
    EXPECT_TRUE(lines[1].starts_with("100% "));
    if (width >= 80) {
      EXPECT_NE(lines[1].find("██▏ 1000/1000  loss 2.0000  512 images/s"),
                std::string::npos)
          << lines[1];
    }
  }
}

TEST(Console, BarSaysTheEpochWhereThereIsRoomForAll) {
  for (int width : {71, 72, 120}) {
    std::ostringstream out;
    ConsoleProgress progress(out, {.totalSteps = 1000,
                                   .stepsPerEpoch = 50,
                                   .terminal = true,
                                   .columns = width});
    progress.step(stepAt(1000));
    progress.finish();
    std::string line = screen(out.str()).at(0);
    EXPECT_LT(columns(line), static_cast<size_t>(width));
    EXPECT_EQ(line.find("1000/1000  epoch 20/20  loss") != std::string::npos,
              width > 71)
        << line;
    EXPECT_TRUE(line.ends_with("eta 0s")) << line;
  }
}

TEST(Console, BarIsNotRedrawnTooOften) {
  std::ostringstream out;
  ConsoleProgress progress(
      out, {.totalSteps = 1000, .redrawSeconds = 5, .terminal = true});
  for (int64_t step = 1; step <= 100; ++step) // 0.5 s each
    progress.step(stepAt(step));
  std::string text = out.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\r'), 10);
}

TEST(Console, APipeIsNoTerminal) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  EXPECT_FALSE(consoleOptions(ends[1], 10).terminal);
  ::close(ends[0]);
  ::close(ends[1]);
}

class OutputFileTest : public testing::Test {
protected:
  OutputFileTest()
      : path(std::filesystem::temp_directory_path() /
             ("pfc-output-" + std::to_string(::getpid()))) {}
  ~OutputFileTest() override { std::filesystem::remove(path); }

  std::vector<nlohmann::json> lines() const {
    std::vector<nlohmann::json> result;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);)
      result.push_back(nlohmann::json::parse(line));
    return result;
  }

  std::filesystem::path path;
};

TEST_F(OutputFileTest, JsonLogIsOneObjectALineAndFlushed) {
  JsonLog log(path.string());
  log.step(stepAt(3));
  log.step(stepAt(4, nan));
  log.verification(4, result());
  std::vector<nlohmann::json> read = lines(); // while the log is open
  ASSERT_EQ(read.size(), 3u);
  EXPECT_EQ(read[0]["kind"], "step");
  EXPECT_EQ(read[0]["step"], 3);
  EXPECT_EQ(read[0]["loss"], 2.0);
  EXPECT_EQ(read[0]["learning_rate"], 0.1);
  EXPECT_EQ(read[0]["images_per_second"], 512.0);
  EXPECT_FALSE(read[0].contains("grad_norm"));
  EXPECT_TRUE(read[1]["loss"].is_null());
  EXPECT_EQ(read[2]["kind"], "verification");
  EXPECT_EQ(read[2]["set"], "g_unseen");
  EXPECT_EQ(read[2]["accuracy"], 0.98123);
  EXPECT_EQ(read[2]["tar_at_far_1e-4"], 0.81);
}

TEST_F(OutputFileTest, JsonLogAppendsOnResumeAndReportsFailure) {
  {
    JsonLog(path.string()).step(stepAt(1));
  }
  {
    JsonLog(path.string(), true).step(stepAt(2));
  }
  EXPECT_EQ(lines().size(), 2u);
  {
    JsonLog(path.string()).step(stepAt(1));
  }
  EXPECT_EQ(lines().size(), 1u);
  EXPECT_THROW(JsonLog("/nonexistent/metrics.jsonl"), Error);
  if (std::filesystem::exists("/dev/full")) {
    EXPECT_THROW(JsonLog("/dev/full").step(stepAt(1)), Error);
  }
}

// What is in them, check_events.py reads (test/tools/pfc-run).
TEST_F(OutputFileTest, EventLogsAreFlushedAndInTheOrderOfTheirNames) {
  namespace fs = std::filesystem;
  fs::path folder = path.string() + ".events";
  fs::remove_all(folder);
  EventLog first(folder.string(), 0);
  fs::path file = fs::directory_iterator(folder)->path();
  EXPECT_TRUE(
      file.filename().string().starts_with("events.out.tfevents.")) // then time
      << file;
  uintmax_t size = fs::file_size(file);
  first.step(stepAt(3));
  uintmax_t afterStep = fs::file_size(file); // while the log is open
  EXPECT_GT(afterStep, size);
  first.verification(3, result());
  EXPECT_GT(fs::file_size(file), afterStep);

  // Of another machine, whose clock is wrong.
  std::ofstream(folder / "events.out.tfevents.4000000000.other.1") << "";
  EventLog second(folder.string(), 4);
  std::set<fs::path> names;
  for (const fs::directory_entry &entry : fs::directory_iterator(folder))
    names.insert(entry.path().filename());
  ASSERT_EQ(names.size(), 3u);
  EXPECT_TRUE(
      names.rbegin()->string().starts_with("events.out.tfevents.4000000001."))
      << *names.rbegin();
  fs::remove_all(folder);

  std::ofstream(path) << "a file";
  EXPECT_THROW(EventLog((path / "x").string(), 0), Error);
}

TEST(PlotAxis, TicksAreRoundNumbers) {
  PlotAxis axis = makeAxis(0, 43.2, 0, 100, 5, true);
  EXPECT_EQ(axis.ticks(), (std::vector<double>{0, 10, 20, 30, 40, 50}));
  EXPECT_EQ(axis.high, 50);
  EXPECT_EQ(axis.pixel(25), 50);
  axis = makeAxis(0.9312, 1, 0, 100, 5, true);
  EXPECT_NEAR(axis.low, 0.92, 1e-12);
  EXPECT_EQ(axis.label(axis.ticks().front()), "0.92");
  EXPECT_EQ(axis.ticks().size(), 5u);
  axis = makeAxis(0, 1234567, 0, 100, 5, false);
  EXPECT_EQ(axis.label(1000000), "1,000,000");
  EXPECT_EQ(makeAxis(0, 1000, 0, 1, 5, false).label(-200), "-200");
  axis = makeAxis(3, 3, 0, 100, 5, false); // one value only
  EXPECT_LT(axis.low, 3);
  EXPECT_GT(axis.high, 3);
}

size_t occurrences(const std::string &text, const std::string &part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos;
       at = text.find(part, at + 1))
    ++count;
  return count;
}

CurvePlot samplePlot(int64_t steps) {
  CurvePlot plot("a & b <run>");
  for (int64_t step = 1; step <= steps; ++step)
    plot.addLoss(step, 40.0 / std::sqrt(static_cast<double>(step)));
  for (int64_t step = steps / 4; step <= steps; step += steps / 4) {
    double done = static_cast<double>(step) / steps;
    plot.addAccuracy("g_seen", step, 0.9 + 0.08 * done);
    plot.addAccuracy("g_hard", step, 0.8 + 0.14 * done);
  }
  return plot;
}

TEST(CurvePlot, HoldsCurvesLegendAndEscapedTitle) {
  std::string svg = samplePlot(100).svg();
  EXPECT_TRUE(svg.starts_with("<svg "));
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
  EXPECT_NE(svg.find("a &amp; b &lt;run&gt;"), std::string::npos);
  EXPECT_EQ(occurrences(svg, "<polyline"), 3u);
  EXPECT_EQ(occurrences(svg, "<circle"), 8u);
  EXPECT_NE(svg.find("0.9800 at step 100<"), std::string::npos);
  EXPECT_LT(svg.find("g_seen"), svg.find("g_hard"));
  EXPECT_EQ(occurrences(svg, "nan"), 0u);
}

TEST(CurvePlot, LongRunsStaySmall) {
  std::string svg = samplePlot(200000).svg();
  EXPECT_LT(svg.size(), 60000u);
  EXPECT_EQ(occurrences(svg, "<polygon"), 1u); // the range within a column
}

TEST(CurvePlot, NothingToDrawAndBadValues) {
  CurvePlot plot("empty");
  EXPECT_NE(plot.svg().find("no verification was run"), std::string::npos);
  for (int64_t step = 1; step <= 5; ++step)
    plot.addLoss(step, step == 3 ? nan : 1.0);
  plot.addAccuracy("x", 5, nan);
  std::string svg = plot.svg();
  size_t line = svg.find("<polyline");
  std::string curve = svg.substr(line, svg.find("/>", line) - line);
  EXPECT_EQ(occurrences(curve, ","), 4u);
  EXPECT_EQ(occurrences(curve, "nan"), 0u);
}

TEST_F(OutputFileTest, CurvePlotWritesAWholeFile) {
  CurvePlot plot = samplePlot(10000);
  plot.write(path.string());
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), plot.svg());
  EXPECT_THROW(plot.write("/nonexistent/curves.svg"), Error);
}

} // namespace
