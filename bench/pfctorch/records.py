"""Reads what docs/data.md describes: RecordIO training sets and .bin pairs.

train.rec is a row of parts `u32 magic, u32 cflag << 29 | length, bytes, zeros
up to a multiple of 4`; a record is cut (cflag 1, 2, 3) at each 4-aligned magic
in it. A record is `u32 flag, f32 label, u64 id, u64 id2`, `flag` more float32
labels, and an image file.
"""
import io
import os
import pickle
import struct

import numpy as np
from PIL import Image

MAGIC = struct.pack("<I", 0xCED7230A)
WHOLE, END = 0, 3


def read_record(file, offset):
    """The bytes of the record that starts at `offset`."""
    file.seek(offset)
    content = b""
    while True:
        head = file.read(8)
        if len(head) != 8 or head[:4] != MAGIC:
            raise ValueError(f"{file.name}: no record at offset {offset}")
        word, = struct.unpack("<I", head[4:])
        cflag, length = word >> 29, word & (1 << 29) - 1
        content += file.read(length)
        file.seek(-length % 4, os.SEEK_CUR)
        if cflag in (WHOLE, END):
            return content
        content += MAGIC  # the magic that the record was cut at


def parse_record(record):
    """(number of labels, labels, image file)."""
    flag, label, _, _ = struct.unpack("<IfQQ", record[:24])
    if flag == 0:
        return 0, [label], record[24:]
    labels = struct.unpack(f"<{flag}f", record[24:24 + 4 * flag])
    return flag, list(labels), record[24 + 4 * flag:]


def decode(image_file, channels):
    """An image file as uint8 [channels, height, width]."""
    image = Image.open(io.BytesIO(image_file))
    pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    return pixels.reshape(*pixels.shape[:2], channels).transpose(2, 0, 1)


def read_training_set(folder, channels):
    """uint8 images [n, channels, height, width] and int64 labels [n], in the
    order of their keys."""
    with open(os.path.join(folder, "train.idx")) as index:
        rows = (line.split("\t") for line in index)
        offsets = {int(key): int(offset) for key, offset in rows}
    images, labels = [], []
    with open(os.path.join(folder, "train.rec"), "rb") as file:
        flag, last, _ = parse_record(read_record(file, offsets[0]))
        # Key 0 is a header that ends the range of images, or an image itself.
        keys = range(1, int(last[0])) if flag > 0 else sorted(offsets)
        for key in keys:
            _, label, image_file = parse_record(read_record(file, offsets[key]))
            images.append(decode(image_file, channels))
            labels.append(int(label[0]))
    return np.stack(images), np.array(labels, dtype=np.int64)


def read_pairs(path, channels):
    """uint8 images [2n, channels, height, width] and booleans [n]."""
    with open(path, "rb") as file:
        files, same = pickle.load(file)  # our own file; never a stranger's
    images = np.stack([decode(image_file, channels) for image_file in files])
    return images, np.array(same, dtype=bool)
