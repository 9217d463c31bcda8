"""Writes a folder of 8x8 grey PNGs: ann 1, bob 2, cleo 4 images."""
import os
import struct
import sys
import zlib


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png(value, size=8):
    rows = (b"\0" + bytes([value] * size)) * size
    header = struct.pack(">IIBBBBB", size, size, 8, 0, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


for name, count in (("ann", 1), ("bob", 2), ("cleo", 4)):
    folder = os.path.join(sys.argv[1], name)
    os.makedirs(folder)
    for i in range(count):
        with open(os.path.join(folder, f"{i}.png"), "wb") as file:
            file.write(png(10 * i + count))
