"""damage.py IN OUT: changes one kept element of a record by a per cent."""
import json
import sys

record = json.load(open(sys.argv[1]))
entry = next(entry for entry in record["instructions"]
             if entry["type"] == "f32" and entry["count"] > 100)
entry["elements"][3] += 0.01 * (entry["norm"] / entry["count"] ** 0.5)
json.dump(record, open(sys.argv[2], "w"))
