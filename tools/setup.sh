#!/usr/bin/env bash
# Installs what pfc is built from and tested with: Debian packages only.
# Does nothing (and needs no root) when everything is already there.
# Usage: tools/setup.sh [--fonts]    --fonts adds the quick start's typefaces
set -euo pipefail

packages=(
  # build
  cmake ninja-build g++ ccache lld pkg-config python3
  # compiler: MLIR/LLVM 22, FileCheck and lit
  llvm-22-dev libmlir-22-dev mlir-22-tools llvm-22-tools clang-22 clang-format-22
  # libraries
  libtomlplusplus-dev libcli11-dev nlohmann-json3-dev libfmt-dev
  libflatbuffers-dev flatbuffers-compiler
  libdnnl-dev libssl-dev libopenmpi-dev openmpi-bin
  libturbojpeg0-dev libpng-dev libfreetype-dev zlib1g-dev libzip-dev
  libprotobuf-dev protobuf-compiler libonnx-dev
  # tests and benchmarks
  libgtest-dev libgmock-dev libbenchmark-dev
)
fonts=(fonts-alee fonts-lexi-gulim fonts-lexi-saebom fonts-unfonts-core
       fonts-unfonts-extra fonts-baekmuk fonts-nanum fonts-naver-d2coding
       fonts-wqy-microhei)

wanted=("${packages[@]}")
[[ "${1:-}" == --fonts ]] && wanted+=("${fonts[@]}")

missing=()
for package in "${wanted[@]}"; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ "$status" == installed ]] || missing+=("$package")
done
[[ ${#missing[@]} -eq 0 ]] && exit 0

sudo=()
[[ $(id -u) -eq 0 ]] || sudo=(sudo)
echo "setup: installing ${missing[*]}"
"${sudo[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq \
  --no-install-recommends "${missing[@]}" >/dev/null
