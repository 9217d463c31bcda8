"""at_least.py RESULTS.json KEY.KEY.KEY NUMBER: whether a result is as large."""
import json
import sys

value = json.load(open(sys.argv[1]))
for key in sys.argv[2].split("."):
    value = value[int(key) if isinstance(value, list) else key]
print(sys.argv[2], value)
sys.exit(value < float(sys.argv[3]))
