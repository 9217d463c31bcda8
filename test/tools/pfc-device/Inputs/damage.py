"""damage.py IN OUT [WHAT]: changes a record by a per cent: one of the elements
that it keeps of a buffer; or WHAT it says of a buffer, its "mix"; or, of its
"steps", how far they changed the parameters."""
import json
import sys

record = json.load(open(sys.argv[1]))
what = sys.argv[3] if len(sys.argv) > 3 else "elements"
entry = next(entry for entry in record["instructions"]
             if entry["type"] == "f32" and entry["count"] > 100)
if what == "elements":
    entry["elements"][3] += 0.01 * (entry["norm"] / entry["count"] ** 0.5)
elif what == "steps":
    entry = next(entry for entry in record["steps"]
                 if "changed every Parameter" in entry["what"])
    entry["norm"] *= 1.01
else:
    entry[what] += 0.01 * entry["norm"]
json.dump(record, open(sys.argv[2], "w"))
