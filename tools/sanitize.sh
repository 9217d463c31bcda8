#!/usr/bin/env bash
# Builds and runs tests under a sanitizer: AddressSanitizer with
# UndefinedBehaviorSanitizer, or ThreadSanitizer, which is for the runtime.
# Usage: tools/sanitize.sh asan|tsan TARGET [GTEST-FILTER]     a test program
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1 target=$2
[[ -f build-$preset/build.ninja ]] || cmake --preset "$preset" >/dev/null
ninja -C "build-$preset" "$target" >/dev/null
# The sanitizers open libraries in a program's stead, and don't know its path.
export LD_LIBRARY_PATH=$PWD/build-$preset/bin
export TSAN_OPTIONS=suppressions=$PWD/tools/sanitizers/tsan.supp
exec "build-$preset/test/$target" --gtest_filter="${3:-*}"
