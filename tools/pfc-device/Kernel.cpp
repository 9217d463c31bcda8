#include "Kernel.h"

#include "Inputs.h"
#include "runtime/base/Error.h"
#include "runtime/device/Device.h"
#include "runtime/plan/Elements.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <charconv>

namespace pfc::rt {
namespace {

using namespace plan::fb;

constexpr int64_t largestArgument = int64_t{1} << 30; // elements
constexpr int64_t elementsShown = 8;

DType dtypeNamed(std::string_view name, std::string_view argument) {
  for (DType dtype : EnumValuesDType())
    if (name == dtypeName(dtype))
      return dtype;
  fail("argument '{}': no element type '{}'; there are f32, bf16, f16, i64, "
       "i32, u8",
       argument, name);
}

/// "64x56xbf16" -> its type and shape.
BufferView parseBuffer(std::string_view argument) {
  BufferView view;
  std::string_view rest = argument;
  for (size_t x; (x = rest.find('x')) != rest.npos; rest.remove_prefix(x + 1)) {
    int64_t extent = 0;
    auto [end, error] = std::from_chars(rest.data(), rest.data() + x, extent);
    require(error == std::errc() && end == rest.data() + x && extent > 0 &&
                extent <= largestArgument / view.elements(),
            "argument '{}': write extents, of at most 2^30 elements together, "
            "and the element type: 64x56xf32",
            argument);
    view.shape.push_back(extent);
  }
  view.dtype = dtypeNamed(rest, argument);
  return view;
}

uint64_t arenaBytes(const BufferView &view) {
  return (view.bytes() + 63) / 64 * 64;
}

/// Allocates the arena and places the buffers in it, one behind the other.
void place(std::vector<BufferView> &views, Device &device) {
  uint64_t bytes = 64; // an arena isn't empty
  for (const BufferView &view : views)
    bytes += arenaBytes(view);
  std::byte *next = device.allocateArena(bytes).device;
  for (BufferView &view : views) {
    view.data = next;
    next += arenaBytes(view);
  }
}

template <typename Table, typename Object>
flatbuffers::DetachedBuffer pack(const Object &object) {
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(Table::Pack(builder, &object));
  return builder.Release();
}

/// "i32=7": what a kernel takes behind its buffers.
struct Number {
  DType dtype;
  int64_t bits;
};

bool isNumber(std::string_view argument) {
  return argument.find('=') != argument.npos;
}

template <typename T>
T parseValue(std::string_view text, std::string_view argument) {
  T value{};
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  require(error != std::errc::result_out_of_range,
          "argument '{}': {} is outside what its type holds", argument, text);
  require(error == std::errc() && end == text.data() + text.size(),
          "argument '{}': '{}' is no such number", argument, text);
  return value;
}

Number parseNumber(std::string_view argument) {
  size_t sign = argument.find('=');
  std::string_view value = argument.substr(sign + 1);
  DType dtype = dtypeNamed(argument.substr(0, sign), argument);
  require(dtype == DType_I32 || dtype == DType_I64 || dtype == DType_F32,
          "argument '{}': a number is an i32, i64 or f32", argument);
  if (dtype == DType_F32)
    return {dtype, std::bit_cast<int32_t>(parseValue<float>(value, argument))};
  if (dtype == DType_I32)
    return {dtype, parseValue<int32_t>(value, argument)};
  return {dtype, parseValue<int64_t>(value, argument)};
}

/// A kernel's launch, and the variant of a plan that has this kernel alone.
struct Run {
  std::vector<std::string> buffers; // as they were given
  VariantT variant;
  LaunchT launch;
};

Run parse(const KernelRun &run) {
  Run result;
  auto kernel = std::make_unique<KernelT>();
  for (const std::string &argument : run.arguments) {
    if (isNumber(argument)) {
      Number number = parseNumber(argument);
      kernel->numbers.push_back(number.dtype);
      result.launch.numbers.push_back(number.bits);
      continue;
    }
    require(kernel->numbers.empty(),
            "argument '{}': a kernel takes its buffers before its numbers",
            argument);
    result.buffers.push_back(argument);
  }
  VariantT &variant = result.variant;
  kernel->name = run.kernel;
  kernel->arguments = static_cast<uint32_t>(result.buffers.size());
  kernel->threads = run.threads;
  result.launch.extent = static_cast<int64_t>(run.blocks);
  variant.kernels.push_back(std::move(kernel));
  variant.kernel_cuda = readText(run.file);
  return result;
}

std::string describe(Device &device, const BufferView &view) {
  std::vector<std::byte> bytes(view.bytes());
  device.download(view, bytes.data());
  std::vector<double> values =
      toDoubles(bytes.data(), view.dtype, size_t(view.elements()));
  bool more = values.size() > elementsShown;
  values.resize(std::min<size_t>(values.size(), elementsShown));
  return fmt::format("{}{}", fmt::join(values, " "), more ? " ..." : "");
}

} // namespace

std::vector<std::string> runKernel(const KernelRun &run) {
  Run parsed = parse(run);
  std::vector<BufferView> views;
  for (const std::string &buffer : parsed.buffers)
    views.push_back(parseBuffer(buffer));
  std::unique_ptr<Device> device = openDevice(run.device, {});
  place(views, *device);
  for (const BufferView &view : views)
    device->upload(countingElements(view).data(), view);

  flatbuffers::DetachedBuffer packed = pack<Variant>(parsed.variant);
  flatbuffers::DetachedBuffer launch = pack<Launch>(parsed.launch);
  device->loadKernels(*flatbuffers::GetRoot<Variant>(packed.data()));
  device->makeLaunch(*flatbuffers::GetRoot<Launch>(launch.data()), views)
      ->execute();
  device->synchronize();

  std::vector<std::string> lines;
  for (size_t i = 0; i < views.size(); ++i)
    lines.push_back(fmt::format("argument {} ({}): {}", i, parsed.buffers[i],
                                describe(*device, views[i])));
  return lines;
}

} // namespace pfc::rt
