"""Reads a record set and its .bin files from the formats' definitions alone:
MXNet's struct 'IfQQ', the key order of InsightFace, Python's pickle."""
import glob
import os
import pickle
import struct
import sys

folder = sys.argv[1]
with open(folder + "/train.rec", "rb") as file:
    data = file.read()
with open(folder + "/train.idx") as file:
    offsets = {int(k): int(o) for k, o in (line.split("\t") for line in file)}


def record(key):
    magic, lrec = struct.unpack_from("<II", data, offsets[key])
    assert magic == 0xCED7230A and lrec >> 29 == 0, key
    payload = data[offsets[key] + 8:][:lrec & (1 << 29) - 1]
    flag, label, ident, _ = struct.unpack_from("<IfQQ", payload)
    assert ident == key
    labels = struct.unpack_from(f"<{flag}f", payload, 24)
    return flag, labels or label, payload[24 + 4 * flag:]


flag, (first, end), image = record(0)
assert flag == 2 and image == b""
expected = 1
for identity, key in enumerate(range(int(first), int(end))):
    flag, (begin, stop), image = record(key)
    assert flag == 2 and image == b"" and begin == expected
    for number in range(int(begin), int(stop)):
        flag, label, image = record(number)
        assert flag == 0 and label == identity and image[:2] == b"\xff\xd8"
    expected = int(stop)
assert expected == int(first) and len(offsets) == int(end)
with open(folder + "/property") as file:
    assert int(file.read().split(",")[0]) == identity + 1
print(f"records: {identity + 1} identities, keys as InsightFace writes them")

for path in sorted(glob.glob(folder + "/*.bin")):
    with open(path, "rb") as file:
        images, same = pickle.load(file)
    assert len(images) == 2 * len(same)
    assert all(type(i) is bytes and i[:2] == b"\xff\xd8" for i in images)
    assert all(type(s) is bool for s in same)
    print(f"{os.path.basename(path)}: {len(same)} pairs, {sum(same)} same")
