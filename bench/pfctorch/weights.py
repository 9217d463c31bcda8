"""Reads what `pfc-run` writes to its output folder."""
import json
import struct

import numpy as np
import torch

TYPES = {"F32": np.float32, "I64": np.int64}


def read_safetensors(path):
    """Tensors by name: u64 n, n bytes of JSON, contents (little endian)."""
    with open(path, "rb") as file:
        length, = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        contents = file.read()
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        array = np.frombuffer(contents[begin:end], TYPES[entry["dtype"]])
        tensors[name] = torch.from_numpy(array.reshape(entry["shape"]).copy())
    return tensors


def read_model(folder):
    """(state dict of the backbone, class centers [C, d]) of one rank's run."""
    centers = read_safetensors(
        f"{folder}/class_centers-00000-of-00001.safetensors")
    return (read_safetensors(f"{folder}/backbone.safetensors"),
            centers["head.weight"])
