// libcuda.so.1: see FakeCuda.h.
#include "FakeCubin.h"
#include "FakeCuda.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <set>

using Work = std::function<CUresult()>;

struct CUgraph_st {
  std::vector<Work> works;
};
struct CUgraphExec_st {
  std::vector<Work> works;
};
struct CUmod_st {
  std::set<std::string> kernels;
  std::map<std::string, fakecuda::ParameterSizes> parameters;
};
struct CUfunc_st {
  std::string name;
  fakecuda::ParameterSizes parameters;
  unsigned shared = 0; // bytes that a launch may give
};
struct CUstream_st {
  std::deque<Work> works;
  CUgraph capturing = nullptr;
  bool origin = false;
};
struct CUevent_st {
  CUstream stream = nullptr; // where it was recorded last
  uint64_t recorded = 0, happened = 0;
  CUgraph capturing = nullptr;
};
struct CUctx_st {};

namespace {

constexpr uintptr_t deviceOffset = uintptr_t{1} << 56;

struct State {
  std::vector<std::string> calls;
  std::map<std::string, fakecuda::Kernel> kernels;
  struct Failure {
    CUresult status;
    int skip;
  };
  std::map<std::string, Failure> failures;
  CUresult sticky = CUDA_SUCCESS; // a context that failed stays so
  CUcontext current = nullptr;
  std::set<CUstream> forked,
      branches; // captured because they waited for an event
  std::vector<std::unique_ptr<CUfunc_st>> functions;
  std::vector<std::unique_ptr<CUevent_st>> events;
};

State &state() {
  static State instance;
  return instance;
}

int setting(const char *name, int otherwise) {
  const char *value = std::getenv(name);
  return value ? std::atoi(value) : otherwise;
}

/// Records a call; what it is to return at once, if anything.
CUresult begin(const std::string &call, const std::string &details = "") {
  State &s = state();
  s.calls.push_back(details.empty() ? call : call + " " + details);
  auto found = s.failures.find(call);
  if (found != s.failures.end() && found->second.skip-- == 0) {
    CUresult status = found->second.status;
    s.failures.erase(found);
    return status;
  }
  return s.sticky;
}

/// Does the next thing that a stream has to do.
void step(CUstream stream) {
  Work work = std::move(stream->works.front());
  stream->works.pop_front();
  if (CUresult status = work(); status != CUDA_SUCCESS)
    state().sticky = status;
}

void finish(CUstream stream) {
  while (!stream->works.empty())
    step(stream);
}

void finish(CUevent event, uint64_t record) {
  while (event->happened < record && !event->stream->works.empty())
    step(event->stream);
}

std::byte *hostOf(CUdeviceptr address) {
  return reinterpret_cast<std::byte *>(address - deviceOffset);
}

} // namespace

#define FAKE(name, ...)                                                        \
  if (CUresult status = begin(#name, ##__VA_ARGS__); status != CUDA_SUCCESS)   \
  return status
/// What would wait for a stream, or allocate, breaks a capture.
#define REFUSED_IN_CAPTURE(stream)                                             \
  if ((stream)->capturing)                                                     \
  return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED

namespace fakecuda {

std::vector<std::string> &calls() { return state().calls; }

size_t count(const std::string &call) {
  return static_cast<size_t>(std::count(calls().begin(), calls().end(), call));
}

void failNext(const std::string &call, CUresult status, int skip) {
  state().failures[call] = {status, skip};
}

void define(const std::string &name, Kernel kernel) {
  state().kernels[name] = std::move(kernel);
}

void reset() {
  state().calls.clear();
  state().failures.clear();
  state().kernels.clear();
  state().sticky = CUDA_SUCCESS;
}

void enqueue(CUstream stream, Work work) {
  if (stream->capturing)
    stream->capturing->works.push_back(std::move(work));
  else
    stream->works.push_back(std::move(work));
}

} // namespace fakecuda

extern "C" {

CUresult cuInit(unsigned) {
  FAKE(cuInit);
  return setting("FAKE_CUDA_GPUS", 2) > 0 ? CUDA_SUCCESS : CUDA_ERROR_NO_DEVICE;
}
CUresult cuDriverGetVersion(int *version) {
  *version = setting("FAKE_CUDA_VERSION", CUDA_VERSION);
  return CUDA_SUCCESS;
}
/// NVRTC asks the driver for tables of its own; an empty one will do.
CUresult cuGetExportTable(const void **table, const CUuuid *) {
  static const uint64_t empty[2] = {sizeof empty, 0};
  *table = empty;
  return CUDA_SUCCESS;
}
CUresult cuGetErrorName(CUresult error, const char **text) {
  *text = error == CUDA_ERROR_OUT_OF_MEMORY     ? "CUDA_ERROR_OUT_OF_MEMORY"
          : error == CUDA_ERROR_ILLEGAL_ADDRESS ? "CUDA_ERROR_ILLEGAL_ADDRESS"
          : error == CUDA_ERROR_INVALID_VALUE   ? "CUDA_ERROR_INVALID_VALUE"
                                                : nullptr;
  return *text ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
CUresult cuGetErrorString(CUresult, const char **text) {
  *text = "as the test wants it";
  return CUDA_SUCCESS;
}

//===----------------------------------------------------------------------===//
// Devices
//===----------------------------------------------------------------------===//

CUresult cuDeviceGetCount(int *count) {
  FAKE(cuDeviceGetCount);
  *count = setting("FAKE_CUDA_GPUS", 2);
  return CUDA_SUCCESS;
}
CUresult cuDeviceGet(CUdevice *device, int ordinal) {
  FAKE(cuDeviceGet, std::to_string(ordinal));
  *device = ordinal;
  return CUDA_SUCCESS;
}
CUresult cuDeviceGetName(char *name, int length, CUdevice) {
  std::strncpy(name, "Fake GPU", static_cast<size_t>(length));
  return CUDA_SUCCESS;
}
CUresult cuDeviceGetUuid(CUuuid *uuid, CUdevice device) {
  std::memset(uuid->bytes, device + 1, sizeof uuid->bytes);
  return CUDA_SUCCESS;
}
CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute attribute,
                              CUdevice) {
  int chip = setting("FAKE_CUDA_CHIP", 80);
  switch (attribute) {
  case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
    *value = chip / 10;
    return CUDA_SUCCESS;
  case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR:
    *value = chip % 10;
    return CUDA_SUCCESS;
  case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
    *value = 4;
    return CUDA_SUCCESS;
  default:
    return CUDA_ERROR_INVALID_VALUE;
  }
}
CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice) {
  FAKE(cuDevicePrimaryCtxRetain);
  static CUctx_st only;
  *context = &only;
  return CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxRelease(CUdevice) {
  state().calls.emplace_back("cuDevicePrimaryCtxRelease");
  return CUDA_SUCCESS;
}
CUresult cuCtxSetCurrent(CUcontext context) {
  state().current = context;
  return CUDA_SUCCESS;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

CUresult cuMemGetInfo(size_t *free, size_t *total) {
  *free = *total = size_t{1} << 30;
  return state().current ? CUDA_SUCCESS : CUDA_ERROR_INVALID_CONTEXT;
}
CUresult cuMemAlloc(CUdeviceptr *address, size_t bytes) {
  FAKE(cuMemAlloc);
  void *memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  // NaN; what is larger than any test reads costs time only.
  std::memset(memory, 0xff, std::min(bytes, size_t{16} << 20));
  *address = reinterpret_cast<CUdeviceptr>(memory) + deviceOffset;
  return CUDA_SUCCESS;
}
CUresult cuMemFree(CUdeviceptr address) {
  std::free(hostOf(address));
  return CUDA_SUCCESS;
}
CUresult cuMemHostAlloc(void **address, size_t bytes, unsigned) {
  FAKE(cuMemHostAlloc);
  *address = std::malloc(bytes);
  return CUDA_SUCCESS;
}
CUresult cuMemFreeHost(void *address) {
  std::free(address);
  return CUDA_SUCCESS;
}
CUresult cuMemsetD8Async(CUdeviceptr target, unsigned char value, size_t bytes,
                         CUstream stream) {
  FAKE(cuMemsetD8Async);
  fakecuda::enqueue(stream, [=] {
    std::memset(hostOf(target), value, bytes);
    return CUDA_SUCCESS;
  });
  return CUDA_SUCCESS;
}
static CUresult copy(CUstream stream, void *target, const void *source,
                     size_t bytes) {
  fakecuda::enqueue(stream, [=] {
    std::memcpy(target, source, bytes);
    return CUDA_SUCCESS;
  });
  return CUDA_SUCCESS;
}
CUresult cuMemcpyHtoDAsync(CUdeviceptr target, const void *source, size_t bytes,
                           CUstream stream) {
  FAKE(cuMemcpyHtoDAsync);
  return copy(stream, hostOf(target), source, bytes);
}
CUresult cuMemcpyDtoHAsync(void *target, CUdeviceptr source, size_t bytes,
                           CUstream stream) {
  FAKE(cuMemcpyDtoHAsync);
  return copy(stream, target, hostOf(source), bytes);
}
CUresult cuMemcpyDtoDAsync(CUdeviceptr target, CUdeviceptr source, size_t bytes,
                           CUstream stream) {
  FAKE(cuMemcpyDtoDAsync);
  return copy(stream, hostOf(target), hostOf(source), bytes);
}

//===----------------------------------------------------------------------===//
// Streams, events, graphs
//===----------------------------------------------------------------------===//

CUresult cuCtxGetStreamPriorityRange(int *least, int *greatest) {
  FAKE(cuCtxGetStreamPriorityRange);
  *least = 0;
  *greatest = -5;
  return CUDA_SUCCESS;
}
CUresult cuStreamCreateWithPriority(CUstream *stream, unsigned, int priority) {
  FAKE(cuStreamCreateWithPriority, std::to_string(priority));
  *stream = new CUstream_st;
  return CUDA_SUCCESS;
}
CUresult cuStreamDestroy(CUstream stream) {
  delete stream;
  return CUDA_SUCCESS;
}
CUresult cuStreamSynchronize(CUstream stream) {
  FAKE(cuStreamSynchronize);
  REFUSED_IN_CAPTURE(stream);
  finish(stream);
  return state().sticky;
}
CUresult cuStreamQuery(CUstream stream) {
  FAKE(cuStreamQuery);
  REFUSED_IN_CAPTURE(stream);
  if (stream->works.empty())
    return state().sticky;
  step(stream);
  return CUDA_ERROR_NOT_READY;
}
CUresult cuEventCreate(CUevent *event, unsigned) {
  FAKE(cuEventCreate);
  state().events.push_back(std::make_unique<CUevent_st>());
  *event = state().events.back().get();
  return CUDA_SUCCESS;
}
/// A stream may still have to reach it, so it stays.
CUresult cuEventDestroy(CUevent) { return CUDA_SUCCESS; }
CUresult cuEventRecord(CUevent event, CUstream stream) {
  FAKE(cuEventRecord);
  event->stream = stream;
  event->capturing = stream->capturing;
  if (stream->capturing)
    return CUDA_SUCCESS;
  uint64_t record = ++event->recorded;
  fakecuda::enqueue(stream, [=] {
    event->happened = record;
    return CUDA_SUCCESS;
  });
  return CUDA_SUCCESS;
}
CUresult cuEventQuery(CUevent event) {
  FAKE(cuEventQuery);
  if (event->capturing)
    return CUDA_ERROR_CAPTURED_EVENT;
  if (event->happened >= event->recorded)
    return state().sticky;
  if (!event->stream->works.empty())
    step(event->stream);
  return CUDA_ERROR_NOT_READY;
}
CUresult cuEventSynchronize(CUevent event) {
  FAKE(cuEventSynchronize);
  if (event->capturing)
    return CUDA_ERROR_CAPTURED_EVENT;
  if (event->stream)
    finish(event, event->recorded);
  return state().sticky;
}
CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned) {
  FAKE(cuStreamWaitEvent);
  if (event->capturing) {
    if (!stream->capturing) { // a fork
      state().forked.insert(stream);
      state().branches.insert(stream);
    } else if (event->stream != stream) { // a join
      state().forked.erase(event->stream);
    }
    stream->capturing = event->capturing;
    return CUDA_SUCCESS;
  }
  uint64_t record = event->recorded;
  fakecuda::enqueue(stream, [=] {
    finish(event, record);
    return CUDA_SUCCESS;
  });
  return CUDA_SUCCESS;
}
CUresult cuStreamBeginCapture(CUstream stream, CUstreamCaptureMode) {
  FAKE(cuStreamBeginCapture);
  REFUSED_IN_CAPTURE(stream);
  stream->capturing = new CUgraph_st;
  stream->origin = true;
  return CUDA_SUCCESS;
}
CUresult cuStreamEndCapture(CUstream stream, CUgraph *graph) {
  FAKE(cuStreamEndCapture);
  if (!stream->capturing || !stream->origin)
    return CUDA_ERROR_ILLEGAL_STATE;
  *graph = stream->capturing;
  stream->capturing = nullptr;
  stream->origin = false;
  bool joined = true;
  for (CUstream other : state().forked)
    joined &= other == stream;
  for (CUstream other : state().branches)
    other->capturing = nullptr;
  state().forked.clear();
  state().branches.clear();
  if (joined)
    return CUDA_SUCCESS;
  delete *graph;
  *graph = nullptr;
  return CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
}
CUresult cuGraphInstantiate(CUgraphExec *executable, CUgraph graph,
                            unsigned long long) {
  FAKE(cuGraphInstantiate, std::to_string(graph->works.size()));
  *executable = new CUgraphExec_st{graph->works};
  return CUDA_SUCCESS;
}
CUresult cuGraphDestroy(CUgraph graph) {
  delete graph;
  return CUDA_SUCCESS;
}
CUresult cuGraphExecDestroy(CUgraphExec executable) {
  delete executable;
  return CUDA_SUCCESS;
}
CUresult cuGraphLaunch(CUgraphExec executable, CUstream stream) {
  FAKE(cuGraphLaunch);
  REFUSED_IN_CAPTURE(stream);
  for (const Work &work : executable->works)
    fakecuda::enqueue(stream, work);
  return CUDA_SUCCESS;
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

CUresult cuModuleLoadData(CUmodule *module, const void *image) {
  FAKE(cuModuleLoadData);
  auto kernels = fakecuda::kernelsOf(image);
  if (!kernels)
    return CUDA_ERROR_INVALID_IMAGE;
  *module = new CUmod_st;
  for (auto &[name, parameters] : *kernels) {
    (*module)->kernels.insert(name);
    (*module)->parameters[name] = parameters;
  }
  return CUDA_SUCCESS;
}
CUresult cuModuleUnload(CUmodule module) {
  delete module;
  return CUDA_SUCCESS;
}
CUresult cuModuleGetFunction(CUfunction *function, CUmodule module,
                             const char *name) {
  FAKE(cuModuleGetFunction, name);
  if (!module->kernels.count(name))
    return CUDA_ERROR_NOT_FOUND;
  state().functions.push_back(
      std::make_unique<CUfunc_st>(CUfunc_st{name, module->parameters[name]}));
  *function = state().functions.back().get();
  return CUDA_SUCCESS;
}
CUresult cuFuncGetAttribute(int *value, CUfunction_attribute, CUfunction) {
  *value = 1024;
  return CUDA_SUCCESS;
}
/// As on a chip whose blocks may have 163 KiB (sm_80).
CUresult cuFuncSetAttribute(CUfunction function, CUfunction_attribute,
                            int value) {
  FAKE(cuFuncSetAttribute, function->name + " " + std::to_string(value));
  if (value > 163 << 10)
    return CUDA_ERROR_INVALID_VALUE;
  function->shared = unsigned(value);
  return CUDA_SUCCESS;
}
CUresult cuFuncGetParamInfo(CUfunction function, size_t index, size_t *offset,
                            size_t *size) {
  if (index >= function->parameters.size())
    return CUDA_ERROR_INVALID_VALUE;
  *offset = 0; // nobody asks
  *size = function->parameters[index];
  return CUDA_SUCCESS;
}
CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, CUfunction,
                                                     int threads, size_t) {
  *blocks = 2048 / threads;
  return CUDA_SUCCESS;
}
/// Of matrices with 128-byte swizzle, which is all that is used.
CUresult cuTensorMapEncodeTiled(
    CUtensorMap *map, CUtensorMapDataType type, cuuint32_t rank, void *matrix,
    const cuuint64_t *extents, const cuuint64_t *strides, const cuuint32_t *box,
    const cuuint32_t *steps, CUtensorMapInterleave interleave,
    CUtensorMapSwizzle swizzle, CUtensorMapL2promotion,
    CUtensorMapFloatOOBfill fill) {
  FAKE(cuTensorMapEncodeTiled);
  auto address = reinterpret_cast<uintptr_t>(matrix);
  uint64_t width = type == CU_TENSOR_MAP_DATA_TYPE_FLOAT32 ? 4 : 2;
  if (rank != 2 || address < deviceOffset || address % 16 != 0 ||
      reinterpret_cast<uintptr_t>(map) % 64 != 0 || strides[0] % 16 != 0 ||
      strides[0] < extents[0] * width || box[0] * width > 128 ||
      interleave != CU_TENSOR_MAP_INTERLEAVE_NONE ||
      swizzle != CU_TENSOR_MAP_SWIZZLE_128B ||
      fill != CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE)
    return CUDA_ERROR_INVALID_VALUE;
  for (int i = 0; i < 2; ++i)
    if (extents[i] == 0 || extents[i] > uint64_t{1} << 32 || box[i] == 0 ||
        box[i] > 256 || steps[i] != 1)
      return CUDA_ERROR_INVALID_VALUE;
  fakecuda::TensorMap held = {fakecuda::host(matrix),
                              type,
                              extents[0],
                              extents[1],
                              strides[0],
                              box[0],
                              box[1]};
  std::memset(map, 0, sizeof *map);
  std::memcpy(map, &held, sizeof held);
  return CUDA_SUCCESS;
}
CUresult cuLaunchKernel(CUfunction function, unsigned gridX, unsigned gridY,
                        unsigned gridZ, unsigned blockX, unsigned blockY,
                        unsigned blockZ, unsigned shared, CUstream stream,
                        void **parameters, void **) {
  FAKE(cuLaunchKernel, function->name + " " + std::to_string(gridX) + "x" +
                           std::to_string(blockX));
  if (gridX == 0 || gridY != 1 || gridZ != 1 || blockX == 0 || blockX > 1024 ||
      blockY != 1 || blockZ != 1 || shared > function->shared)
    return CUDA_ERROR_INVALID_VALUE;
  std::vector<void *> arguments; // read now, as CUDA does
  std::vector<std::shared_ptr<CUtensorMap>> maps;
  for (size_t i = 0; i < function->parameters.size(); ++i) {
    void *value = nullptr;
    if (function->parameters[i] == sizeof(CUtensorMap)) {
      maps.push_back(std::make_shared<CUtensorMap>());
      std::memcpy(maps.back().get(), parameters[i], sizeof(CUtensorMap));
      arguments.push_back(maps.back().get());
      continue;
    }
    std::memcpy(&value, parameters[i], function->parameters[i]);
    bool device = reinterpret_cast<uintptr_t>(value) >= deviceOffset;
    arguments.push_back(device ? fakecuda::host(value) : value);
  }
  std::string name = function->name;
  fakecuda::enqueue(stream, [name, arguments, maps] {
    state().calls.push_back("run " + name);
    auto found = state().kernels.find(name);
    return found == state().kernels.end() ? CUDA_SUCCESS
                                          : found->second(arguments);
  });
  return CUDA_SUCCESS;
}

} // extern "C"
