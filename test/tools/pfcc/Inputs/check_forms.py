"""check_forms.py APART TOGETHER: what `pfcc explain` says of one plan for a chip
that can do its own instructions alone, and for one that can make the logits'
product and their exponentials in one kernel.
"""
import json
import math
import sys

APART, TOGETHER = (json.load(open(path)) for path in sys.argv[1:])


def work(explanation, part, what):
    return explanation["work"][part][what]


# ids-1m-8gpu keeps the logits of two tiles: B = 1024, 12,500 class centers and
# some that make rows of logits multiples of 16 bytes.
B, SAMPLED, SIZE, TILES = 1024, 12_504, 512, 2
fused = work(APART, "head: products", "flops") - work(
    TOGETHER, "head: products", "flops")
assert fused == 2 * B * SAMPLED * SIZE, fused
assert work(APART, "head: products", "instructions") - work(
    TOGETHER, "head: products", "instructions") == TILES
# The sums of tiles are an instruction each, and B additions a tile of 128.
assert work(TOGETHER, "head: kernels", "instructions") - work(
    APART, "head: kernels", "instructions") == TILES
added = TOGETHER["in_all"]["flops"] - APART["in_all"]["flops"]
assert 0 < added <= B * (SAMPLED / 128 + TILES), added
# No fp32 cosine is written and read.
saved = APART["in_all"]["memory_bytes"] - TOGETHER["in_all"]["memory_bytes"]
assert math.isclose(saved, 2 * 4 * B * SAMPLED, rel_tol=0.02), saved
assert APART["memory_bytes"] == TOGETHER["memory_bytes"]
assert TOGETHER["head"]["this plan"]["seconds"] < APART["head"]["this plan"]["seconds"]
