//===- EmbeddedHeaders.h - EmulationAbi.h and cuda_emulation.h as text
//------==//
#ifndef PFC_RUNTIME_DEVICE_EMULATED_CUDA_EMBEDDEDHEADERS_H
#define PFC_RUNTIME_DEVICE_EMULATED_CUDA_EMBEDDEDHEADERS_H

namespace pfc::rt::emulated {

extern const char *const emulationHeaders;

} // namespace pfc::rt::emulated

#endif // PFC_RUNTIME_DEVICE_EMULATED_CUDA_EMBEDDEDHEADERS_H
