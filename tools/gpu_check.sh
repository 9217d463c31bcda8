#!/usr/bin/env bash
# Checks and times pfc on this machine's GPU. Needs CUDA 12.4 or newer with
# cuDNN 9; no LLVM, network or package installs. What is packed by
# tools/gpu_pack.sh has it at its top.
# Usage: gpu_check.sh [FOLDER] [--quick] [--only=PART,PART...]
#   FOLDER   the unpacked archive (default: where this script lies)
#   --quick  checks, no timing
#   --only   some parts, in the order given, of kernels, forms, training, ranks,
#            memory; steps, heads, torch-steps, torch-heads
# Writes FOLDER/results: summary.txt, whose table summary.json has, too, and a
# JSON file for each figure. Ends with 0 if every check passed, and one ran.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
parts=kernels,forms,training,ranks,memory,steps,heads,torch-steps,torch-heads
for argument in "$@"; do
  case $argument in
  --quick) parts=kernels,forms,training,ranks,memory ;;
  --only=*) parts=${argument#*=} ;;
  *) here=$(cd "$argument" && pwd) || exit 2 ;;
  esac
done
device='' accuracy='' loss='' timing=() torch=() head_ways=() heads_by_form=()
# shellcheck source=/dev/null
source "$here/settings" || exit 2
results=$here/results
summary=$results/summary.txt
failures=0 ran=0
mkdir -p "$results"
: >"$summary"
export PFC_CACHE_DIR=${PFC_CACHE_DIR:-$here/cache}

say() { echo "$*" | tee -a "$summary"; }

# The libraries that were packed are for pfc's programs alone.
with_libraries() {
  LD_LIBRARY_PATH=$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} \
    timeout "${PFC_LIMIT:-300}" "$@"
}

# pfc PROGRAM ARGUMENTS...
pfc() { with_libraries "$here/bin/$1" "${@:2}"; }

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
  local name=$1 log=$results/$1.log begin=$SECONDS
  shift
  ran=$((ran + 1))
  if "$@" >"$log" 2>&1; then
    say "ok    $name: $(tail -n 1 "$log")  ($((SECONDS - begin)) s)"
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
  if ! line=$(pfc pfc-device show --device "$device" 2>&1); then
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
    check "$name" pfc pfc-device check "$plan" --device "$device" \
      --against "${plan%.plan}.json"
  done
}

# Whole steps with the head's products in each form that a plan offers, and with
# its branches beside the rest.
check_forms() {
  local plan name form
  for plan in "$here"/plans/check-*-bf16.plan; do
    name=$(basename "$plan" .plan)
    for form in 1 2; do
      PFC_FORM=$form check "$name-form-$form" pfc pfc-device check \
        "$plan" --device "$device" --against "${plan%.plan}.json"
    done
    PFC_BRANCHES=beside check "$name-beside" pfc pfc-device check \
      "$plan" --device "$device" --against "${plan%.plan}.json"
  done
}

check_training() {
  rm -f "$results/quickstart/backbone.safetensors" # of an earlier check
  check train-quickstart pfc pfc-run "$here/plans/train-quickstart.plan" \
    --data "$here/data" --out "$results/quickstart" --device "$device"
  local reached
  reached=$(grep -o '"accuracy": *[0-9.]*' "$results/quickstart/metrics.jsonl" \
    2>/dev/null | tail -n 1 | grep -o '[0-9.]*$')
  say "      accuracy on typefaces and syllables never seen: ${reached:-none}"
  if ! awk -v a="${reached:--1}" -v b="$accuracy" 'BEGIN { exit !(a >= b) }'; then
    say "FAIL  quickstart: accuracy below $accuracy"
    failures=$((failures + 1))
  fi
}

run_two_ranks() {
  local rank status=0 pids=()
  for rank in 0 1; do
    RANK=$rank WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=29611 \
      pfc pfc-run "$here/plans/ranks.plan" --data "$here/data" \
      --out "$results/ranks" --device "$device" &
    pids+=($!)
  done
  for rank in "${pids[@]}"; do
    wait "$rank" || status=1
  done
  return $status
}

# Two ranks that share the GPU, against two on processors.
check_ranks() {
  rm -f "$results/ranks/backbone.safetensors"
  check ranks run_two_ranks
  local here_loss
  here_loss=$(grep -o '"loss": *[0-9.]*' "$results/ranks/metrics.jsonl" \
    2>/dev/null | tail -n 1 | grep -o '[0-9.]*$')
  say "      the last loss here and on processors: ${here_loss:-none} $loss"
  if ! awk -v a="${here_loss:--1}" -v b="$loss" \
    'BEGIN { exit !(a > 0 && (a - b) ^ 2 < (b / 50) ^ 2) }'; then
    say "FAIL  ranks: they compute something else"
    failures=$((failures + 1))
  fi
}

check_memory() {
  command -v compute-sanitizer >/dev/null ||
    { say "skip  compute-sanitizer is not here" && return; }
  local tool options plan=$here/plans/check-nano-bf16.plan
  for tool in memcheck racecheck; do
    # Some of the driver's calls are meant to fail: they ask what a module has.
    options=(--report-api-errors no)
    # Of the plan's kernels alone; barriers of warpgroups are not known to it
    # before 2026.1, which sees races there.
    [[ $tool == racecheck ]] && options=(--racecheck-detect-level error
      --kernel-name 'regex=^k[0-9]+_' --kernel-name-exclude kns=_by_warpgroups)
    PFC_LIMIT=${PFC_LIMIT:-540} check "sanitizer-$tool" with_libraries \
      compute-sanitizer --tool "$tool" "${options[@]}" --error-exitcode 9 \
      "$here/bin/pfc-device" check "$plan" --device "$device" \
      --against "${plan%.plan}.json"
  done
}

# peak_memory FILE COMMAND...: FILE gets the most memory, in MiB, that a GPU's
# processes have while a command runs.
peak_memory() {
  local file=$1 most=0 used
  shift
  "$@" &
  local running=$!
  while used=$(nvidia-smi --query-gpu=memory.used \
    --format=csv,noheader,nounits 2>/dev/null | sort -n | tail -n 1); do
    ((${used:-0} > most)) && most=$used
    kill -0 "$running" 2>/dev/null || break
    sleep 0.3
  done
  echo "{\"peak_mib\": $most}" >"$file"
  wait "$running"
}

# figure FILE KEY: a number of a JSON file, or null.
figure() {
  local value
  value=$(grep -o "\"$2\": *[0-9.eE+-]*" "$1" 2>/dev/null | head -n 1)
  echo "${value:+${value##*[: ]}}" | grep . || echo null
}

time_steps() {
  local plan name
  for plan in "$here"/plans/time-*.plan; do
    name=$(basename "$plan" .plan)
    check "$name" peak_memory "$results/$name.memory.json" \
      pfc pfc-device time "$plan" --device "$device" "${timing[@]}" \
      -o "$results/$name.json"
    sed -n '2,30p' "$results/$name.log" | tee -a "$summary"
    grep '^note: ' "$results/$name.log" | tee -a "$summary" || true
  done
}

# The heads of large jobs, in the form that is measured to be the fastest, and
# some in each.
time_heads() {
  local plan name form
  for plan in "$here"/plans/head-*.plan; do
    name=$(basename "$plan" .plan)
    for form in measured 0 1 2; do
      [[ $form == measured || " ${heads_by_form[*]} " == *" $name "* ]] ||
        continue
      PFC_FORM=$form check "$name-form-$form" pfc pfc-device time \
        "$plan" --device "$device" "${timing[@]}" \
        -o "$results/$name-form-$form.json"
      say "      $(figure "$results/$name-form-$form.json" head_ms) ms," \
        "$(figure "$results/$name-form-$form.json" head_bytes) bytes"
    done
  done
}

has_torch() {
  local has='torch.cuda.is_available()'
  [[ $device == cuda ]] || has=True
  python3 -c "import torch; assert $has" 2>/dev/null
}

# time_torch BACKBONE-bBATCH [--compile]
time_torch() {
  local name=torch-$1${2:+-compile}
  # shellcheck disable=SC2086 # no argument where there is none
  if (cd "$here/bench" && peak_memory "$results/$name.memory.json" timeout 300 \
    python3 train_step_torch.py --backbone "${1%-b*}" --batch "${1##*-b}" \
    "${torch[@]}" ${2:-}) >"$results/$name.json" 2>"$results/$name.log"; then
    say "      $name: $(cat "$results/$name.json")"
    ran=$((ran + 1))
  else
    say "skip  $name: $(tail -n 1 "$results/$name.log")"
    rm -f "$results/$name.json"
  fi
}

time_torch_steps() {
  has_torch || { say "skip  PyTorch for this device is not here" && return; }
  local plan name
  for plan in "$here"/plans/time-*.plan; do
    name=$(basename "$plan" .plan)
    time_torch "${name#time-}"
    time_torch "${name#time-}" --compile
  done
}

# Of a plan head-CLASSES-rRATE-bBATCH.
time_torch_heads() {
  has_torch || { say "skip  PyTorch for this device is not here" && return; }
  local plan name classes rate batch
  for plan in "$here"/plans/head-*.plan; do
    name=$(basename "$plan" .plan)
    [[ $name == *-recompute ]] && continue
    IFS=- read -r _ classes rate batch <<<"$name"
    if (cd "$here/bench" && timeout 400 python3 pfctorch/head_step.py \
      "${head_ways[@]}" "$classes" "${rate#r}" "${batch#b}" 512) \
      >"$results/torch-$name.json" 2>"$results/torch-$name.log"; then
      ran=$((ran + 1))
    else
      say "skip  torch-$name: $(tail -n 1 "$results/torch-$name.log")"
    fi
    say "      torch-$name:"
    tee -a "$summary" <"$results/torch-$name.json"
  done
}

# What was timed, side by side, as text and as JSON.
compare_with_torch() {
  local plan name row rows=() column speed memory
  say "$(printf '%-12s %12s %8s %12s %8s %12s %8s' "images/s, MiB" pfc "" \
    "torch eager" "" "compiled" "")"
  for plan in "$here"/plans/time-*.plan; do
    name=$(basename "$plan" .plan)
    name=${name#time-}
    row=$(printf '%-12s' "$name")
    local json="{\"step\": \"$name\""
    for column in "time-$name" "torch-$name" "torch-$name-compile"; do
      speed=$(figure "$results/$column.json" images_per_second)
      memory=null
      [[ $speed == null ]] ||
        memory=$(figure "$results/$column.memory.json" peak_mib)
      row+=$(printf ' %12.8s %8s' "$speed" "$memory")
      json+=", \"$column\": {\"images_per_second\": $speed, \"peak_mib\": $memory}"
    done
    say "$row"
    rows+=("$json}")
  done
  (
    IFS=,
    echo "[${rows[*]}]"
  ) >"$results/summary.json"
}

find_libraries
describe_machine
IFS=, read -ra parts <<<"$parts"
for part in "${parts[@]}"; do
  case $part in
  kernels) check_kernels ;;
  forms) check_forms ;;
  training) check_training ;;
  ranks) check_ranks ;;
  memory) check_memory ;;
  steps) time_steps ;;
  heads) time_heads ;;
  torch-steps) time_torch_steps ;;
  torch-heads) time_torch_heads ;;
  *) say "no part is called '$part'" && exit 2 ;;
  esac
done
if [[ " ${parts[*]} " == *" steps "* ]]; then
  compare_with_torch
fi
if ((failures > 0)); then
  say "$failures check(s) failed"
  exit 1
fi
if ((ran == 0)); then
  say "no check ran: give other parts with --only=, or what they need"
  exit 1
fi
say "every check passed; $results/summary.txt"
