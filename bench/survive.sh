#!/usr/bin/env bash
# Kills random ranks of a job of three, KILLS times (200), also while it writes
# checkpoints; it must come to the end of an undisturbed run, bit for bit.
# Usage: bench/survive.sh BUILD [KILLS] [SEED]
set -euo pipefail
export PFC_KILLS=${2:-200} PFC_SEED=${3:-1}
exec nice "$1/test/survive-test" --gtest_filter=Survive.RandomKills
