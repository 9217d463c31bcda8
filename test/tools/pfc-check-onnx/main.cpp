//===- main.cpp - pfc-check-onnx: an exported network -----------*- C++ -*-===//
//
//   pfc-check-onnx MODEL FILE.onnx [CASE]
//
// For tests. ONNX's own checker and shape inference accept the file, and what
// it means in float64, at two batch sizes, is what the plan of MODEL computes
// for pfc-eval, to 1e-4 of each embedding's largest element. Into CASE it
// writes the images (f32, NCHW, scaled) and then pfc's embeddings, for
// onnx_runtime.py.
//
//===----------------------------------------------------------------------===//
#include "OnnxInterpreter.h"
#include "runtime/base/Error.h"
#include "runtime/base/Philox.h"
#include "runtime/train/Job.h"
#include "runtime/train/ModelFolder.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <onnx/checker.h>
#include <onnx/shape_inference/implementation.h>

using namespace pfc;
using namespace pfc::rt;

namespace {

onnx::ModelProto readModel(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  onnx::ModelProto model;
  require(model.ParseFromIstream(&file), "{}: no ONNX model", path);
  onnx::checker::check_model(model);
  onnx::shape_inference::InferShapes(model, onnx::OpSchemaRegistry::Instance(),
                                     {/*check_type=*/true, /*strict=*/1});
  require(model.opset_import(0).version() == 17, "{}: opset {}", path,
          model.opset_import(0).version());
  const auto &input = model.graph().input(0), &output = model.graph().output(0);
  require(input.name() == "images" && output.name() == "embeddings" &&
              input.type().tensor_type().shape().dim(0).dim_param() ==
                  output.type().tensor_type().shape().dim(0).dim_param(),
          "{}: the input is {}, the output {}", path, input.name(),
          output.name());
  return model;
}

/// The first `count` images, NCHW and scaled.
test::OnnxTensor scaled(const std::vector<uint8_t> &nhwc,
                        const std::vector<int64_t> &shape, int64_t count) {
  int64_t h = shape[1], w = shape[2], c = shape[3];
  test::OnnxTensor images{{count, c, h, w}, {}};
  for (int64_t n = 0; n < count; ++n)
    for (int64_t channel = 0; channel < c; ++channel)
      for (int64_t pixel = 0; pixel < h * w; ++pixel)
        images.values.push_back(
            (nhwc[(n * h * w + pixel) * c + channel] - 127.5) / 127.5);
  return images;
}

/// The largest difference, in units of the row's largest element.
double largestError(const std::vector<double> &got,
                    const std::vector<float> &expected, int64_t rows) {
  double worst = 0;
  size_t width = got.size() / static_cast<size_t>(rows);
  for (size_t row = 0; row < static_cast<size_t>(rows); ++row) {
    double error = 0, scale = 0;
    for (size_t i = row * width; i < (row + 1) * width; ++i) {
      error = std::max(error, std::abs(got[i] - expected[i]));
      scale = std::max(scale, std::abs(got[i]));
    }
    require(scale > 0 && std::isfinite(error), "row {} is empty", row);
    worst = std::max(worst, error / scale);
  }
  return worst;
}

void writeCase(const std::string &path, const test::OnnxTensor &images,
               const std::vector<float> &embeddings) {
  std::vector<float> floats(images.values.begin(), images.values.end());
  floats.insert(floats.end(), embeddings.begin(), embeddings.end());
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char *>(floats.data()),
             static_cast<std::streamsize>(floats.size() * sizeof(float)));
  require(file.good(), "{}: cannot be written", path);
}

int body(int argc, char **argv) {
  require(argc == 3 || argc == 4, "pfc-check-onnx MODEL FILE.onnx [CASE]");
  onnx::ModelProto model = readModel(argv[2]);
  ModelFolder folder(argv[1]);
  PlanFile plan = PlanFile::open(folder.plan());
  std::unique_ptr<Communicator> communicator = openCommunicator();
  Job job(plan, *communicator, {.precision = "fp32", .only = {"embed"}});
  loadBackbone(*openWeights(folder.backbone()), job.variant, job.executor);
  std::vector<int64_t> shape = job.executor.shapeOf("embed", "images");
  std::vector<uint8_t> images(shape[0] * shape[1] * shape[2] * shape[3]);
  for (size_t i = 0; i < images.size(); ++i)
    images[i] = philox4x32(5, {uint32_t(i), 0, 0, 0})[0] & 0xff;
  job.executor.setInput("embed", "images", images.data(), images.size());
  job.executor.run("embed");
  std::vector<float> expected = job.executor.output("embed", "embeddings");
  for (int64_t batch : {int64_t{1}, std::min<int64_t>(3, shape[0])}) {
    test::OnnxTensor embeddings =
        test::interpretOnnx(model, scaled(images, shape, batch));
    double error = largestError(embeddings.values, expected, batch);
    require(error < 1e-4, "batch of {}: error {:.3g}", batch, error);
    fmt::print("batch of {}: {} by {} within 1e-4\n", batch,
               embeddings.shape[0], embeddings.shape[1]);
  }
  if (argc == 4)
    writeCase(argv[3], scaled(images, shape, shape[0]), expected);
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  return runTool("pfc-check-onnx", body, argc, argv);
}
