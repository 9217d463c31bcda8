#include "runtime/device/EngineSurvey.h"

#include "runtime/plan/Shape.h"

#include <fmt/format.h>

namespace pfc::rt {

std::string describeConvolution(const plan::fb::Conv &op,
                                plan::fb::DType operand,
                                plan::fb::DType result) {
  return fmt::format(
      "{} {} convolution of {}x{}x{}x{} to {} channels, kernel {}, stride {}, "
      "padding {}, groups {}, into {}",
      dtypeName(operand), plan::fb::EnumNameConvKind(op.kind()), op.batch(),
      op.in_height(), op.in_width(), op.in_channels(), op.out_channels(),
      op.kernel(), op.stride(), op.padding(), op.groups(), dtypeName(result));
}

} // namespace pfc::rt
