#!/usr/bin/env bash
# From a fresh Debian machine to a trained network: installs what is missing,
# builds, draws a real data set from typefaces, compiles specs/quickstart.spec,
# trains it on two ranks and verifies it on identities it has never seen.
# Results are in out/quickstart (or the folder given).
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-out/quickstart}
bin=${PFC_BUILD:-build}/bin
identities=$(sed -n 's/^classes *= *\([0-9]*\).*/\1/p' specs/quickstart.spec)

tools/setup.sh --fonts
tools/build.sh programs
mkdir -p "$out"
"$bin/pfc-data" glyphs --out "$out/data" --script hangul \
  --identities "$identities" --size 56 --channels 1
"$bin/pfcc" compile specs/quickstart.spec -o "$out/quickstart.plan"
rm -f "$out/model/backbone.safetensors" # an earlier quick start's may be replaced
"$bin/pfc-run" "$out/quickstart.plan" --data "$out/data" --out "$out/model"
