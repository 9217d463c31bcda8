"""Writes a small training set of patterns: data.py FOLDER COUNT SIZE CLASSES

A record set (docs/data.md) without identity headers: key i is image i, whose
label is a hash of i, so that reading in order mixes the identities. An
identity is a coarse random pattern; an image shifts it and adds noise. All of
it is integer arithmetic, and images are PNG, so every machine and decoder sees
the same pixels.
"""
import os
import struct
import sys
import zlib

MAGIC = 0xCED7230A
CELL = 4  # pixels a side of a pattern's squares


def splitmix64(x):
    mask = 2**64 - 1
    x = (x + 0x9E3779B97F4A7C15) & mask
    x = ((x ^ x >> 30) * 0xBF58476D1CE4E5B9) & mask
    x = ((x ^ x >> 27) * 0x94D049BB133111EB) & mask
    return x ^ x >> 31


def random_byte(*key):
    value = 0
    for part in key:
        value = splitmix64(value ^ part)
    return value >> 56


def pattern(label, row, column):
    return random_byte(1, label, row, column)


def pixel(image, label, y, x):
    dy, dx = random_byte(2, image) % CELL, random_byte(3, image) % CELL
    signal = pattern(label, (y + dy) // CELL, (x + dx) // CELL)
    return (3 * signal + random_byte(4, image, y, x)) // 4


def png(rows):
    """8-bit grey rows of bytes as a PNG file."""
    def chunk(kind, body):
        check = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(
            ">I", check)
    head = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 0, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body)
            + chunk(b"IEND", b""))


def draw(image, label, size):
    return png([bytes(pixel(image, label, y, x) for x in range(size))
                for y in range(size)])


def main():
    folder, count, size, classes = sys.argv[1], *map(int, sys.argv[2:])
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/property", "w") as file:
        file.write(f"{classes},{size},{size}\n")
    with open(f"{folder}/train.rec", "wb") as records, \
            open(f"{folder}/train.idx", "w") as index:
        for image in range(count):
            label = random_byte(5, image) % classes
            record = (struct.pack("<IfQQ", 0, label, image, 0)
                      + draw(image, label, size))
            index.write(f"{image}\t{records.tell()}\n")
            records.write(struct.pack("<II", MAGIC, len(record)) + record
                          + bytes(-len(record) % 4))


main()
