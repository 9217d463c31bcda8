"""Writes grey PNGs of 32x32, all different: make_people.py FOLDER PEOPLE EACH
has FOLDER/<person>/<image>.png."""
import os
import struct
import sys
import zlib

SIZE = 32


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png(person, image):
    rows = b"".join(b"\0" + bytes((x * (person + 1) + y * y + 7 * image) % 256
                                  for x in range(SIZE)) for y in range(SIZE))
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 0, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


folder, people, each = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for person in range(people):
    os.makedirs(f"{folder}/{person}")
    for image in range(each):
        with open(f"{folder}/{person}/{image}.png", "wb") as file:
            file.write(png(person, image))
