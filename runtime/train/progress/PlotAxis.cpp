#include "runtime/train/progress/PlotAxis.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace pfc::rt {

std::vector<double> PlotAxis::ticks() const {
  std::vector<double> result;
  double slack = tickStep * 1e-6;
  auto first = std::llround(std::ceil((low - slack) / tickStep));
  auto last = std::llround(std::floor((high + slack) / tickStep));
  for (auto i = first; i <= last; ++i)
    result.push_back(static_cast<double>(i) * tickStep);
  return result;
}

std::string PlotAxis::label(double tick) const {
  int decimals =
      std::max(0, -static_cast<int>(std::floor(std::log10(tickStep) + 1e-9)));
  std::string text = fmt::format("{:.{}f}", tick, decimals);
  size_t begin = text.front() == '-' ? 1 : 0;
  for (size_t at = std::min(text.find('.'), text.size()); at > begin + 3;) {
    at -= 3;
    text.insert(at, 1, ',');
  }
  return text;
}

PlotAxis makeAxis(double low, double high, double from, double to, int ticks,
                  bool widen) {
  if (!(high > low)) { // one value, or none
    double margin = std::max(std::abs(low) * 0.1, 1e-3);
    low -= margin;
    high += margin;
  }
  double raw = (high - low) / ticks;
  double power = std::pow(10.0, std::floor(std::log10(raw)));
  double mantissa = raw / power;
  double step = power * (mantissa <= 1   ? 1
                         : mantissa <= 2 ? 2
                         : mantissa <= 5 ? 5
                                         : 10);
  if (widen) {
    low = std::floor(low / step + 1e-9) * step;
    high = std::ceil(high / step - 1e-9) * step;
  }
  return {low, high, from, to, step};
}

} // namespace pfc::rt
