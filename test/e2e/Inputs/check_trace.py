"""Checks traces of a step of RANKS ranks: that they are what Perfetto reads,
that they have the same rows with the same names in the same order, and that
what is on a row doesn't overlap.

usage: check_trace.py RANKS PREDICTED MEASURED
"""

import json
import sys

ROUNDING = 1e-3  # microseconds


def rows_of(path, ranks):
    """{(rank, row name): [event]}, and the names of all rows."""
    with open(path) as file:
        trace = json.load(file)
    names, rows = {}, {}
    for event in trace["traceEvents"]:
        row = event["pid"], event["tid"]
        if event["ph"] == "M":
            if event["name"] == "thread_name":
                names[row] = event["args"]["name"]
            else:
                assert event["name"] == "process_name", event
                assert event["args"]["name"] == f"rank {event['pid']}", event
            continue
        assert event["ph"] == "X", event
        assert event["ts"] >= -ROUNDING and event["dur"] >= -ROUNDING, event
        assert event["name"] and "instruction" in event["args"], event
        rows.setdefault(row, []).append(event)
    assert sorted({rank for rank, _ in names}) == list(range(ranks)), names
    assert set(rows) <= set(names)
    return {(rank, name): rows.get((rank, row), []) for (rank, row), name in names.items()}


def check_order(path, events):
    for one, next in zip(events, events[1:]):
        assert one["ts"] + one["dur"] <= next["ts"] + ROUNDING, (path, one, next)


def main():
    ranks = int(sys.argv[1])
    predicted, measured = (rows_of(path, ranks) for path in sys.argv[2:])
    assert predicted.keys() == measured.keys()
    for row in predicted:
        names = [[event["name"] for event in rows[row]] for rows in (predicted, measured)]
        assert names[0] == names[1], row
        for path, rows in zip(sys.argv[2:], (predicted, measured)):
            check_order(path, rows[row])
            if row[1] == "computation":
                assert sum(event["dur"] for event in rows[row]) > 0, path
            else:
                assert bool(rows[row]) == (ranks > 1), path
                assert all(event["dur"] > 0 for event in rows[row]), path


main()
