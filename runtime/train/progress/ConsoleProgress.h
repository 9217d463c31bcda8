//===- ConsoleProgress.h - Training progress for a person -------*- C++ -*-===//
//
// On a terminal one line that is redrawn:
//    34% ▕███████▎      ▏ 680/2000  loss 12.345  812 images/s  lr 0.0812  eta
//    3m12s
// with "epoch 7/20" before the loss where the run is counted in epochs;
// elsewhere (a log file, a pipe) a plain line every `interval` steps. Time is
// what the steps report, so the output is a function of the input.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_TRAIN_PROGRESS_CONSOLEPROGRESS_H
#define PFC_RUNTIME_TRAIN_PROGRESS_CONSOLEPROGRESS_H

#include "runtime/eval/Verification.h"
#include "runtime/train/progress/StepMetrics.h"

#include <iosfwd>
#include <string>
#include <string_view>

namespace pfc::rt {

struct ConsoleOptions {
  int64_t totalSteps = 0;
  int64_t stepsPerEpoch = 0;  ///< 0: epochs aren't said
  int64_t interval = 50;      ///< steps between plain lines
  double redrawSeconds = 0.1; ///< shortest time between two drawings of the bar
  bool terminal = false;
  int columns = 80;
};

/// Options for the file descriptor `descriptor`: a bar if it is a terminal
/// that can redraw a line.
ConsoleOptions consoleOptions(int descriptor, int64_t totalSteps);

/// Only rank 0 has one.
class ConsoleProgress {
public:
  ConsoleProgress(std::ostream &out, ConsoleOptions options);

  void step(const StepMetrics &metrics);
  void verification(int64_t step, const VerificationResult &result);
  /// Prints a line without tearing the bar.
  void message(std::string_view text);
  /// Completes the last line. Call once, after the last step.
  void finish();

private:
  /// A mean that forgets: of the first 20 steps all, later the last 20 or so.
  struct Smoothed {
    double value = 0;
    int64_t count = 0;
    void add(double sample);
  };

  std::string figures(double loss, double imagesPerSecond,
                      double secondsPerStep) const;
  /// "epoch 3/20  " of the last step, or nothing. A part of an epoch at the
  /// end counts as one.
  std::string epoch() const;
  void drawBar();
  void plainLine();

  std::ostream &out;
  ConsoleOptions options;
  StepMetrics last;
  bool drawn = false;
  double sinceDrawn = 0;
  Smoothed loss, images, seconds;
  // Sums since the last plain line.
  double windowLoss = 0, windowSeconds = 0;
  int64_t windowImages = 0, windowSteps = 0;
};

/// "45s", "3m12s", "2h05m", "3d04h"
std::string formatDuration(double seconds);

/// "verification g_unseen, step 500: accuracy 0.9712 ± 0.0051, ..."
std::string verificationLine(int64_t step, const VerificationResult &result);

/// The last line of a run:
/// "verification accuracy: 0.9812 ± 0.0042 (6000 pairs, unseen identities)", or
/// the set's name
std::string summaryLine(const VerificationResult &result);

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_PROGRESS_CONSOLEPROGRESS_H
