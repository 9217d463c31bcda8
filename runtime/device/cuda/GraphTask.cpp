#include "runtime/device/cuda/GraphTask.h"

#include "runtime/device/cuda/Status.h"

namespace pfc::rt::cuda {
namespace {

class GraphTask : public Task {
public:
  /// Takes over `graph`.
  GraphTask(CUgraph graph, CUstream stream) : stream(stream) {
    // A kernel's priority is that of the stream it was recorded from.
    CUresult status = driver().cuGraphInstantiate(
        &executable, graph, CUDA_GRAPH_INSTANTIATE_FLAG_USE_NODE_PRIORITY);
    driver().cuGraphDestroy(graph);
    check(status, "cuGraphInstantiate");
  }
  ~GraphTask() override {
    if (executable)
      driver().cuGraphExecDestroy(executable);
  }

  void execute() override {
    check(driver().cuGraphLaunch(executable, stream), "cuGraphLaunch");
  }

private:
  CUgraphExec executable = nullptr;
  CUstream stream;
};

} // namespace

std::unique_ptr<Task> recordGraph(CUstream stream,
                                  const std::function<void()> &enqueue) {
  // Other threads may go on using CUDA meanwhile.
  check(driver().cuStreamBeginCapture(stream,
                                      CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
        "cuStreamBeginCapture");
  CUgraph graph = nullptr;
  try {
    enqueue();
  } catch (...) {
    driver().cuStreamEndCapture(stream, &graph);
    if (graph)
      driver().cuGraphDestroy(graph);
    throw;
  }
  check(driver().cuStreamEndCapture(stream, &graph), "cuStreamEndCapture");
  return std::make_unique<GraphTask>(graph, stream);
}

} // namespace pfc::rt::cuda
