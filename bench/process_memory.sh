#!/usr/bin/env bash
# What `pfcc explain` says that a process takes, beside what it took when it
# ended: several backbones, precisions and numbers of ranks.
# Usage: bench/process_memory.sh
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${PFC_BUILD:-build}/bin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 test/e2e/Inputs/torch-parity/data.py "$work/data" 640 32 37
for model in iresnet-nano r18 r50 r100; do
  for job in "fp32 1" "bf16 1" "fp32 2" "bf16 4"; do
    read -r precision ranks <<<"$job"
    cat >"$work/job.spec" <<SPEC
[model]
backbone = "$model"
embedding_size = 512
input_size = 32
input_channels = 1
[head]
classes = 12000
sample_rate = 0.1
margin = { type = "arcface", m2 = 0.5, scale = 64.0 }
[train]
batch_per_rank = 16
steps = 4
precision = "$precision"
[data]
verify_every = 0
[cluster]
world_size = $ranks
SPEC
    "$bin/pfcc" compile "$work/job.spec" -o "$work/job.plan"
    "$bin/pfcc" explain "$work/job.spec" --json >"$work/job.json"
    rm -rf "$work/out"
    "$bin/pfc-run" "$work/job.plan" --data "$work/data" --out "$work/out" >"$work/log" 2>&1 || {
      cat "$work/log"
      exit 1
    }
    python3 - "$model" "$precision" "$ranks" "$work" <<'PYTHON'
import json, sys
model, precision, ranks, work = sys.argv[1:]
told = json.load(open(f"{work}/job.json"))["memory_bytes"]
took = json.loads(open(f"{work}/out/metrics.jsonl").readlines()[-1])
mib = [told["arena"] / 2**20, told["process"] / 2**20, took["process_bytes"] / 2**20]
print(f"| {model} | {precision} | {ranks} | {mib[0]:.1f} | {mib[1]:.1f} | {mib[2]:.1f} | {100 * (mib[1] / mib[2] - 1):+.1f} % |")
PYTHON
    rm -rf "$work/out"
  done
done
