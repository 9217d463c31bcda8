#!/usr/bin/env bash
# How long a job's steps wait for its checkpoints: a head whose class centers
# and momenta are 2 x CLASSES x 2 KiB behind a small network, trained without
# checkpoints, with one every ten steps, and with as many as the disk takes.
# Usage: bench/checkpoint.sh [CLASSES] [STEPS]
set -euo pipefail
cd "$(dirname "$0")/.."
classes=${1:-200000}
steps=${2:-40}
bin=${PFC_BUILD:-build}/bin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 test/e2e/Inputs/torch-parity/data.py "$work/data" 1024 32 64
cat >"$work/x.spec" <<SPEC
[model]
backbone = "iresnet-nano"
embedding_size = 512
input_size = 32
[head]
classes = $classes
margin = { type = "arcface", m2 = 0.5, scale = 32.0 }
[train]
batch_per_rank = 64
steps = $steps
log_every = 1
precision = "fp32"
SPEC
"$bin/pfcc" compile "$work/x.spec" -o "$work/x.plan"

echo "| checkpoint every | checkpoints | size | median step, s |" \
  "the steps waited, s: median, longest |"
echo "|---|---|---|---|---|"
run() { # NAME OPTION...
  rm -rf "$work/out"
  "$bin/pfc-run" "$work/x.plan" --data "$work/data" --out "$work/out" \
    "${@:2}" >"$work/log"
  python3 - "$1" "$work" <<'PYTHON'
import json, re, statistics, sys
name, work = sys.argv[1:]
rows = [json.loads(line) for line in open(work + "/out/metrics.jsonl")]
step = statistics.median(r["seconds"] for r in rows if r["kind"] == "step")
found = re.findall(r"checkpoint \S+ \((.*?); the steps waited ([\d.]+) s\)",
                   open(work + "/log").read())
waits = [float(wait) for _, wait in found]
size = found[-1][0] if found else ""
times = f"{statistics.median(waits):.3f}, {max(waits):.3f}" if waits else ""
print(f"| {name} | {len(found)} | {size} | {step:.3f} | {times} |")
PYTHON
}
run none
run "10 steps" --checkpoint-every 10 --keep 1
run "step, as the disk allows" --checkpoint-every 1 --keep 1
