#!/usr/bin/env bash
# Writes the generated documentation: docs/spec.md, docs/scaling.md,
# docs/passes.md, docs/reference/. With a folder as argument it writes there instead.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-docs}
llvm=/usr/lib/llvm-22
tablegen() {
  # An empty trailing line would be a difference that git complains about.
  "$llvm/bin/mlir-tblgen" "$@" -I . -I "$llvm/include" |
    sed -e 's/[[:space:]]*$//' -e '/^\[TOC\]$/d'
}
mkdir -p "$out/reference"
"${PFC_BUILD:-build}/bin/pfcc" spec-reference >"$out/spec.md"
"${PFC_BUILD:-build}/bin/pfcc" scaling >"$out/scaling.md"
{
  echo "# Passes"
  echo
  tablegen -gen-pass-doc passes/Passes.td
} >"$out/passes.md"
tablegen -gen-dialect-doc -dialect=pfc dialects/pfc/ir/PfcOps.td \
  >"$out/reference/pfc.md"
tablegen -gen-dialect-doc -dialect=plan dialects/plan/ir/PlanOps.td \
  >"$out/reference/plan.md"
