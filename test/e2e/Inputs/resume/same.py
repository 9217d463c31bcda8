"""same.py A B [TOLERANCE [STEPS]]: whether two runs' losses and rates, step by
step, are equal, or the losses within a relative tolerance; of the first STEPS
alone where a rounding may grow (an activation at PReLU's kink)."""
import json
import sys


def steps(folder):
    with open(f"{folder}/metrics.jsonl") as file:
        rows = [json.loads(line) for line in file]
    return [(row["step"], row["learning_rate"], row["loss"])
            for row in rows if row["kind"] == "step"]


tolerance = float(sys.argv[3]) if len(sys.argv) > 3 else 0
last = int(sys.argv[4]) if len(sys.argv) > 4 else None
a, b = steps(sys.argv[1])[:last], steps(sys.argv[2])[:last]
assert [row[:2] for row in a] == [row[:2] for row in b], (a, b)
worst = max(abs(x[2] - y[2]) / x[2] for x, y in zip(a, b))
print(f"{len(a)} steps, largest difference of a loss {worst:.1e}")
assert len(a) > 0 and worst <= tolerance
