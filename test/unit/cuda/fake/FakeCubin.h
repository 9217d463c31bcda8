//===- FakeCubin.h - What a cubin contains ----------------------*- C++ -*-===//
#ifndef PFC_TEST_UNIT_CUDA_FAKE_FAKECUBIN_H
#define PFC_TEST_UNIT_CUDA_FAKE_FAKECUBIN_H

#include <map>
#include <optional>
#include <string>

namespace fakecuda {

/// The kernels of a cubin with their numbers of parameters; nothing where
/// `image` is no cubin.
std::optional<std::map<std::string, unsigned>> kernelsOf(const void *image);

} // namespace fakecuda

#endif // PFC_TEST_UNIT_CUDA_FAKE_FAKECUBIN_H
