"""Writes a .safetensors file's tensors as other programs would, and checks what
came of them.

  foreign.py torch IN OUT.pt [plain|checkpoint|ddp]  PyTorch's torch.save
  foreign.py ranks MODEL DIR W                       arcface_torch's checkpoint
  foreign.py mxnet IN OUT.params                     MXNet's mx.nd.save
  foreign.py same A B                                A's tensors are B's
  foreign.py close A B                               but for the counters
  foreign.py from-mxnet A B                          A was imported from B

PyTorch isn't needed: a module of its name stands in for it."""
import array
import collections
import io
import os
import pickle
import struct
import sys
import types
import zipfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from safetensors import read


class Storage:
    def __init__(self, kind, key, data, count):
        self.kind, self.key, self.data, self.count = kind, key, data, count


class Tensor:
    """Pickled as torch's tensors are."""

    def __init__(self, storage, shape):
        self.storage, self.shape = storage, shape

    def __reduce__(self):
        stride, strides = 1, []
        for extent in reversed(self.shape):
            strides.insert(0, stride)
            stride *= extent
        return (sys.modules["torch._utils"]._rebuild_tensor_v2,
                (self.storage, 0, tuple(self.shape), tuple(strides), False,
                 collections.OrderedDict()))


def stand_in_for_torch():
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    sys.modules["torch"], sys.modules["torch._utils"] = torch, utils

    def _rebuild_tensor_v2():
        pass

    def _rebuild_parameter():
        pass

    for function in (_rebuild_tensor_v2, _rebuild_parameter):
        function.__module__ = "torch._utils"
        function.__qualname__ = function.__name__
        setattr(utils, function.__name__, function)
    for name in ("FloatStorage", "LongStorage"):
        kind = type(name, (), {})
        kind.__module__ = "torch"
        setattr(torch, name, kind)
    return torch


class Pickler(pickle.Pickler):
    def persistent_id(self, value):
        if isinstance(value, Storage):
            return ("storage", value.kind, value.key, "cpu", value.count)
        return None


def write_torch(tensors, path, form="plain", head=None):
    torch = stand_in_for_torch()
    kinds = {"F32": (torch.FloatStorage, 4), "I64": (torch.LongStorage, 8)}
    state, storages = collections.OrderedDict(), []
    for name, (dtype, shape, data) in tensors.items():
        kind, width = kinds[dtype]
        storage = Storage(kind, str(len(storages)), data, len(data) // width)
        storages.append(storage)
        if form == "ddp":
            name = "module." + name
        state[name] = Tensor(storage, shape)
    state._metadata = collections.OrderedDict({"": {"version": 1}})
    root = state
    if form == "checkpoint":
        root = {"epoch": 3, "global_step": 17, "state_dict_backbone": state,
                "state_optimizer": {"state": {}, "param_groups": [
                    {"lr": 0.1, "nesterov": False, "params": [0, 1],
                     "foreach": None}]}}
    if head:
        shape, data = head
        storage = Storage(torch.FloatStorage, str(len(storages)), data,
                          len(data) // 4)
        storages.append(storage)
        root["state_dict_softmax_fc"] = collections.OrderedDict(
            weight=Tensor(storage, shape))
    stream = io.BytesIO()
    Pickler(stream, 2).dump(root)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", stream.getvalue())
        archive.writestr("archive/byteorder", "little")
        for storage in storages:
            archive.writestr("archive/data/" + storage.key, storage.data)
        archive.writestr("archive/version", "3\n")


def write_ranks(model, folder, ranks):
    """As train_v2.py does with save_all_states: PartialFC_V2 gives the first
    C mod W ranks a class more."""
    backbone = read(os.path.join(model, "backbone.safetensors"))
    centers = read(os.path.join(model,
                                "class_centers-00000-of-00001.safetensors"))
    _, (classes, width), data = centers["head.weight"]
    first = 0
    for rank in range(ranks):
        rows = classes // ranks + (rank < classes % ranks)
        part = data[4 * width * first:4 * width * (first + rows)]
        write_torch(backbone, os.path.join(folder,
                                           "checkpoint_gpu_%d.pt" % rank),
                    "checkpoint", ([rows, width], part))
        first += rows


OUTER = {"conv1": "conv0", "bn1": "bn0", "prelu": "relu0", "bn2": "bn1",
         "fc": "pre_fc1", "features": "fc1"}
UNIT = {"bn1": "bn1", "conv1": "conv1", "bn2": "bn2", "prelu": "relu1",
        "conv2": "conv2", "bn3": "bn3", "downsample.0": "conv1sc",
        "downsample.1": "sc"}


def mxnet_name(name, names):
    layer, parameter = name.rsplit(".", 1)
    batch_norm = layer + ".running_mean" in names or layer.endswith("prelu")
    kind = {"weight": "gamma" if batch_norm else "weight",
            "bias": "beta" if batch_norm else "bias",
            "running_mean": "moving_mean", "running_var": "moving_var"}
    if layer.startswith("layer"):
        stage, unit, rest = layer.split(".", 2)
        layer = "stage%s_unit%d_%s" % (stage[5:], int(unit) + 1, UNIT[rest])
    else:
        layer = OUTER[layer]
    place = "aux" if "running" in parameter else "arg"
    return "%s:%s_%s" % (place, layer, kind[parameter])


def write_mxnet(tensors, path):
    tensors = {name: tensor for name, tensor in tensors.items()
               if tensor[0] == "F32"}
    out = struct.pack("<QQQ", 0x112, 0, len(tensors))
    for _, shape, data in tensors.values():
        out += struct.pack("<IiI", 0xf993fac9, 0, len(shape))
        out += struct.pack("<%dq" % len(shape), *shape)
        out += struct.pack("<iiI", 1, 0, 0) + data
    out += struct.pack("<Q", len(tensors))
    for name in tensors:
        text = mxnet_name(name, tensors).encode()
        out += struct.pack("<Q", len(text)) + text
    with open(path, "wb") as file:
        file.write(out)


def floats(tensor):
    values = array.array("f")
    values.frombytes(tensor[2])
    return values


def expect_from_mxnet(imported, original):
    assert imported.keys() == original.keys(), \
        imported.keys() ^ original.keys()
    for name, tensor in original.items():
        if tensor[0] != "F32":
            assert not any(imported[name][2]), name
            continue
        assert imported[name][:2] == tensor[:2], name
        for got, value in zip(floats(imported[name]), floats(tensor)):
            if name == "conv1.weight":
                value *= 127.5 / 128
            elif name == "features.weight":
                value = 1.0
            elif name.endswith("running_var"):
                value += 1e-5
            assert abs(got - value) <= 1e-6 * abs(value), (name, got, value)
    print("as MXNet means them")


def main():
    verb, first, second = sys.argv[1:4]
    if verb == "torch":
        write_torch(read(first), second, *sys.argv[4:])
    elif verb == "ranks":
        write_ranks(first, second, int(sys.argv[4]))
    elif verb == "mxnet":
        write_mxnet(read(first), second)
    elif verb == "from-mxnet":
        expect_from_mxnet(read(first), read(second))
    elif verb in ("same", "close"):
        a, b = read(first), read(second)
        if verb == "close":
            for tensors in (a, b):
                for name in [name for name in tensors
                             if name.endswith("num_batches_tracked")]:
                    del tensors[name]
        assert a == b, (a.keys() ^ b.keys(),
                        [name for name in a if a.get(name) != b.get(name)])
        print("the same")


if __name__ == "__main__":
    main()
