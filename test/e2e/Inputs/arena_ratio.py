"""arena_ratio.py A.json B.json MOST: of `pfcc explain --json`, the arena of A
takes at most MOST times that of B."""
import json
import sys


def arena(path):
    with open(path) as file:
        return json.load(file)["memory_bytes"]["arena"]


ratio = arena(sys.argv[1]) / arena(sys.argv[2])
assert 0.1 < ratio <= float(sys.argv[3]), ratio
