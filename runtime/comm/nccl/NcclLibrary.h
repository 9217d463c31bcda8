//===- NcclLibrary.h - NCCL, opened at run time -----------------*- C++ -*-===//
#ifndef PFC_RUNTIME_COMM_NCCL_NCCLLIBRARY_H
#define PFC_RUNTIME_COMM_NCCL_NCCLLIBRARY_H

#include <nccl.h>

namespace pfc::rt {

#define PFC_SYMBOL(name) decltype(&::name) name;
struct NcclLibrary {
#include "nccl_symbols.inc"
};
#undef PFC_SYMBOL

const NcclLibrary &nccl();

/// Throws an Error that names the call, its status, and NCCL's last message.
void checkNccl(ncclResult_t status, const char *call, ncclComm_t communicator);

} // namespace pfc::rt

#endif // PFC_RUNTIME_COMM_NCCL_NCCLLIBRARY_H
