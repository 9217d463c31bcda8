#!/usr/bin/env bash
# The same training on four ranks, each in a network namespace of its own whose
# link is slowed down, from a plan whose transfers go on under computation and
# from one whose instructions come one after another; in turns, and once more
# without a limit. Prints the medians of the steps' times and their ratio.
# Needs root, ip and tc (Debian: iproute2).
# Usage: bench/overlap.sh [RATE] [ROUNDS]      RATE as for tc: 1gbit
set -euo pipefail
cd "$(dirname "$0")/.."
rate=${1:-1gbit}
rounds=${2:-3}
bin=${PFC_BUILD:-build}/bin
work=$(mktemp -d)
ranks=4
cleanup() {
  for ((r = 0; r < ranks; ++r)); do ip netns del "pfc-rank$r" 2>/dev/null; done
  ip link del pfc-switch 2>/dev/null
  rm -rf "$work"
}
trap cleanup EXIT

ip link add pfc-switch type bridge
ip link set pfc-switch up
for ((r = 0; r < ranks; ++r)); do
  ip netns add "pfc-rank$r"
  ip link add "pfc-port$r" type veth peer name eth0 netns "pfc-rank$r"
  ip link set "pfc-port$r" master pfc-switch up
  ip -n "pfc-rank$r" addr add "10.77.0.$((r + 1))/24" dev eth0
  ip -n "pfc-rank$r" link set eth0 up
  ip -n "pfc-rank$r" link set lo up
done

# limit RATE: what each rank can send; none lifts it.
limit() {
  for ((r = 0; r < ranks; ++r)); do
    ip netns exec "pfc-rank$r" tc qdisc del dev eth0 root 2>/dev/null || true
    [[ $1 == none ]] || ip netns exec "pfc-rank$r" tc qdisc add dev eth0 root \
      tbf rate "$1" burst 256kb latency 50ms
  done
}

python3 test/e2e/Inputs/torch-parity/data.py "$work/data" 1024 32 64
cat >"$work/overlap.spec" <<SPEC
[model]
backbone = "iresnet-nano"
embedding_size = 128
input_size = 32
[head]
classes = 64
margin = { type = "arcface", m2 = 0.5, scale = 32.0 }
[train]
batch_per_rank = ${BATCH:-32}
steps = 40
log_every = 1
precision = "fp32"
[cluster]
world_size = $ranks
SPEC
compile() { # NAME OVERLAP
  "$bin/pfcc" compile "$work/overlap.spec" --set cluster.overlap="$2" \
    -o "$work/$1.plan"
}
compile scheduled true
compile unscheduled false

# Prints the milliseconds of each step but the first ten of rank 0.
run() { # NAME
  local pids=()
  rm -rf "$work/out"
  for ((r = 0; r < ranks; ++r)); do
    RANK=$r WORLD_SIZE=$ranks LOCAL_RANK=$r MASTER_ADDR=10.77.0.1 \
      MASTER_PORT=29500 ip netns exec "pfc-rank$r" \
      "$bin/pfc-run" "$work/$1.plan" --data "$work/data" --out "$work/out" \
      --threads 1 >"$work/rank$r.log" 2>&1 &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || { cat "$work"/rank*.log >&2; exit 1; }; done
  python3 - "$work/out/metrics.jsonl" <<'PYTHON'
import json, sys
times = [json.loads(line) for line in open(sys.argv[1])]
steps = [1e3 * row["seconds"] for row in times if row["kind"] == "step"]
print(*[f"{milliseconds:.1f}" for milliseconds in steps[10:]], sep="\n")
PYTHON
}

median() { sort -n | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }
for network in "$rate" none; do
  limit "$network"
  : >"$work/scheduled.ms"
  : >"$work/unscheduled.ms"
  for ((round = 0; round < rounds; ++round)); do
    for plan in scheduled unscheduled; do run $plan >>"$work/$plan.ms"; done
  done
  on=$(median <"$work/scheduled.ms") off=$(median <"$work/unscheduled.ms")
  echo "$network: scheduled $on ms, unscheduled $off ms," \
    "ratio $(awk -v a="$off" -v b="$on" 'BEGIN { printf "%.2f", a / b }')"
done
