//===- CurvePlot.h - Loss and accuracy curves as an SVG ---------*- C++ -*-===//
//
// Two panels over one step axis: the loss (mean and range where several steps
// share a pixel) and the accuracy of each verification set, both on linear
// axes. The file needs nothing but a browser.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_TRAIN_PROGRESS_CURVEPLOT_H
#define PFC_RUNTIME_TRAIN_PROGRESS_CURVEPLOT_H

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace pfc::rt {

class CurvePlot {
public:
  explicit CurvePlot(std::string title);

  void addLoss(int64_t step, double loss);
  void addAccuracy(const std::string &set, int64_t step, double accuracy);

  std::string svg() const;
  /// Writes the SVG, whole or not at all.
  void write(const std::string &path) const;

private:
  using Points = std::vector<std::pair<int64_t, double>>;

  std::string title;
  Points losses;
  /// In the order of their first points.
  std::vector<std::pair<std::string, Points>> accuracies;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_PROGRESS_CURVEPLOT_H
