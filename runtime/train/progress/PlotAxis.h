//===- PlotAxis.h - A linear axis with readable ticks -----------*- C++ -*-===//
#ifndef PFC_RUNTIME_TRAIN_PROGRESS_PLOTAXIS_H
#define PFC_RUNTIME_TRAIN_PROGRESS_PLOTAXIS_H

#include <string>
#include <vector>

namespace pfc::rt {

/// Maps [low, high] linearly to pixels [from, to].
struct PlotAxis {
  double low = 0, high = 1;
  double from = 0, to = 1;
  double tickStep = 1; ///< 1, 2 or 5 times a power of ten

  double pixel(double value) const {
    return from + (value - low) / (high - low) * (to - from);
  }

  /// Multiples of tickStep within [low, high].
  std::vector<double> ticks() const;

  /// A tick's text, with as many decimals as the step needs and thousands
  /// separated.
  std::string label(double tick) const;
};

/// An axis over [low, high] with about `ticks` ticks. With `widen` the ends
/// move out to the next tick.
PlotAxis makeAxis(double low, double high, double from, double to, int ticks,
                  bool widen);

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_PROGRESS_PLOTAXIS_H
