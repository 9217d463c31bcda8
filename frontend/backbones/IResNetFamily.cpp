//===- IResNetFamily.cpp - The iresnet members as data --------------------===//
//
// Parameter counts at 112×112 RGB, 512-d, which test/unit/frontend checks:
//   r18 24,025,600   r34 34,139,328   r50 43,590,848
//   r100 65,156,160  r124 86,414,912  r200 118,833,920
// r200 is the PyTorch network [6,26,60,6]; the MXNet one of that name has
// [3,24,36,3].
//
//===----------------------------------------------------------------------===//
#include "frontend/backbones/IResNetFamily.h"

using namespace pfc;

// Three stages on a stride-2 stem: small enough to train on a CPU, the same
// blocks as its big siblings. 1.07 M parameters at 56×56 grey, 128-d.
static constexpr IResNetStage nano[] = {{48, 1}, {96, 1}, {192, 1}};
static constexpr IResNetStage r18[] = {{64, 2}, {128, 2}, {256, 2}, {512, 2}};
static constexpr IResNetStage r34[] = {{64, 3}, {128, 4}, {256, 6}, {512, 3}};
static constexpr IResNetStage r50[] = {{64, 3}, {128, 4}, {256, 14}, {512, 3}};
static constexpr IResNetStage r100[] = {
    {64, 3}, {128, 13}, {256, 30}, {512, 3}};
static constexpr IResNetStage r124[] = {
    {64, 3}, {128, 13}, {256, 40}, {512, 5}};
static constexpr IResNetStage r200[] = {
    {64, 6}, {128, 26}, {256, 60}, {512, 6}};

llvm::ArrayRef<IResNetShape> pfc::iresnetFamily() {
  static const IResNetShape family[] = {
      {"iresnet-nano", 24, 2, nano}, {"r18", 64, 1, r18},
      {"r34", 64, 1, r34},           {"r50", 64, 1, r50},
      {"r100", 64, 1, r100},         {"r124", 64, 1, r124},
      {"r200", 64, 1, r200}};
  return family;
}
