#!/usr/bin/env bash
# Builds and runs tests under a sanitizer: AddressSanitizer with
# UndefinedBehaviorSanitizer, or ThreadSanitizer, which is for the runtime.
# Usage: tools/sanitize.sh asan|tsan [CTEST-OPTIONS]           every test
#        tools/sanitize.sh asan|tsan TARGET [GTEST-FILTER]     a test program
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1
shift
build=$PWD/build-$preset
[[ -f $build/build.ninja ]] || cmake --preset "$preset" >/dev/null
# The sanitizers open libraries in a program's stead, and don't know its path.
export LD_LIBRARY_PATH=$build/bin
supp=$PWD/tools/sanitizers
# gcc 12's leak check looks for the thread-local memory of plug-ins where it is
# not, and crashes.
export ASAN_OPTIONS=intercept_tls_get_addr=0
# LLVM's allocator poisons memory in our code, and libMLIR, which was not built
# for it, gives that memory out. Only the emulated device's own stacks need it.
[[ ${1:-} == emulated-cuda-test ]] || ASAN_OPTIONS+=:allow_user_poisoning=0
export UBSAN_OPTIONS=print_stacktrace=1
export LSAN_OPTIONS=suppressions=$supp/lsan.supp:print_suppressions=0
export TSAN_OPTIONS=suppressions=$supp/tsan.supp

if [[ $# -eq 0 || $1 == -* ]]; then
  ninja -C "$build" >/dev/null
  # The lit tests are one of ctest's, and take long.
  exec ctest --test-dir "$build" --output-on-failure --timeout 14400 "$@"
fi
ninja -C "$build" "$1" >/dev/null
exec "$build/test/$1" --gtest_filter="${2:-*}"
