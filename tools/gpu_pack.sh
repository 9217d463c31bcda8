#!/usr/bin/env bash
# Packs what tools/gpu_check.sh needs on a machine with a GPU and nothing else:
# pfc-run, pfc-device and their plug-ins with the libraries they use, compiled
# plans, what the emulated device computed for them, the quick start's data, and
# PyTorch's side of the comparison. Below 64 MB.
# Usage: tools/gpu_pack.sh [--rehearsal] [ARCHIVE]  (default: out/pfc-gpu.tar.gz)
#   --rehearsal  little of each, for the emulated device: to try gpu_check.sh
#                where no GPU is
set -euo pipefail
cd "$(dirname "$0")/.."
rehearsal=
if [[ ${1:-} == --rehearsal ]]; then
  rehearsal=1
  shift
fi
archive=${1:-out/pfc-gpu.tar.gz}
bin=${PFC_BUILD:-build}/bin
limit=$((64 * 1024 * 1024))
top=$(basename "$archive" .tar.gz)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pack=$work/$top
mkdir -p "$pack"/{bin,lib,plans,bench}

say() { echo "gpu_pack: $*"; }

# What gpu_check.sh is told: the device, the accuracy to be reached, what is
# given to `pfc-device time`, to bench/train_step_torch.py and to head_step.py,
# and the heads that are timed in each form.
if [[ $rehearsal ]]; then
  cat >"$pack/settings" <<'END'
device=emulated-cuda
accuracy=0
timing=(--steps 1 --repetitions 1)
torch=(--device cpu --steps 1 --warm-up 1)
head_ways=(--device cpu --steps 1 eager,products)
heads_by_form=(head-200-r1-b2)
END
else
  cat >"$pack/settings" <<'END'
device=cuda
accuracy=0.98
timing=(--steps 30 --repetitions 20)
torch=(--device cuda --steps 30)
head_ways=(--device cuda --steps 20 products,shipped,shipped-tf32,eager,compiled)
heads_by_form=(head-125000-r1-b1024 head-125000-r1-b4096)
END
fi

# Programs and plug-ins; of their libraries those that glibc does not bring.
for file in pfc-run pfc-device libpfc_device_cuda.so libpfc_comm_nccl.so \
  ${rehearsal:+libpfc_device_emulated_cuda.so}; do
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

# recorded SHORT SPEC PRECISION [KEY=VALUE...]: every kernel and whole steps,
# small, with what the emulated device computes. Not too small a batch, whose
# normalised embeddings would turn at a rounding.
checked_batch=${rehearsal:+2}
checked_batch=${checked_batch:-16}
recorded() {
  local name=check-$1-$3
  plan "$name" "$2" train.batch_per_rank="$checked_batch" head.classes=1000 \
    train.precision="$3" "${@:4}"
  say "computing $name on the emulated device"
  PFC_EMULATION_CHECKS=off "$bin/pfc-device" record "$pack/plans/$name.plan" \
    --device=emulated-cuda -o "$pack/plans/$name.json"
}

# timed SPEC BATCH: training steps.
timed() {
  plan "time-$1-b$2" "$1" train.batch_per_rank="$2" head.classes=10000 \
    head.sample_rate=1.0 train.precision=bf16
}

# timed_head CLASSES RATE BATCH [KEY=VALUE...]: a head, and little before it.
timed_head() {
  local name=head-$1-r$2-b$3
  [[ "${*:4}" == *recompute* ]] && name+=-recompute
  plan "$name" quickstart model.backbone=iresnet-nano model.input_size=16 \
    model.embedding_size=512 head.classes="$1" head.sample_rate="$2" \
    head.margin.type=arcface train.batch_per_rank="$3" train.precision=bf16 \
    "${@:4}"
}

# trained IDENTITIES [KEY=VALUE...]: one training to its end, with fewer
# identities than the quick start has, and one set of pairs: for size.
trained() {
  local identities=$1
  shift
  plan train-quickstart quickstart head.classes="$identities" \
    'data.verification=["g_unseen.bin"]' data.verify_every=0 "$@"
  "$bin/pfc-data" glyphs --out "$pack/data" --script hangul \
    --identities "$identities" --size 56 --channels 1 >/dev/null
  rm -f "$pack"/data/g_{seen,style,hard}.bin
}

# ranked IDENTITIES STEPS BATCH: some steps on two ranks, which share a GPU, and
# the last loss that two processors compute. Behind `trained`, for its data.
ranked() {
  local settings=(cluster.world_size=2 head.classes="$1" train.steps="$2"
    train.batch_per_rank="$3" train.log_every=1 train.schedule.warmup_steps=1
    'data.verification=[]' train.precision=fp32)
  plan ranks quickstart "${settings[@]}"
  "$bin/pfcc" compile specs/quickstart.spec -o "$work/ranks.plan" \
    "${settings[@]/#/--set=}"
  "$bin/pfc-run" "$work/ranks.plan" --data "$pack/data" --out "$work/ranks" \
    >"$work/ranks.log"
  echo "loss=$(grep -o '"loss": *[0-9.]*' "$work/ranks/metrics.jsonl" |
    tail -n 1 | grep -o '[0-9.]*$')" >>"$pack/settings"
}

if [[ $rehearsal ]]; then
  recorded nano quickstart bf16
  plan time-r18-b2 r18 train.batch_per_rank=2 head.classes=100 \
    model.input_size=16 train.precision=bf16
  timed_head 200 1 2
  trained 20 train.batch_per_rank=4 train.steps=2 train.schedule.warmup_steps=1
  ranked 20 2 2
else
  for precision in fp32 bf16 fp16; do
    # At the usual scale the first steps of fp16 overflow, and update nothing.
    scale=()
    [[ $precision == fp16 ]] && scale=(train.loss_scale.initial=1024)
    recorded nano quickstart $precision "${scale[@]}"
    recorded r18 r18 $precision train.batch_per_rank=8 "${scale[@]}"
  done
  recorded centers quickstart bf16 head.classes=40000
  recorded host quickstart bf16 head.placement=host head.weight_dtype=bf16 \
    head.sample_rate=0.3
  for batch in 128 256; do
    timed r50 $batch
    timed r100 $batch
  done
  timed_head 125000 1 1024
  timed_head 125000 1 1024 head.logits=recompute
  timed_head 125000 1 4096
  timed_head 1250000 0.1 1024
  timed_head 12500000 0.01 1024
  trained 800 train.batch_per_rank=64
  ranked 800 5 32
fi
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
