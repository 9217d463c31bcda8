"""no_zero_rows.py FOLDER: fails where a class center of a run is all zero."""
import glob
import json
import struct
import sys

rows = 0
for path in sorted(glob.glob(f"{sys.argv[1]}/class_centers-*.safetensors")):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    tensor = header["head.weight"]
    begin, end = tensor["data_offsets"]
    width = (end - begin) // tensor["shape"][0]
    for at in range(begin, end, width):
        assert any(data[at:at + width]), f"{path}: row {(at - begin) // width}"
        rows += 1
print(rows, "class centers")
assert rows == 37
