#!/usr/bin/env bash
# Packs what tools/gpu_check.sh needs on a machine with a GPU and nothing else:
# pfc-run, pfc-device and their plug-ins with the libraries they use, compiled
# plans, what the emulated device computed for them, the quick start's data, and
# PyTorch's side of the comparison. Below 64 MB.
# Usage: tools/gpu_pack.sh [ARCHIVE]      (default: out/pfc-gpu.tar.gz)
set -euo pipefail
cd "$(dirname "$0")/.."
archive=${1:-out/pfc-gpu.tar.gz}
bin=${PFC_BUILD:-build}/bin
limit=$((64 * 1024 * 1024))
top=$(basename "$archive" .tar.gz)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pack=$work/$top
mkdir -p "$pack"/{bin,lib,plans,bench}

say() { echo "gpu_pack: $*"; }

# Programs and plug-ins; of their libraries those that glibc does not bring.
for file in pfc-run pfc-device libpfc_device_cuda.so libpfc_comm_nccl.so; do
  cp "$bin/$file" "$pack/bin/"
  ldd "$bin/$file" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }'
done | sort -u | while read -r library; do
  case $(basename "$library") in
  libc.so.* | libm.so.* | libdl.so.* | libpthread.so.* | librt.so.*) ;;
  *) cp -L "$library" "$pack/lib/" ;;
  esac
done
strip --strip-unneeded "$pack"/bin/*

# plan NAME SPEC [KEY=VALUE...]
plan() {
  local name=$1 spec=$2
  shift 2
  say "compiling $name"
  "$bin/pfcc" compile "specs/$spec.spec" -o "$pack/plans/$name.plan" \
    --set cluster.device=cuda --set cluster.world_size=1 "${@/#/--set=}"
}

# Every kernel and whole steps, small: with what the emulated device computes.
for precision in fp32 bf16 fp16; do
  for case in "nano quickstart" "r18 r18"; do
    read -r short spec <<<"$case"
    name=check-$short-$precision
    plan "$name" "$spec" train.batch_per_rank=2 head.classes=1000 \
      train.precision=$precision
    say "computing $name on the emulated device"
    PFC_EMULATION_CHECKS=off "$bin/pfc-device" record "$pack/plans/$name.plan" \
      --device=emulated-cuda -o "$pack/plans/$name.json"
  done
done

# Training steps to be timed, and one training to its end.
for backbone in r50 r100; do
  for batch in 128 256; do
    plan "time-$backbone-b$batch" "$backbone" train.batch_per_rank=$batch \
      head.classes=10000 head.sample_rate=1.0 train.precision=bf16
  done
done
# Fewer identities than the quick start has, and one set of pairs: for size.
identities=800
plan train-quickstart quickstart train.batch_per_rank=64 \
  head.classes=$identities 'data.verification=["g_unseen.bin"]' \
  data.verify_every=0
"$bin/pfc-data" glyphs --out "$pack/data" --script hangul \
  --identities $identities --size 56 --channels 1 >/dev/null
rm -f "$pack"/data/g_{seen,style,hard}.bin

cp -r bench/train_step_torch.py bench/pfctorch "$pack/bench/"
rm -rf "$pack/bench/pfctorch/__pycache__"
cp tools/gpu_check.sh "$pack/"
git describe --always --dirty >"$pack/version" 2>/dev/null || true
mkdir -p "$(dirname "$archive")"
tar -C "$work" -czf "$archive" "$top"
size=$(stat -c %s "$archive")
if ((size > limit)); then
  say "$archive has $size bytes, more than $limit" >&2
  exit 1
fi
say "$archive: $((size / 1024 / 1024)) MB; unpack it where a GPU is, and run" \
  "$top/gpu_check.sh"
