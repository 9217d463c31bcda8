// A spec, as pfcc reads it; what is accepted is written out.
#include "Fuzz.h"
#include "frontend/spec/SpecParser.h"
#include "frontend/spec/SpecWriter.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"

using namespace pfc;

namespace {

/// A context keeps every location that it has seen: it is renewed.
mlir::MLIRContext &context() {
  static std::unique_ptr<mlir::MLIRContext> current;
  static int uses = 0;
  if (uses++ % 4096 == 0)
    current = std::make_unique<mlir::MLIRContext>(
        mlir::MLIRContext::Threading::DISABLED);
  return *current;
}

} // namespace

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  llvm::SourceMgr sources;
  if (!addSpecText({reinterpret_cast<const char *>(data), size}, "x.spec",
                   sources, llvm::nulls()))
    return 0;
  mlir::MLIRContext &mlir = context();
  mlir::ScopedDiagnosticHandler silent(
      &mlir, [](mlir::Diagnostic &) { return mlir::success(); });
  if (std::optional<LoadedSpec> loaded = parseSpec(sources, {}, mlir))
    writeSpec(loaded->spec, llvm::nulls());
  return 0;
}
