//===- Initializers.cpp - First values of weights -------------------------===//
#include "frontend/graph/Initializers.h"
#include <cmath>

using namespace pfc;
using mlir::MLIRContext;

InitAttr pfc::constantInit(MLIRContext *context, double value) {
  return InitAttr::get(context, InitKind::Constant, value, 0.0);
}

InitAttr pfc::convolutionInit(MLIRContext *context) {
  return InitAttr::get(context, InitKind::Normal, 0.0, 0.1);
}

InitAttr pfc::kaimingInit(MLIRContext *context, int64_t fanOut) {
  return InitAttr::get(context, InitKind::Normal, 0.0,
                       std::sqrt(2.0 / double(fanOut)));
}

InitAttr pfc::linearInit(MLIRContext *context, int64_t fanIn) {
  double bound = 1.0 / std::sqrt(double(fanIn));
  return InitAttr::get(context, InitKind::Uniform, -bound, bound);
}

InitAttr pfc::transformerInit(MLIRContext *context) {
  return InitAttr::get(context, InitKind::Normal, 0.0, 0.02);
}

InitAttr pfc::centersInit(MLIRContext *context) {
  return InitAttr::get(context, InitKind::Normal, 0.0, 0.01);
}

ExportAttr pfc::convolutionExport(MLIRContext *context, int64_t out,
                                  int64_t kernel, int64_t in) {
  return ExportAttr::get(context, {out, kernel, kernel, in}, {0, 3, 1, 2},
                         {out, in, kernel, kernel});
}

ExportAttr pfc::flattenedExport(MLIRContext *context, int64_t out,
                                int64_t height, int64_t width,
                                int64_t channels) {
  return ExportAttr::get(context, {out, height, width, channels}, {0, 3, 1, 2},
                         {out, channels * height * width});
}

ExportAttr pfc::tokenLinearExport(MLIRContext *context, int64_t out,
                                  int64_t in) {
  return ExportAttr::get(context, {out, in}, {0, 1}, {out, in});
}

ExportAttr pfc::vectorExport(MLIRContext *context, int64_t elements,
                             llvm::ArrayRef<int64_t> shape) {
  return ExportAttr::get(context, {elements}, {0}, shape);
}

ExportAttr pfc::statisticsExport(MLIRContext *context, int64_t channels) {
  return vectorExport(context, channels, {channels});
}
