"""Prints the width and height of PNG files."""
import struct
import sys

for path in sys.argv[1:]:
    with open(path, "rb") as file:
        print("%dx%d" % struct.unpack(">II", file.read(24)[16:]))
