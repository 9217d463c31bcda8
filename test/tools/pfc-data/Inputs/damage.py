"""Spoils the signature of the image with key 3 and cuts the last record."""
import sys

folder = sys.argv[1]
with open(folder + "/train.idx") as file:
    offsets = {int(k): int(o) for k, o in (line.split("\t") for line in file)}
with open(folder + "/train.rec", "r+b") as file:
    file.seek(offsets[3] + 8 + 24)
    file.write(b"\0")
    file.truncate(offsets[0] + 20)
