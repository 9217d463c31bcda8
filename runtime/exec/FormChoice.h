//===- FormChoice.h - Which of several forms a rank takes -------*- C++ -*-===//
//
// A plan may say in several ways how to compute the same (Alternative of
// plan.fbs): a product by a library and a kernel that reads it, or both in one
// kernel. The first time a step comes there, with the data of that step, each
// form that the chip can do is executed and timed. One whose results are not
// those of the plan's own instructions is out; of the others the fastest is
// taken, from then on. It is remembered beside the compiled kernels, by chip,
// libraries and instructions, so that a job that is resumed computes the same
// bits.
//
// $PFC_FORM: "measured"; or a number, of the form to take: 0 is the plan's own
// instructions. Without it, forms are measured on a device with a stream.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_EXEC_FORMCHOICE_H
#define PFC_RUNTIME_EXEC_FORMCHOICE_H

#include "runtime/device/Device.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace pfc::rt {

class FormChoice {
public:
  using Tasks = std::vector<std::unique_ptr<Task>>;
  struct Form {
    std::string name; ///< for people
    Tasks tasks;
  };

  /// `own` are the plan's instructions, which live elsewhere. `results` is what
  /// every form writes and others read. `key` says which choice this is, on
  /// this chip.
  FormChoice(std::vector<Task *> own, std::vector<Form> others,
             std::vector<BufferView> results, std::string key, Device &device,
             std::function<void()> wait);

  /// Chooses, the first time; the results' buffers are left as they were.
  void choose();
  /// 0: the plan's own instructions.
  size_t chosen() const { return taken; }
  void executeChosen() { execute(taken); }

private:
  using Contents = std::vector<std::vector<std::byte>>;

  size_t measure();
  bool agrees(size_t form, const Contents &before, const Contents &expected);
  double secondsOf(size_t form);
  void execute(size_t form);
  Contents save() const;
  void restore(const Contents &contents);

  std::vector<Task *> own;
  std::vector<Form> others;
  std::vector<BufferView> results;
  std::string key;
  Device &device;
  std::function<void()> wait;
  bool decided = false;
  size_t taken = 0;
};

/// One of the plan's own instructions of a choice: does its work if they were
/// chosen; else the last of them does all.
class FormStep : public Task {
public:
  FormStep(std::shared_ptr<FormChoice> choice, std::unique_ptr<Task> own,
           bool last)
      : choice(std::move(choice)), own(std::move(own)), last(last) {}

  void execute() override {
    choice->choose();
    if (choice->chosen() == 0)
      own->execute();
    else if (last)
      choice->executeChosen();
  }
  void executeAlone() override { own->execute(); }
  bool recordable() const override { return own->recordable(); }

private:
  std::shared_ptr<FormChoice> choice;
  std::unique_ptr<Task> own;
  bool last;
};

/// How far results may be apart: ‖a − b‖ ≤ this · ‖b‖. Elements in 16 bits are
/// 2^-9 from what they stand for.
constexpr double formTolerance = 1e-2;

/// Whether `actual` holds the elements of `expected` but for rounding.
bool sameResults(const BufferView &view, const std::vector<std::byte> &actual,
                 const std::vector<std::byte> &expected);

} // namespace pfc::rt

#endif // PFC_RUNTIME_EXEC_FORMCHOICE_H
