//===- Align.h - Five landmarks to the network's input ----------*- C++ -*-===//
//
// A face is aligned as the field's networks are trained: the similarity that
// takes its five landmarks nearest (in the least squares, Umeyama, TPAMI 1991)
// to where they are in ArcFace's crops, then bilinear sampling, zeros beyond
// the picture.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DATA_ALIGN_H
#define PFC_RUNTIME_DATA_ALIGN_H

#include "runtime/data/ImageCodec.h"

#include <array>
#include <cstdint>
#include <span>

namespace pfc::rt::data {

/// Pixels; x to the right, y down.
struct Point {
  double x = 0, y = 0;
};

/// Left eye, right eye, tip of the nose, left and right corner of the mouth,
/// as the picture shows them.
using Landmarks = std::array<Point, 5>;

/// Rotation, uniform scale and shift:
///   x' = a x - b y + dx,   y' = b x + a y + dy
struct Similarity {
  double a = 1, b = 0, dx = 0, dy = 0;

  Point operator()(Point p) const {
    return {a * p.x - b * p.y + dx, b * p.x + a * p.y + dy};
  }
};

/// Where the landmarks are in a crop: InsightFace's places in 112 x 112, in
/// proportion.
Landmarks cropLandmarks(int height, int width);

/// The similarity f that minimises sum |f(from_i) - to_i|^2. Throws an Error
/// where all of `from` are one point.
Similarity fitSimilarity(const Landmarks &from, const Landmarks &to);

/// Samples `from` so that its point p comes to toOutput(p). Bit for bit what
/// OpenCV 4's warpAffine does with INTER_LINEAR and a constant border of 0, of
/// pictures below 32,768 pixels a side: places are rounded to a 32nd of a
/// pixel.
void warp(std::span<const uint8_t> from, ImageShape shape,
          const Similarity &toOutput, std::span<uint8_t> to,
          ImageShape outputShape);

} // namespace pfc::rt::data

#endif // PFC_RUNTIME_DATA_ALIGN_H
