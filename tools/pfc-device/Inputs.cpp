#include "Inputs.h"

#include "runtime/base/Bfloat16.h"
#include "runtime/base/Error.h"
#include "runtime/plan/Shape.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

namespace pfc::rt {
namespace {

template <typename T>
void put(std::vector<std::byte> &bytes, size_t index, T value) {
  std::memcpy(bytes.data() + index * sizeof value, &value, sizeof value);
}

/// Of a floating-point type.
void putNumber(std::vector<std::byte> &bytes, size_t index,
               plan::fb::DType dtype, float value) {
  if (dtype == plan::fb::DType_F32)
    put(bytes, index, value);
  else if (dtype == plan::fb::DType_BF16)
    put(bytes, index, floatToBfloat16(value));
  else
    put(bytes, index, static_cast<_Float16>(value));
}

} // namespace

bool isFloating(plan::fb::DType dtype) {
  return dtype == plan::fb::DType_F32 || dtype == plan::fb::DType_BF16 ||
         dtype == plan::fb::DType_F16;
}

std::string readText(const std::string &path) {
  std::error_code ignored;
  require(!std::filesystem::is_directory(path, ignored),
          "{}: is a folder; give a file", path);
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  require(file.is_open() && !text.bad(), "{}: cannot be read", path);
  return text.str();
}

std::vector<std::byte> randomElements(const BufferView &view, uint64_t seed) {
  // The standard fixes what this engine draws, not what distributions make.
  std::mt19937_64 random(seed);
  bool vector = view.shape.size() <= 1;
  std::vector<std::byte> bytes(view.bytes());
  for (size_t i = 0; i < static_cast<size_t>(view.elements()); ++i) {
    float unit = static_cast<float>(random() >> 40) * 0x1p-24f;
    putNumber(bytes, i, view.dtype, vector ? 0.1f + 0.9f * unit : 2 * unit - 1);
  }
  return bytes;
}

std::vector<std::byte> countingElements(const BufferView &view) {
  std::vector<std::byte> bytes(view.bytes());
  for (size_t i = 0; i < static_cast<size_t>(view.elements()); ++i) {
    if (isFloating(view.dtype))
      putNumber(bytes, i, view.dtype, static_cast<float>(i));
    else // little-endian
      std::memcpy(bytes.data() + i * byteWidth(view.dtype), &i,
                  byteWidth(view.dtype));
  }
  return bytes;
}

void setInputs(Executor &executor, const plan::fb::Settings &settings,
               const std::string &program, int64_t t) {
  std::mt19937_64 random(static_cast<uint64_t>(t) + 1);
  auto count = [&](const char *input) {
    int64_t elements = 1;
    for (int64_t extent : executor.shapeOf(program, input))
      elements *= extent;
    return static_cast<size_t>(elements);
  };
  std::vector<uint8_t> images(count("images"));
  for (uint8_t &pixel : images)
    pixel = static_cast<uint8_t>(random());
  executor.setInput(program, "images", images.data(), images.size());
  if (program != "train_step")
    return;
  std::vector<int64_t> labels(count("labels"));
  for (int64_t &label : labels)
    label = static_cast<int64_t>(random() %
                                 static_cast<uint64_t>(settings.classes()));
  float rate = 0.01f;
  executor.setInput(program, "labels", labels.data(), 8 * labels.size());
  executor.setInput(program, "lr", &rate, sizeof rate);
  executor.setInput(program, "step", &t, sizeof t);
}

} // namespace pfc::rt
