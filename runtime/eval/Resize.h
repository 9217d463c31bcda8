//===- Resize.h - Bilinear resizing of u8 pictures --------------*- C++ -*-===//
#ifndef PFC_RUNTIME_EVAL_RESIZE_H
#define PFC_RUNTIME_EVAL_RESIZE_H

#include <cstdint>
#include <span>

namespace pfc::rt {

/// Resizes `from` [fromHeight, fromWidth, channels] to `to` [toHeight, toWidth,
/// channels]. Output pixel x samples the input at
///   (x + 1/2) * fromWidth / toWidth - 1/2,
/// clamped to the border, without low-pass filtering: the convention of
/// OpenCV's INTER_LINEAR, which the field's tools use.
void resizeBilinear(std::span<const uint8_t> from, int fromHeight,
                    int fromWidth, std::span<uint8_t> to, int toHeight,
                    int toWidth, int channels);

} // namespace pfc::rt

#endif // PFC_RUNTIME_EVAL_RESIZE_H
