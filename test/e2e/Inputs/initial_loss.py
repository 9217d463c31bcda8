"""initial_loss.py RUN TOLERANCE s m2 m3 CENTERS d: the first loss of a run
against s·m3 + s·sin(m2) + ln CENTERS + s²/(2d), relative."""
import json
import math
import sys

run, tolerance, scale, m2, m3, centers, size = sys.argv[1:]
scale, size = float(scale), float(size)
expected = (scale * float(m3) + scale * math.sin(float(m2))
            + math.log(float(centers)) + scale**2 / (2 * size))
with open(run + "/metrics.jsonl") as file:
    rows = [json.loads(line) for line in file]
loss = next(row["loss"] for row in rows if row["kind"] == "step")
error = abs(loss - expected) / expected
print(f"loss {loss:.4f}, expected {expected:.4f}, error {error:.1e}")
sys.exit(error > float(tolerance))
