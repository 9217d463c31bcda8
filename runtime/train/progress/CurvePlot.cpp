#include "runtime/train/progress/CurvePlot.h"

#include "runtime/base/AtomicFile.h"
#include "runtime/train/progress/PlotAxis.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>

namespace pfc::rt {
namespace {

using Points = std::vector<std::pair<int64_t, double>>;

// Layout in pixels.
constexpr double width = 960, height = 660;
constexpr double left = 76, right = 718, legendX = right + 28;
constexpr double lossTop = 84, lossBottom = 330;
constexpr double accuracyTop = 392, accuracyBottom = 598;

/// Steps that share a column are averaged: about one column a pixel.
constexpr int64_t columns = 640;

constexpr const char *lossColour = "#3b6fb6";
/// Okabe and Ito's palette: told apart by colour-blind readers too.
constexpr std::array<const char *, 6> colours = {
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"};

std::string escape(const std::string &text) {
  std::string out;
  for (char c : text) {
    switch (c) {
    case '&':
      out += "&amp;";
      break;
    case '<':
      out += "&lt;";
      break;
    case '>':
      out += "&gt;";
      break;
    default:
      // Other control characters are not allowed in XML at all.
      out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return out;
}

std::string text(double x, double y, const char *cls, const std::string &body) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" class=\"{}\">{}</text>\n",
                     x, y, cls, escape(body));
}

/// Points "x,y x,y ..." of a polyline or polygon.
void appendPoint(std::string &out, double x, double y) {
  out += fmt::format("{:.1f},{:.1f} ", x, y);
}

/// Consecutive steps drawn at one place.
struct Column {
  double step, mean, low, high;
};

/// Averages points into at most `columns` columns; values that are not finite
/// are left out.
std::vector<Column> summarise(const Points &points, int64_t lastStep) {
  int64_t perColumn = std::max<int64_t>(1, (lastStep + columns - 1) / columns);
  std::vector<Column> result;
  int64_t current = -1, count = 0;
  for (auto [step, value] : points) {
    if (!std::isfinite(value))
      continue;
    int64_t column = step / perColumn;
    if (column != current || result.empty()) {
      result.push_back({0, 0, value, value});
      current = column;
      count = 0;
    }
    Column &c = result.back();
    ++count;
    c.step += (static_cast<double>(step) - c.step) / count;
    c.mean += (value - c.mean) / count;
    c.low = std::min(c.low, value);
    c.high = std::max(c.high, value);
  }
  return result;
}

/// A panel's grid, tick labels and heading.
std::string frame(const PlotAxis &x, const PlotAxis &y, const char *heading,
                  bool stepLabels) {
  std::string out = text(x.from, y.to - 16, "heading", heading);
  for (double tick : y.ticks()) {
    double at = y.pixel(tick);
    out += fmt::format("<line class=\"grid\" x1=\"{:.1f}\" y1=\"{:.1f}\" "
                       "x2=\"{:.1f}\" y2=\"{:.1f}\"/>\n",
                       x.from, at, x.to, at);
    out += text(x.from - 10, at + 4, "tick end", y.label(tick));
  }
  for (double tick : x.ticks()) {
    double at = x.pixel(tick);
    out += fmt::format("<line class=\"axis\" x1=\"{:.1f}\" y1=\"{:.1f}\" "
                       "x2=\"{:.1f}\" y2=\"{:.1f}\"/>\n",
                       at, y.from, at, y.from + 5);
    if (stepLabels)
      out += text(at, y.from + 20, "tick middle", x.label(tick));
  }
  out += fmt::format("<line class=\"axis\" x1=\"{:.1f}\" y1=\"{:.1f}\" "
                     "x2=\"{:.1f}\" y2=\"{:.1f}\"/>\n",
                     x.from, y.from, x.to, y.from);
  return out;
}

std::string legendEntry(double y, const char *colour, const std::string &name,
                        const std::string &value) {
  return fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" "
                     "y2=\"{:.1f}\" stroke=\"{}\" stroke-width=\"3\" "
                     "stroke-linecap=\"round\"/>\n",
                     legendX, y - 4, legendX + 18, y - 4, colour) +
         text(legendX + 28, y, "label", name) +
         text(legendX + 28, y + 17, "value", value);
}

std::string noData(const char *message) {
  return text((left + right) / 2, (accuracyTop + accuracyBottom) / 2,
              "tick middle", message);
}

std::string lossPanel(const Points &losses, const PlotAxis &x,
                      int64_t lastStep) {
  std::vector<Column> curve = summarise(losses, lastStep);
  double low = 0, high = 1; // a loss is read against 0
  for (const Column &c : curve) {
    low = std::min(low, c.low);
    high = std::max(high, c.high);
  }
  PlotAxis y = makeAxis(low, high, lossBottom, lossTop, 5, true);
  std::string out = frame(x, y, "Loss", false);
  if (curve.empty())
    return out;

  std::string line, band, lower;
  for (const Column &c : curve) {
    appendPoint(line, x.pixel(c.step), y.pixel(c.mean));
    appendPoint(band, x.pixel(c.step), y.pixel(c.high));
  }
  for (auto c = curve.rbegin(); c != curve.rend(); ++c)
    appendPoint(band, x.pixel(c->step), y.pixel(c->low));
  bool shared = static_cast<int64_t>(losses.size()) > columns;
  if (shared)
    out += fmt::format("<polygon points=\"{}\" fill=\"{}\" opacity=\"0.2\"/>\n",
                       band, lossColour);
  out +=
      fmt::format("<polyline class=\"curve\" points=\"{}\" stroke=\"{}\"/>\n",
                  line, lossColour);
  // The value a person compares: a single step's loss is noise.
  size_t tail = std::max<size_t>(1, losses.size() / 50);
  double sum = 0;
  for (size_t i = losses.size() - tail; i < losses.size(); ++i)
    sum += losses[i].second;
  return out + legendEntry(lossTop + 12, lossColour,
                           shared ? "training loss, range" : "training loss",
                           fmt::format("{:.4f} at the end", sum / tail));
}

std::string accuracyCurve(const Points &points, const char *colour,
                          const PlotAxis &x, const PlotAxis &y) {
  std::string line, dots;
  for (auto [step, accuracy] : points) {
    if (!std::isfinite(accuracy))
      continue;
    double px = x.pixel(static_cast<double>(step)), py = y.pixel(accuracy);
    appendPoint(line, px, py);
    dots += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" "
                        "fill=\"#fff\" stroke=\"{}\" stroke-width=\"2\"/>\n",
                        px, py, colour);
  }
  return fmt::format("<polyline class=\"curve\" points=\"{}\" "
                     "stroke=\"{}\"/>\n",
                     line, colour) +
         (points.size() <= 60 ? dots : "");
}

std::string
accuracyPanel(const std::vector<std::pair<std::string, Points>> &sets,
              const PlotAxis &x) {
  double low = 1;
  for (const auto &[name, points] : sets)
    for (auto [step, accuracy] : points)
      if (std::isfinite(accuracy))
        low = std::min(low, accuracy);
  PlotAxis y =
      makeAxis(std::min(low, 0.95), 1, accuracyBottom, accuracyTop, 5, true);
  std::string out = frame(x, y, "Verification accuracy", true);
  if (sets.empty())
    return out + noData("no verification was run");

  std::vector<size_t> order(sets.size());
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = i;
  // The legend reads from top to bottom as the curves end.
  auto last = [&](size_t i) {
    double accuracy = sets[i].second.back().second;
    return std::isfinite(accuracy) ? accuracy : -1;
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return last(a) > last(b); });
  double legendY = accuracyTop + 12;
  double legendStep =
      std::min(44.0, (accuracyBottom - accuracyTop) / sets.size());
  for (size_t i : order) {
    const auto &[name, points] = sets[i];
    const char *colour = colours[i % colours.size()];
    out += accuracyCurve(points, colour, x, y);
    out += legendEntry(legendY, colour, name,
                       fmt::format("{:.4f} at step {}", points.back().second,
                                   x.label(points.back().first)));
    legendY += legendStep;
  }
  return out;
}

constexpr const char *style =
    "<style>\n"
    "text { font-family: system-ui, 'Helvetica Neue', Arial, 'DejaVu Sans', "
    "sans-serif; fill: #4a5058; font-size: 12px }\n"
    ".title { font-size: 19px; font-weight: 600; fill: #1d2126 }\n"
    ".heading { font-size: 13px; font-weight: 600; fill: #1d2126 }\n"
    ".label { font-size: 13px; fill: #1d2126 }\n"
    ".end { text-anchor: end }\n"
    ".middle { text-anchor: middle }\n"
    ".grid { stroke: #e4e7eb }\n"
    ".axis { stroke: #8a929c }\n"
    ".curve { fill: none; stroke-width: 2; stroke-linejoin: round; "
    "stroke-linecap: round }\n"
    "</style>\n";

} // namespace

CurvePlot::CurvePlot(std::string title) : title(std::move(title)) {}

void CurvePlot::addLoss(int64_t step, double loss) {
  losses.emplace_back(step, loss);
}

void CurvePlot::addAccuracy(const std::string &set, int64_t step,
                            double accuracy) {
  auto entry = std::find_if(accuracies.begin(), accuracies.end(),
                            [&](const auto &e) { return e.first == set; });
  if (entry == accuracies.end())
    entry = accuracies.insert(accuracies.end(), {set, {}});
  entry->second.emplace_back(step, accuracy);
}

std::string CurvePlot::svg() const {
  int64_t lastStep = losses.empty() ? 0 : losses.back().first;
  for (const auto &[name, points] : accuracies)
    lastStep = std::max(lastStep, points.back().first);
  PlotAxis x = makeAxis(0, static_cast<double>(std::max<int64_t>(lastStep, 1)),
                        left, right, 8, false);
  x.tickStep = std::max(x.tickStep, 1.0);

  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" "
      "viewBox=\"0 0 {0} {1}\">\n{2}"
      "<rect width=\"{0}\" height=\"{1}\" fill=\"#ffffff\"/>\n",
      width, height, style);
  out += text(left, 38, "title", title);
  out += lossPanel(losses, x, lastStep);
  out += accuracyPanel(accuracies, x);
  out += text((left + right) / 2, accuracyBottom + 44, "tick middle", "step");
  return out + "</svg>\n";
}

void CurvePlot::write(const std::string &path) const {
  std::string body = svg();
  AtomicFile file(path);
  file.write(body.data(), body.size());
  file.commit();
}

} // namespace pfc::rt
