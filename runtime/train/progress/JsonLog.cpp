#include "runtime/train/progress/JsonLog.h"

#include "runtime/base/Error.h"
#include "runtime/train/progress/Numbers.h"

#include <nlohmann/json.hpp>

namespace pfc::rt {

JsonLog::JsonLog(std::string path, bool append)
    : path(std::move(path)),
      file(this->path, append ? std::ios::app : std::ios::trunc) {
  require(file.good(), "{}: cannot be created; check the folder", this->path);
}

void JsonLog::write(const nlohmann::ordered_json &object) {
  // Names of files need not be UTF-8.
  constexpr auto replace = nlohmann::ordered_json::error_handler_t::replace;
  file << object.dump(-1, ' ', false, replace) << '\n' << std::flush;
  require(file.good(), "{}: cannot be written; is the disk full?", path);
}

void JsonLog::step(const StepMetrics &metrics) {
  nlohmann::ordered_json row = {
      {"kind", "step"},
      {"step", metrics.step},
      {"loss", metrics.loss},
      {"learning_rate", metrics.learningRate},
      {"images", metrics.images},
      {"seconds", metrics.seconds},
      {"images_per_second",
       static_cast<double>(metrics.images) / metrics.seconds}};
  if (metrics.gradNorm)
    row["grad_norm"] = *metrics.gradNorm;
  if (metrics.lossScale) {
    row["loss_scale"] = *metrics.lossScale;
    row["skipped"] = metrics.skipped;
  }
  write(row);
}

void JsonLog::verification(int64_t step, const VerificationResult &result) {
  nlohmann::ordered_json row = {{"kind", "verification"},
                                {"step", step},
                                {"set", result.name},
                                {"pairs", result.pairs}};
  for (const auto &[name, number] : numbersOf(result))
    row[name] = number;
  write(row);
}

} // namespace pfc::rt
