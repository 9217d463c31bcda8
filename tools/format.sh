#!/usr/bin/env bash
# Formats every C++ file as .clang-format says; --check only lists those that
# are not.
set -euo pipefail
cd "$(dirname "$0")/.."
mode=-i
[[ "${1:-}" == --check ]] && mode="--dry-run -Werror"
# shellcheck disable=SC2086
git ls-files '*.cpp' '*.h' | xargs clang-format-22 $mode
