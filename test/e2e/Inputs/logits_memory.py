"""logits_memory.py KEEP.json RECOMPUTE.json [BYTES]: of `pfcc explain --json`,
what the head takes beyond the class centers and their momentum is 2 bytes a
logit and little else where they are kept, BYTES at most (default: 2.2), and
below 64 MB where they are recomputed."""
import json
import sys


def beyond_state(path):
    with open(path) as file:
        plan = json.load(file)
    memory = plan["memory_bytes"]
    logits = plan["batch_per_rank"] * plan["classes"]  # of one rank
    state = memory["class centers"] + memory["class centers' optimizer state"]
    return plan["head"]["this plan"]["memory_bytes"] - state, logits


limit = float(sys.argv[3]) if len(sys.argv) > 3 else 2.2
kept, logits = beyond_state(sys.argv[1])
assert 2.0 * logits <= kept <= limit * logits, kept / logits
recomputed, _ = beyond_state(sys.argv[2])
assert recomputed <= 64e6, recomputed
