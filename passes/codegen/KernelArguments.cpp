#include "passes/codegen/KernelArguments.h"

using namespace mlir;

namespace pfc {

unsigned KernelArguments::add(Value buffer, bool write, uint64_t elements) {
  unsigned position = llvm::find(buffers, buffer) - buffers.begin();
  if (position == buffers.size()) {
    buffers.push_back(buffer);
    touched.emplace_back();
  }
  Touched &uses = touched[position];
  if (write)
    uses.written = std::max(uses.written, elements);
  else if (uses.written == 0)
    uses.read = std::max(uses.read, elements);
  return position;
}

unsigned KernelArguments::add(Value buffer, bool write) {
  return add(buffer, write,
             cast<MemRefType>(buffer.getType()).getNumElements());
}

OpCost KernelArguments::costOf(uint64_t flops) const {
  OpCost cost{flops, 0, 0};
  for (auto [buffer, uses] : llvm::zip(buffers, touched)) {
    auto type = cast<MemRefType>(buffer.getType());
    uint64_t width = plan::byteSize(type) / type.getNumElements();
    cost.bytesRead += uses.read * width;
    cost.bytesWritten += uses.written * width;
  }
  return cost;
}

plan::LaunchOp KernelArguments::launch(OpBuilder &builder, Location loc,
                                       SymbolRefAttr kernel, int64_t extent,
                                       const OpCost &cost, bool isTransfer) {
  SmallVector<int64_t> written;
  for (auto [i, uses] : llvm::enumerate(touched))
    if (uses.written > 0)
      written.push_back(i);
  Type transfer = plan::TransferType::get(builder.getContext());
  return plan::LaunchOp::create(
      builder, loc, isTransfer ? transfer : Type(), kernel, buffers, extent,
      written, /*numbers=*/nullptr,
      plan::CostAttr::get(builder.getContext(), cost.flops, cost.bytesRead,
                          cost.bytesWritten, 0));
}

} // namespace pfc
