"""sent_bytes.py FP32.json BF16.json: of `pfcc explain --json`, a rank sends
fewer bytes by half of the backbone's gradients, 2·(R − 1)/R of which it sends."""
import json
import sys

wide, narrow = (json.load(open(path)) for path in sys.argv[1:])
ranks = wide["ranks"]
gradients = wide["memory_bytes"]["backbone"] * 2 * (ranks - 1) / ranks
saved = wide["in_all"]["sent_bytes"] - narrow["in_all"]["sent_bytes"]
assert 0.48 * gradients < saved <= 0.5 * gradients, saved / gradients
