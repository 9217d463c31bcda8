"""check_events.py FOLDER METRICS: reads a folder of TensorBoard's event files as
TensorBoard does, every checksum included, and compares what is in it with
metrics.jsonl, both ways: tags, steps, and values as float32."""
import json
import os
import re
import struct
import sys


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


assert crc32c(b"123456789") == 0xE3069283


def records(path):
    with open(path, "rb") as file:
        data = file.read()
    while data:
        length, length_crc = struct.unpack_from("<QI", data)
        assert length_crc == masked(data[:8]), path
        event = data[12:12 + length]
        (event_crc,) = struct.unpack_from("<I", data, 12 + length)
        assert event_crc == masked(event), path
        yield event
        data = data[16 + length:]


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def fields(data):
    """(number, value) of each field of a message."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        elif key & 7 == 2:
            length, at = varint(data, at)
            value, at = data[at:at + length], at + length
            assert len(value) == length
        else:
            format = {1: "<d", 5: "<f"}[key & 7]
            (value,) = struct.unpack_from(format, data, at)
            at += struct.calcsize(format)
        yield key >> 3, value


def message(data):
    return dict(fields(data))


def read(folder):
    """{(tag, step): value}, and how many files."""
    found, times = {}, []
    names = sorted(os.listdir(folder))
    for name in names:
        assert re.fullmatch(r"events\.out\.tfevents\.\d{10}\..+\.\d+", name)
        events = [message(event) for event in records(f"{folder}/{name}")]
        assert events[0][3] == b"brain.Event:2", events[0]
        start = events[1]
        assert message(start[7]) == {1: 1}, start  # SessionLog.START
        first = start.get(2, 0)
        found = {key: value for key, value in found.items() if key[1] < first}
        for event in events[2:]:
            assert event[1] > 1.6e9, event
            for number, value in fields(event[5]):
                assert number == 1
                value = message(value)
                key = (value[1].decode(), event.get(2, 0))
                assert key not in found, key
                found[key] = value.get(2, 0.0)
        times += [event[1] for event in events]
    assert times == sorted(times)
    return found, len(names)


def expected(path):
    numbers = {}
    with open(path) as file:
        for row in map(json.loads, file):
            kind, step = row.pop("kind"), row.pop("step", None)
            if kind == "step":
                ending = ""
                del row["images"]
            elif kind == "verification":
                ending = "/" + row.pop("set")
                del row["pairs"]
            else:
                continue
            for key, value in row.items():
                numbers[key + ending, step] = value
    return numbers


def as_float32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


found, files = read(sys.argv[1])
wanted = expected(sys.argv[2])
assert found.keys() == wanted.keys(), found.keys() ^ wanted.keys()
for key, value in wanted.items():
    assert found[key] == as_float32(value), (key, found[key], value)
print(f"{files} files, {len(found)} numbers:",
      " ".join(sorted({tag for tag, _ in found})))
