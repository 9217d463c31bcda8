#include "runtime/train/progress/ConsoleProgress.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fmt/format.h>
#include <ostream>
#include <sys/ioctl.h>
#include <unistd.h>

namespace pfc::rt {
namespace {

constexpr const char *clearLine = "\r\x1b[K";

/// A bar of `width` cells, drawn to an eighth of a cell.
std::string bar(double fraction, int width) {
  static constexpr const char *eighths[] = {"",  "▏", "▎", "▍",
                                            "▌", "▋", "▊", "▉"};
  int filled = static_cast<int>(std::clamp(fraction, 0.0, 1.0) * width * 8);
  std::string text = "▕";
  for (int i = 0; i < filled / 8; ++i)
    text += "█";
  text += eighths[filled % 8];
  text.append(width - (filled + 7) / 8, ' ');
  return text + "▏";
}

} // namespace

std::string formatDuration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0)
    return "?";
  int64_t s = std::llround(seconds);
  if (s < 60)
    return fmt::format("{}s", s);
  if (s < 3600)
    return fmt::format("{}m{:02}s", s / 60, s % 60);
  if (s < 86400)
    return fmt::format("{}h{:02}m", s / 3600, s % 3600 / 60);
  return fmt::format("{}d{:02}h", s / 86400, s % 86400 / 3600);
}

std::string verificationLine(int64_t step, const VerificationResult &result) {
  return fmt::format("verification {}, step {}: accuracy {:.4f} ± {:.4f}, "
                     "TAR {:.4f} at FAR 1e-3, {:.4f} at FAR 1e-4 ({} pairs)",
                     result.name, step, result.accuracy, result.accuracyStd,
                     result.tarAtFar1e3, result.tarAtFar1e4, result.pairs);
}

std::string summaryLine(const VerificationResult &result) {
  // Of pfc-data's sets that one; of another it isn't known.
  const char *unseen = "unseen identities";
  return fmt::format("verification accuracy: {:.4f} ± {:.4f} ({} pairs, {})",
                     result.accuracy, result.accuracyStd, result.pairs,
                     result.name == "g_unseen" ? unseen : result.name);
}

ConsoleOptions consoleOptions(int descriptor, int64_t totalSteps) {
  ConsoleOptions options;
  options.totalSteps = totalSteps;
  const char *term = std::getenv("TERM");
  options.terminal =
      ::isatty(descriptor) && term && *term && std::string_view(term) != "dumb";
  winsize size{};
  if (options.terminal && ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 &&
      size.ws_col > 0)
    options.columns = size.ws_col;
  return options;
}

void ConsoleProgress::Smoothed::add(double sample) {
  count = std::min<int64_t>(count + 1, 20);
  value += (sample - value) / static_cast<double>(count);
}

ConsoleProgress::ConsoleProgress(std::ostream &out, ConsoleOptions options)
    : out(out), options(options) {
  this->options.interval = std::max<int64_t>(options.interval, 1);
}

void ConsoleProgress::step(const StepMetrics &metrics) {
  last = metrics;
  loss.add(metrics.loss);
  images.add(static_cast<double>(metrics.images));
  seconds.add(metrics.seconds);
  windowLoss += metrics.loss;
  windowSeconds += metrics.seconds;
  windowImages += metrics.images;
  ++windowSteps;
  bool ends = metrics.step == options.totalSteps;
  if (options.terminal) {
    sinceDrawn += metrics.seconds;
    if (!drawn || ends || sinceDrawn >= options.redrawSeconds)
      drawBar();
  } else if (ends || metrics.step == 1 ||
             metrics.step % options.interval == 0) {
    plainLine();
  }
}

std::string ConsoleProgress::figures(double loss, double imagesPerSecond,
                                     double secondsPerStep) const {
  int64_t left = std::max<int64_t>(options.totalSteps - last.step, 0);
  return fmt::format("loss {:.4f}  {:.{}f} images/s  lr {:.4g}  eta {}", loss,
                     imagesPerSecond, imagesPerSecond < 100 ? 1 : 0,
                     last.learningRate, formatDuration(left * secondsPerStep));
}

std::string ConsoleProgress::epoch() const {
  const int64_t steps = options.stepsPerEpoch;
  if (steps <= 0)
    return {};
  return fmt::format("epoch {}/{}  ", (last.step + steps - 1) / steps,
                     (options.totalSteps + steps - 1) / steps);
}

void ConsoleProgress::drawBar() {
  double fraction = options.totalSteps > 0
                        ? static_cast<double>(last.step) / options.totalSteps
                        : 0;
  std::string percent =
      fmt::format("{:3d}% ", static_cast<int>(fraction * 100));
  std::string text = fmt::format(" {}/{}  ", last.step, options.totalSteps);
  std::string rest =
      figures(loss.value, images.value / seconds.value, seconds.value);
  // Not where it would cost the end of the line.
  if (std::string said = epoch();
      percent.size() + text.size() + said.size() + rest.size() <
      static_cast<size_t>(options.columns))
    text += said;
  text += rest;
  // All of `percent` and `text` is ASCII: a byte is a column. The last column
  // stays free, since writing it makes some terminals wrap.
  int room = options.columns - 1 - static_cast<int>(percent.size()) - 2 -
             static_cast<int>(text.size());
  std::string line = percent;
  if (room >= 5)
    line += bar(fraction, std::min(room, 40));
  line += text;
  if (room < 5)
    line.resize(
        std::min<size_t>(line.size(), std::max(options.columns - 1, 0)));
  out << clearLine << line << std::flush;
  drawn = true;
  sinceDrawn = 0;
}

void ConsoleProgress::plainLine() {
  double steps = static_cast<double>(windowSteps);
  out << fmt::format("step {}/{}  {}{}\n", last.step, options.totalSteps,
                     epoch(),
                     figures(windowLoss / steps,
                             static_cast<double>(windowImages) / windowSeconds,
                             windowSeconds / steps))
      << std::flush;
  windowLoss = windowSeconds = 0;
  windowImages = windowSteps = 0;
}

void ConsoleProgress::verification(int64_t step,
                                   const VerificationResult &result) {
  message(verificationLine(step, result));
}

void ConsoleProgress::message(std::string_view text) {
  if (options.terminal && drawn)
    out << clearLine;
  out << text << '\n' << std::flush;
  if (options.terminal && drawn)
    drawBar();
}

void ConsoleProgress::finish() {
  if (options.terminal && drawn)
    out << '\n' << std::flush;
  drawn = false;
}

} // namespace pfc::rt
