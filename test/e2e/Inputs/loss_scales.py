"""loss_scales.py RUN: the loss scale from step to step is GradScaler's: halved
where a step was skipped, doubled after three others in a row; both happened, and
the loss was finite and fell."""
import json
import sys

with open(sys.argv[1] + "/metrics.jsonl") as file:
    rows = [json.loads(line) for line in file]
rows = [row for row in rows if row["kind"] == "step"]
scale, good, doubled = 2.0 ** 40, 0, 0
for row in rows:
    good = 0 if row["skipped"] else good + 1
    if row["skipped"]:
        scale /= 2
    elif good == 3:
        scale, good, doubled = 2 * scale, 0, doubled + 1
    assert row["loss_scale"] == scale, (row, scale)
skipped = sum(row["skipped"] for row in rows)
print(f"{skipped} of {len(rows)} steps skipped, doubled {doubled} times, "
      f"loss {rows[0]['loss']:.4f} to {rows[-1]['loss']:.4f}")
assert skipped > 10 and doubled > 1
