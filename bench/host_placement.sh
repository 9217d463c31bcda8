#!/usr/bin/env bash
# Class centers in host memory (head.placement = "host") on the CPU: a job whose
# class centers and momentum just fit into memory, and one that is many times as
# large, in a file that has holes.
#
#   bench/host_placement.sh BUILD DATA [FOLDER]
#
# DATA: `pfc-data glyphs --out DATA --script both --identities 12000 --size 56
# --channels 1`. FOLDER, on a local disk with 40 GiB free, gets the results and
# is removed. Prints for each job the last steps' rate, the time in all, the
# most memory the process had (mapped pages count), and the space that its
# results take.
set -euo pipefail
build=$1 data=$2 folder=${3:-$(mktemp -d)/out}
here=$(cd "$(dirname "$0")" && pwd)
plan=$(mktemp --suffix=.plan)
trap 'rm -rf "$plan" "$folder"' EXIT

# CLASSES EMBEDDING_SIZE SAMPLE PLACEMENT STEPS
job() {
  local classes=$1 size=$2 sample=$3 placement=$4 steps=$5
  rm -rf "$folder"
  "$build/bin/pfcc" compile "$here/../specs/quickstart.spec" -o "$plan" \
    --set cluster.world_size=1 --set model.embedding_size="$size" \
    --set head.classes="$classes" --set head.placement="$placement" \
    --set head.sample_rate="$(python3 -c "print($sample / $classes)")" \
    --set train.steps="$steps" --set train.schedule.warmup_steps=5 \
    --set 'data.verification=[]'
  echo "$classes x $size, $sample sampled, $placement:"
  /usr/bin/time -f "  %e s in all, %M KiB of memory at most" \
    "$build/bin/pfc-run" "$plan" --data "$data" --out "$folder" 2>&1 |
    grep -E "step $steps/|in all|error" | sed 's/^step/  step/'
  du -sh "$folder" | sed 's/^/  results: /; s/\t.*//'
}

job 1000000 128 100000 device 30
job 1000000 128 100000 host 30
job 10000000 128 100000 device 30
job 10000000 128 100000 host 30
job 100000000 512 20000 host 20
