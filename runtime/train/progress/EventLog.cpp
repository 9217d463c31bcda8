#include "runtime/train/progress/EventLog.h"

#include "runtime/base/Crc32c.h"
#include "runtime/base/Error.h"
#include "runtime/train/progress/tensorboard.pb.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <unistd.h>

namespace pfc::rt {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view prefix = "events.out.tfevents.";

double secondsNow() {
  std::chrono::duration<double> now =
      std::chrono::system_clock::now().time_since_epoch();
  return now.count();
}

/// The time in a file's name; 0 of other files.
int64_t timeOf(const std::string &name) {
  int64_t seconds = 0;
  if (name.starts_with(prefix))
    std::from_chars(name.data() + prefix.size(), name.data() + name.size(),
                    seconds);
  return seconds;
}

/// A name behind all that `folder` has, whatever clock they were made by.
std::string newFile(const std::string &folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  require(!error, "{}: cannot make the folder for TensorBoard: {}", folder,
          error.message());
  auto seconds = static_cast<int64_t>(secondsNow());
  for (const fs::directory_entry &entry : fs::directory_iterator(folder, error))
    seconds = std::max(seconds, timeOf(entry.path().filename()) + 1);
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  return fmt::format("{}/{}{:010}.{}.{}", folder, prefix, seconds, host.data(),
                     getpid());
}

std::string littleEndian(uint64_t value, size_t bytes) {
  std::string text;
  for (size_t byte = 0; byte < bytes; ++byte)
    text += static_cast<char>(value >> 8 * byte);
  return text;
}

/// A TFRecord's checksum: rotated and moved, so that one of bytes that hold
/// checksums is none of theirs.
std::string checksum(std::string_view bytes) {
  uint32_t crc = crc32c(bytes);
  return littleEndian((crc >> 15 | crc << 17) + 0xA282EAD8u, 4);
}

tensorboard::Event eventAt(int64_t step) {
  tensorboard::Event event;
  event.set_wall_time(secondsNow());
  event.set_step(step);
  return event;
}

} // namespace

EventLog::EventLog(const std::string &folder, int64_t firstStep)
    : path(newFile(folder)), file(path, std::ios::binary) {
  require(file.good(), "{}: cannot be created; check the folder", path);
  tensorboard::Event version = eventAt(0);
  version.set_file_version("brain.Event:2");
  writeRecord(version.SerializeAsString());
  tensorboard::Event start = eventAt(firstStep);
  start.mutable_session_log()->set_status(tensorboard::SessionLog::START);
  writeRecord(start.SerializeAsString());
}

void EventLog::writeRecord(const std::string &event) {
  std::string length = littleEndian(event.size(), 8);
  file << length << checksum(length) << event << checksum(event) << std::flush;
  require(file.good(), "{}: cannot be written; is the disk full?", path);
}

void EventLog::write(int64_t step, const Numbers &numbers) {
  tensorboard::Event event = eventAt(step);
  for (const auto &[tag, number] : numbers) {
    tensorboard::Summary::Value *value = event.mutable_summary()->add_value();
    value->set_tag(tag);
    value->set_simple_value(static_cast<float>(number));
  }
  writeRecord(event.SerializeAsString());
}

void EventLog::step(const StepMetrics &metrics) {
  Numbers numbers = {{"loss", metrics.loss},
                     {"learning_rate", metrics.learningRate},
                     {"seconds", metrics.seconds},
                     {"images_per_second",
                      static_cast<double>(metrics.images) / metrics.seconds}};
  if (metrics.gradNorm)
    numbers.emplace_back("grad_norm", *metrics.gradNorm);
  if (metrics.lossScale) {
    numbers.emplace_back("loss_scale", *metrics.lossScale);
    numbers.emplace_back("skipped", metrics.skipped);
  }
  write(metrics.step, numbers);
}

void EventLog::verification(int64_t step, const VerificationResult &result) {
  Numbers numbers = numbersOf(result);
  for (auto &[tag, number] : numbers)
    tag += "/" + result.name;
  write(step, numbers);
}

} // namespace pfc::rt
