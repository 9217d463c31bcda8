#include "runtime/exec/FormChoice.h"

#include "runtime/base/BuildCache.h"
#include "runtime/base/Error.h"
#include "runtime/plan/Elements.h"
#include "runtime/plan/Shape.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>

namespace pfc::rt {
namespace {

constexpr int repetitions = 10;     // in a recording
constexpr double longEnough = 5e-3; // seconds, to measure
constexpr int measurements = 3;     // the least counts: others do other work

/// What $PFC_FORM says, or what holds without it.
std::string wantedForm(const Device &device) {
  if (const char *value = std::getenv("PFC_FORM"); value && *value)
    return value;
  return device.stream() ? "measured" : "0";
}

/// The number of a form; the last there is for one that is too large.
size_t formOf(const std::string &text, size_t last) {
  size_t number = 0;
  const char *end = text.data() + text.size();
  auto [read, error] = std::from_chars(text.data(), end, number);
  require(read == end && !text.empty(),
          "PFC_FORM is '{}'; 'measured', or the number of a form, is wanted",
          text);
  return error == std::errc() ? std::min(number, last) : last;
}

} // namespace

bool sameResults(const BufferView &view, const std::vector<std::byte> &actual,
                 const std::vector<std::byte> &expected) {
  double far = 0, all = 0;
  for (size_t i = 0; i < size_t(view.elements()); ++i) {
    double a = elementAt(actual.data(), view.dtype, i);
    double b = elementAt(expected.data(), view.dtype, i);
    if (!std::isfinite(a) || !std::isfinite(b)) {
      if (std::isfinite(a) != std::isfinite(b))
        return false;
      continue;
    }
    far += (a - b) * (a - b);
    all += b * b;
  }
  return std::sqrt(far) <= formTolerance * std::sqrt(all);
}

FormChoice::FormChoice(std::vector<Task *> own, std::vector<Form> others,
                       std::vector<BufferView> results, std::string key,
                       Device &device, std::function<void()> wait)
    : own(std::move(own)), others(std::move(others)),
      results(std::move(results)), key(std::move(key)), device(device),
      wait(std::move(wait)) {}

void FormChoice::choose() {
  if (decided)
    return;
  decided = true;
  std::string wanted = wantedForm(device);
  if (wanted != "measured") {
    taken = formOf(wanted, others.size());
    return;
  }
  std::string path = BuildCache().file(
      key, ".form", [this] { return fmt::format("{}\n", measure()); });
  std::ifstream file(path);
  std::getline(file, wanted);
  taken = formOf(wanted, others.size());
}

size_t FormChoice::measure() {
  wait(); // for the other ranks, too
  const Contents before = save();
  execute(0);
  wait();
  const Contents expected = save();
  size_t best = 0;
  double least = secondsOf(0);
  for (size_t form = 1; form <= others.size(); ++form) {
    if (!agrees(form, before, expected)) {
      fmt::print(stderr,
                 "warning: {} computes something else on {} than the plan's "
                 "own instructions do, and is not used: please report it\n",
                 others[form - 1].name, device.describe());
      continue;
    }
    if (double seconds = secondsOf(form); seconds < least) {
      best = form;
      least = seconds;
    }
  }
  restore(before);
  return best;
}

bool FormChoice::agrees(size_t form, const Contents &before,
                        const Contents &expected) {
  restore(before);
  execute(form);
  wait();
  const Contents actual = save();
  for (size_t i = 0; i < results.size(); ++i)
    if (!sameResults(results[i], actual[i], expected[i]))
      return false;
  return true;
}

double FormChoice::secondsOf(size_t form) {
  using Clock = std::chrono::steady_clock;
  execute(form); // the first may load what the others find
  wait();
  auto several = [&] {
    for (int i = 0; i < repetitions; ++i)
      execute(form);
  };
  // As a step replays it, where the host's time to launch it is none of it.
  std::unique_ptr<Task> recorded = device.record(several);
  auto secondsFor = [&](int times) {
    Clock::time_point begin = Clock::now();
    for (int i = 0; i < times; ++i)
      recorded ? recorded->execute() : several();
    wait();
    return std::chrono::duration<double>(Clock::now() - begin).count();
  };
  double least = std::numeric_limits<double>::infinity();
  for (int done = 0, times = 1; done < measurements;) {
    double seconds = secondsFor(times);
    if (seconds < longEnough) {
      times *= 2;
      continue;
    }
    least = std::min(least, seconds / times);
    ++done;
  }
  return least;
}

void FormChoice::execute(size_t form) {
  if (form == 0) {
    for (Task *task : own)
      task->execute();
    return;
  }
  for (const std::unique_ptr<Task> &task : others[form - 1].tasks)
    task->execute();
}

FormChoice::Contents FormChoice::save() const {
  Contents contents;
  for (const BufferView &view : results) {
    contents.emplace_back(view.bytes());
    device.download(view, contents.back().data());
  }
  return contents;
}

void FormChoice::restore(const Contents &contents) {
  for (size_t i = 0; i < results.size(); ++i)
    device.upload(contents[i].data(), results[i]);
}

} // namespace pfc::rt
