#!/usr/bin/env bash
# How long NVRTC takes for the kernels of each shipped spec, as pfc-run compiles
# them: bench/results/nvrtc.md. Needs CUDA's toolkit, no GPU.
# Usage: bench/nvrtc.sh [SPEC...]      (default: specs/*.spec)
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${PFC_BUILD:-build}/bin
[[ $# -gt 0 ]] || set -- specs/*.spec
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for precision in bf16 fp16 fp32; do
  for spec in "$@"; do
    "$bin/pfcc" compile "$spec" --set cluster.device=cuda --emit=cuda \
      --set train.precision=$precision \
      -o "$work/$(basename "$spec" .spec).$precision.cu"
  done
done
chips=sm_80,sm_90a,sm_100
echo "| kernels of | number | ${chips//,/ | } |"
echo "|---|---|---|---|---|"
python3 test/passes/Inputs/nvrtc.py --time $chips "$work"/*.cu
