//===- AmxFilterGradient.h - Gradients of filters on AMX --------*- C++ -*-===//
//
// oneDNN 2.6 computes a convolution's gradient of its filters on AMX, too, at
// half the rate of the convolution itself or less
// (bench/results/train-step.md). Here it is one product for each tap (i, j) of
// a filter:
//
//   dW[o,i,j,c] = Σ over b, y, x of  dY[b,y,x,o] · X[b, s·y + i − p, s·x + j −
//   p, c]
//
// Where dY and X lie on one grid, with zeros between its rows and between
// images, a tap is a shift: the product of [C, positions] and [positions, O],
// the first moved by as many positions. A stride s makes s² grids of X, one for
// each remainder of y and x, of which a tap reads one.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DEVICE_CPU_AMXFILTERGRADIENT_H
#define PFC_RUNTIME_DEVICE_CPU_AMXFILTERGRADIENT_H

#include "runtime/device/Device.h"
#include "runtime/device/onednn/OneDnn.h"

namespace pfc::rt {

/// A task for `op` on a team of `threads`; null where that is not the gradient
/// of filters, the processor has no AMX, or the shape is not for it: channels
/// in and out by 16, in one group or as many in as out in groups of 2, 4, 8 or
/// 16, and zeros around the image that go as far as the filter does. `input`
/// and `outputGrad` are bf16, `filterGrad` f32, sums f32, in an order that does
/// not depend on the team. `workspace` is used while it executes.
std::unique_ptr<Task>
makeAmxFilterGradient(Workspace &workspace, const plan::fb::Conv &op,
                      const BufferView &input, const BufferView &outputGrad,
                      const BufferView &filterGrad, int threads);

} // namespace pfc::rt

#endif // PFC_RUNTIME_DEVICE_CPU_AMXFILTERGRADIENT_H
