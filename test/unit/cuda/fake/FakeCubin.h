//===- FakeCubin.h - What a cubin contains ----------------------*- C++ -*-===//
#ifndef PFC_TEST_UNIT_CUDA_FAKE_FAKECUBIN_H
#define PFC_TEST_UNIT_CUDA_FAKE_FAKECUBIN_H

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fakecuda {

/// Bytes of each parameter of a kernel.
using ParameterSizes = std::vector<size_t>;

/// The kernels of a cubin with their parameters; nothing where `image` is no
/// cubin.
std::optional<std::map<std::string, ParameterSizes>>
kernelsOf(const void *image);

} // namespace fakecuda

#endif // PFC_TEST_UNIT_CUDA_FAKE_FAKECUBIN_H
