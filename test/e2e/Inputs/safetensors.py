"""Lists the tensors of one .safetensors file, or of two and whether they hold
the same.  Usage: safetensors.py A [B]"""
import json
import struct
import sys


def read(path):
    """name -> (dtype, shape, bytes)"""
    with open(path, "rb") as file:
        contents = file.read()
    (length,) = struct.unpack_from("<Q", contents)
    header = json.loads(contents[8:8 + length])
    header.pop("__metadata__", None)
    at = 8 + length
    return {name: (entry["dtype"], entry["shape"],
                   contents[at + entry["data_offsets"][0]:
                            at + entry["data_offsets"][1]])
            for name, entry in header.items()}


def main():
    files = [read(path) for path in sys.argv[1:]]
    for name, (dtype, shape, _) in sorted(files[0].items()):
        print(name, dtype, shape)
    if len(files) == 2:
        print("the same" if files[0] == files[1] else "they differ")


if __name__ == "__main__":
    main()
