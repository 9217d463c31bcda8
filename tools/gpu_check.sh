#!/usr/bin/env bash
# Checks and times pfc on this machine's GPU. Needs CUDA 12.4 or newer with
# cuDNN 9; no LLVM, network or package installs. What is packed by
# tools/gpu_pack.sh has it at its top.
# Usage: gpu_check.sh [FOLDER] [--quick]
#   FOLDER   the unpacked archive (default: where this script lies)
#   --quick  checks, no timing
# Writes FOLDER/results: summary.txt, and a JSON file for each figure. Ends with
# 0 if every check passed. PFC_CHECK_DEVICE names another device than cuda.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
quick=
for argument in "$@"; do
  case $argument in
  --quick) quick=1 ;;
  *) here=$(cd "$argument" && pwd) || exit 2 ;;
  esac
done
device=${PFC_CHECK_DEVICE:-cuda}
results=$here/results
summary=$results/summary.txt
failures=0
mkdir -p "$results"
: >"$summary"
export LD_LIBRARY_PATH=$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export PFC_CACHE_DIR=${PFC_CACHE_DIR:-$here/cache}

say() { echo "$*" | tee -a "$summary"; }

# PyTorch's wheels bring CUDA's libraries where there is no toolkit.
find_libraries() {
  local site
  site=$(python3 -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])' \
    2>/dev/null) || return
  for folder in "$site"/nvidia/*/lib; do
    [[ -d $folder ]] &&
      PFC_CUDA_LIBRARIES=${PFC_CUDA_LIBRARIES:+$PFC_CUDA_LIBRARIES:}$folder
  done
  for folder in "$site"/nvidia/cuda_runtime/include "$site"/nvidia/cu13/include; do
    [[ -f $folder/cuda_fp16.h ]] &&
      export PFC_CUDA_INCLUDE=${PFC_CUDA_INCLUDE:-$folder}
  done
  export PFC_CUDA_LIBRARIES
}

# check NAME COMMAND...: its output goes to results/NAME.log.
check() {
  local name=$1 log=$results/$1.log
  shift
  if "$@" >"$log" 2>&1; then
    say "ok    $name: $(tail -n 1 "$log")"
  else
    say "FAIL  $name: $(tail -n 1 "$log")  (see $log)"
    failures=$((failures + 1))
  fi
}

describe_machine() {
  say "pfc $(cat "$here/version" 2>/dev/null)"
  say "$(uname -sr), $(nproc) processors," \
    "$(awk '/MemTotal/ { print int($2 / 1048576) " GiB" }' /proc/meminfo)"
  nvidia-smi --query-gpu=name,memory.total,driver_version,clocks.max.sm \
    --format=csv,noheader 2>/dev/null | tee -a "$summary"
  local line
  if ! line=$("$here/bin/pfc-device" show --device "$device" 2>&1); then
    say "$line"
    exit 1
  fi
  say "$line"
}

check_kernels() {
  local plan
  for plan in "$here"/plans/check-*.plan; do
    local name
    name=$(basename "$plan" .plan)
    check "$name" "$here/bin/pfc-device" check "$plan" --device "$device" \
      --against "${plan%.plan}.json"
  done
}

check_training() {
  check train-quickstart "$here/bin/pfc-run" "$here/plans/train-quickstart.plan" \
    --data "$here/data" --out "$results/quickstart" --device "$device"
  local accuracy
  accuracy=$(grep -o '"accuracy": *[0-9.]*' "$results/quickstart/metrics.jsonl" \
    2>/dev/null | tail -n 1 | grep -o '[0-9.]*$')
  say "      accuracy on typefaces and syllables never seen: ${accuracy:-none}"
  if ! awk -v a="${accuracy:-0}" 'BEGIN { exit !(a >= 0.98) }'; then
    say "FAIL  quickstart: accuracy below 0.98"
    failures=$((failures + 1))
  fi
}

check_memory() {
  command -v compute-sanitizer >/dev/null ||
    { say "skip  compute-sanitizer is not here" && return; }
  local tool plan=$here/plans/check-nano-bf16.plan
  for tool in memcheck racecheck; do
    check "sanitizer-$tool" compute-sanitizer --tool "$tool" --error-exitcode 9 \
      "$here/bin/pfc-device" check "$plan" --device "$device" \
      --against "${plan%.plan}.json"
  done
}

# The most memory that the GPU's processes have while a command runs, in MiB.
peak_memory() {
  local file=$1 most=0 used
  shift
  "$@" &
  local running=$!
  while kill -0 "$running" 2>/dev/null; do
    used=$(nvidia-smi --query-gpu=memory.used --format=csv,noheader,nounits \
      2>/dev/null | sort -n | tail -n 1)
    ((${used:-0} > most)) && most=$used
    sleep 0.3
  done
  echo "{\"peak_mib\": $most}" >"$file"
  wait "$running"
}

time_steps() {
  local backbone batch mode name
  for backbone in r50 r100; do
    for batch in 128 256; do
      name=time-$backbone-b$batch
      check "$name" peak_memory "$results/$name.memory.json" \
        "$here/bin/pfc-device" time "$here/plans/$name.plan" \
        --device "$device" -o "$results/$name.json"
      sed -n '2,30p' "$results/$name.log" | tee -a "$summary"
      cat "$results/$name.memory.json" >>"$summary"
      for mode in "" --compile; do
        time_torch "$backbone" "$batch" "$mode"
      done
    done
  done
}

time_torch() {
  python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null ||
    { say "skip  PyTorch with CUDA is not here" && return; }
  local name=torch-$1-b$2${3:+-compile}
  (cd "$here/bench" && python3 train_step_torch.py --backbone "$1" --batch "$2" \
    ${3:+"$3"}) >"$results/$name.json" 2>"$results/$name.log"
  say "      $name: $(cat "$results/$name.json")"
}

find_libraries
describe_machine
check_kernels
check_training
check_memory
[[ $quick ]] || time_steps
if ((failures > 0)); then
  say "$failures check(s) failed"
  exit 1
fi
say "every check passed; $results/summary.txt"
