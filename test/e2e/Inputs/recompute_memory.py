"""recompute_memory.py NONE.json NORMS.json BLOCKS.json: of `pfcc explain
--json` of iresnet50 in bf16, what the activations of an image take at the
step's peak, in MiB. PyTorch keeps 33.7; the inputs of all convolutions and
blocks are 16.1."""
import json
import sys


def activations(path):
    with open(path) as file:
        plan = json.load(file)
    memory = plan["memory_bytes"]
    both = memory["activations"] + memory["activations' gradients"]
    return both / plan["batch_per_rank"] / 2**20


none, norms, blocks = map(activations, sys.argv[1:])
print(f"{none:.2f} {norms:.2f} {blocks:.2f} MiB an image")
assert 26 < none < 28, none
assert norms < 16.1, norms
assert blocks < 6.8, blocks
