#!/usr/bin/env bash
# Configures and builds everything into build/ (or $PFC_BUILD). Arguments are
# targets; none means all.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${PFC_BUILD:-build}
[[ -f $build/build.ninja ]] ||
  cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release
ninja -C "$build" "$@"
