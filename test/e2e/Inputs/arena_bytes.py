"""arena_bytes.py EXPLAIN.json RUN …: what `pfcc explain --json` predicted for an
arena is what the run in that folder allocated."""
import json
import pathlib
import sys

for explained, run in zip(sys.argv[1::2], sys.argv[2::2]):
    predicted = json.loads(pathlib.Path(explained).read_text())
    with open(pathlib.Path(run) / "metrics.jsonl") as file:
        measured = json.loads(next(file))
    assert measured["kind"] == "run", measured
    arena = measured["arena_bytes"]
    assert arena == predicted["memory_bytes"]["arena"] > 0, (run, arena)
