"""rename_tensor.py IN OLD NEW OUT: the .safetensors IN with a tensor renamed."""
import json
import struct
import sys

source, old, new, target = sys.argv[1:]
with open(source, "rb") as file:
    data = file.read()
length = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8:8 + length])
header[new] = header.pop(old)
text = json.dumps(header).encode()
with open(target, "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + data[8 + length:])
