"""predicted_memory.py [--process] EXPLAIN.json RUN …: what `pfcc explain --json`
predicted for an arena is what the run in that folder allocated, to the byte;
with --process, what it predicted for a process is what it took, within 5 %."""
import json
import pathlib
import sys

arguments = sys.argv[1:]
process = arguments[0] == "--process"
for explained, run in zip(arguments[process::2], arguments[process + 1::2]):
    predicted = json.loads(pathlib.Path(explained).read_text())["memory_bytes"]
    lines = (pathlib.Path(run) / "metrics.jsonl").read_text().splitlines()
    first, last = json.loads(lines[0]), json.loads(lines[-1])
    assert first["kind"] == "run" and last["kind"] == "end", (first, last)
    assert first["arena_bytes"] == predicted["arena"] > 0, (run, first)
    if process:
        ratio = predicted["process"] / last["process_bytes"]
        print(f"{run}: {predicted['process'] / 2**20:.1f} MiB predicted, "
              f"{last['process_bytes'] / 2**20:.1f} taken")
        assert 0.95 < ratio < 1.05, ratio
