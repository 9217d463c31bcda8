#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test: GoogleTest programs
# and lit/FileCheck, all through ctest.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh --fonts
tools/build.sh
ctest --test-dir "${PFC_BUILD:-build}" --output-on-failure -j "$(nproc)" "$@"
