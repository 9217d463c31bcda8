"""same_losses.py STEPS TOLERANCE RUN...: the runs' losses at each of STEPS
steps, in their metrics.jsonl, are those of the first, relative."""
import json
import sys


def losses(run):
    with open(run + "/metrics.jsonl") as file:
        rows = [json.loads(line) for line in file]
    return [row["loss"] for row in rows if row["kind"] == "step"]


steps, tolerance, first, *others = sys.argv[1:]
expected = losses(first)
assert len(expected) == int(steps), len(expected)
largest = 0.0
for run in others:
    mine = losses(run)
    assert len(mine) == len(expected), (run, len(mine))
    for step, (a, b) in enumerate(zip(mine, expected), 1):
        error = abs(a - b) / b
        largest = max(largest, error)
        if not error <= float(tolerance):
            sys.exit(f"{run}, step {step}: {a:.7f}, not {b:.7f}")
print(f"largest error {largest:.1e}, last loss {expected[-1]:.6f}")
