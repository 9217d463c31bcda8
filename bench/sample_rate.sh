#!/usr/bin/env bash
# What fewer class centers a step cost in accuracy, at ten times the quick
# start's identities: trains specs/quickstart.spec for 2000 steps of 2 × 256
# images, 4.4 epochs, with all class centers and with a tenth, and verifies on the
# four sets of pairs.
#
#   bench/sample_rate.sh BUILD DATA [SEED...]    (default: 1 2 3)
#
# DATA: `pfc-data glyphs --out DATA --script both --identities 12000 --size 56
# --channels 1`, which is drawn if the folder is not there. $STEPS: other than
# 2000, at least the warm-up's 200; $BATCH: other than 256 images a rank. Prints a
# row of a table for each training.
set -euo pipefail
build=$1 data=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

[[ -e $data ]] || "$build/bin/pfc-data" glyphs --out "$data" --script both \
  --identities 12000 --size 56 --channels 1

sets=(g_unseen g_seen g_style g_hard)
echo "| r, seed | ${sets[*]/%/ |}"
echo "|---|---|---|---|---|"
(($# > 0)) || set -- 1 2 3
for seed in "$@"; do
  for rate in 1.0 0.1; do
    "$build/bin/pfcc" compile "$here/../specs/quickstart.spec" \
      -o "$work/plan" --set head.classes=12000 --set train.steps="${STEPS:-2000}" \
      --set train.batch_per_rank="${BATCH:-256}" --set train.seed="$seed" \
      --set head.sample_rate="$rate"
    "$build/bin/pfc-run" "$work/plan" --data "$data" --out "$work/out" \
      --results=backbone >"$work/log" 2>&1 || { cat "$work/log" && exit 1; }
    python3 - "$work/out/metrics.jsonl" "r = $rate, seed $seed" "${sets[@]}" <<'END'
import json
import sys

file, row, *sets = sys.argv[1:]
last = {}
for line in open(file):
    entry = json.loads(line)
    if "accuracy" in entry:
        last[entry["set"]] = entry["accuracy"]
print(f"| {row} | {' | '.join(f'{last[name]:.4f}' for name in sets)} |")
END
    rm -rf "$work/out"
  done
done
