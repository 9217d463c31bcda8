#!/usr/bin/env bash
# Fuzzes every parser of files from outside with libFuzzer, under
# AddressSanitizer and UndefinedBehaviorSanitizer, RUNS executions each, and
# prints a table. A crash, leak, hang (10 s) or allocation of more than 1 GiB
# ends it, with the input that did it.
# Usage: bench/fuzz.sh [RUNS] [TARGET...]     (needs clang-22, libclang-rt-22-dev)
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${1:-1000000}
shift || true
targets=("$@")
[[ ${#targets[@]} -gt 0 ]] ||
  targets=(class-map lists manifest index mxnet safetensors torch pairs records
           plan spec)

[[ -f build-fuzz/build.ninja ]] || cmake --preset fuzz >/dev/null
nice ninja -C build-fuzz "${targets[@]/#/fuzz-}" >/dev/null
# libMLIR's containers aren't annotated as ours are.
export ASAN_OPTIONS=detect_container_overflow=0

echo "| target | executions | a second | features covered | inputs kept |"
echo "|---|---|---|---|---|"
# The largest input that still means something to the parser.
declare -A longest=([class-map]=256 [lists]=256 [manifest]=1024 [index]=256 [mxnet]=768
  [safetensors]=768 [torch]=2048 [pairs]=1024 [records]=1024 [plan]=3072
  [spec]=768)
for target in "${targets[@]}"; do
  found=build-fuzz/found/$target
  mkdir -p "$found"
  log=build-fuzz/$target.log
  if ! nice "build-fuzz/test/fuzz-$target" -runs="$runs" -seed=1 -timeout=10 \
      -malloc_limit_mb=1024 -rss_limit_mb=3072 -max_len="${longest[$target]}" \
      -print_final_stats=1 -artifact_prefix="build-fuzz/$target-" \
      "$found" "test/fuzz/corpus/$target" 2>"$log"; then
    tail -40 "$log" >&2
    exit 1
  fi
  stat() { sed -n "s/^stat::$1: *//p" "$log"; }
  features=$(sed -n 's/.*DONE.* ft: \([0-9]*\).*/\1/p' "$log")
  echo "| $target | $(stat number_of_executed_units) |" \
    "$(stat average_exec_per_sec) | $features | $(find "$found" -type f | wc -l) |"
done
