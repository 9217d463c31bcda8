"""same_as_training.py METRICS RESULTS: the last verification of a run is what
pfc-eval verify wrote."""
import json
import sys

with open(sys.argv[1]) as file:
    rows = [json.loads(line) for line in file]
trained = [row for row in rows if row["kind"] == "verification"][-1]
with open(sys.argv[2]) as file:
    evaluated = json.load(file)["verification"][0]
for key in "accuracy", "threshold", "xnorm":
    a, b = trained[key], evaluated[key]
    print(key, a, b)
    assert abs(a - b) <= 1e-6 * abs(a)
