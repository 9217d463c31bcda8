"""compare.py METRICS EXPECTED RUN TOLERANCE: the losses in a run's
metrics.jsonl against the recorded ones of RUN, relative."""
import json
import sys

metrics, expected, run, tolerance = sys.argv[1:]
with open(metrics) as file:
    rows = [json.loads(line) for line in file]
losses = [row["loss"] for row in rows if row["kind"] == "step"]
with open(expected) as file:
    recorded = json.load(file)["losses"][run]
assert len(losses) == len(recorded), (len(losses), len(recorded))
errors = [abs(a - b) / b for a, b in zip(losses, recorded)]
for step, (a, b, error) in enumerate(zip(losses, recorded, errors), 1):
    print(f"step {step:2}: {a:.6f}, PyTorch {b:.6f}, error {error:.1e}")
print(f"largest error {max(errors):.1e}")
sys.exit(max(errors) > float(tolerance))
