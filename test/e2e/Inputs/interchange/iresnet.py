"""arcface_torch's iresnet: what its state dict has, and the module itself.

  iresnet.py names SPEC.mlir BLOCKS...   the graph's variables are those
  iresnet.py load FILE.safetensors       PyTorch loads it with strict=True
  iresnet.py save FILE.safetensors OUT.pt  torch.save of it"""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from safetensors import read


def batch_norm(name, channels):
    return [(name + "." + part, [channels]) for part in
            ("weight", "bias", "running_mean", "running_var")]


def state_dict(blocks, widths=(64, 64, 128, 256, 512), size=7, embedding=512,
               image_channels=3):
    """[(name, shape)] in order, without the counters of batches."""
    stem = widths[0]
    entries = [("conv1.weight", [stem, image_channels, 3, 3])]
    entries += batch_norm("bn1", stem) + [("prelu.weight", [stem])]
    channels = stem
    for layer, count in enumerate(blocks):
        width = widths[layer + 1]
        for block in range(count):
            name = "layer%d.%d." % (layer + 1, block)
            entries += batch_norm(name + "bn1", channels)
            entries += [(name + "conv1.weight", [width, channels, 3, 3])]
            entries += batch_norm(name + "bn2", width)
            entries += [(name + "prelu.weight", [width]),
                        (name + "conv2.weight", [width, width, 3, 3])]
            entries += batch_norm(name + "bn3", width)
            if block == 0:
                entries += [(name + "downsample.0.weight",
                             [width, channels, 1, 1])]
                entries += batch_norm(name + "downsample.1", width)
            channels = width
    entries += batch_norm("bn2", channels)
    entries += [("fc.weight", [embedding, channels * size * size]),
                ("fc.bias", [embedding])]
    return entries + batch_norm("features", embedding)


def variables(path):
    """name -> shape in the state dict, of a module's replicated variables."""
    found = {}
    for line in open(path):
        match = re.search(r'pfc\.variable "([^"]+)"', line)
        if not match:
            continue
        shape = re.search(r"shape = \[([\d, ]+)\]>", line)
        kind = re.search(r": tensor<([\dx]+)xf32>", line)
        found[match.group(1)] = (
            [int(n) for n in shape.group(1).split(",")] if shape
            else [int(n) for n in kind.group(1).split("x")])
    return {name: shape for name, shape in found.items()
            if not name.startswith("head.")}


def check_names(path, blocks):
    expected, found = dict(state_dict(blocks)), variables(path)
    assert expected == found, (
        sorted(expected.keys() ^ found.keys()),
        [(name, expected[name], found[name]) for name in expected
         if name in found and expected[name] != found[name]])
    print("arcface_torch's", len(found), "names and shapes")


def make_module(tensors):
    """A module of arcface_torch's structure and these tensors' sizes."""
    from torch import nn

    def shape(name):
        return tensors[name][1]

    class Block(nn.Module):
        def __init__(self, name):
            super().__init__()
            width, channels = shape(name + "conv1.weight")[:2]
            self.bn1 = nn.BatchNorm2d(channels)
            self.conv1 = nn.Conv2d(channels, width, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(width)
            self.prelu = nn.PReLU(width)
            self.conv2 = nn.Conv2d(width, width, 3, 2, 1, bias=False)
            self.bn3 = nn.BatchNorm2d(width)
            if name + "downsample.0.weight" in tensors:
                self.downsample = nn.Sequential(
                    nn.Conv2d(channels, width, 1, 2, bias=False),
                    nn.BatchNorm2d(width))

    class IResNet(nn.Module):
        def __init__(self):
            super().__init__()
            stem, channels = shape("conv1.weight")[:2]
            self.conv1 = nn.Conv2d(channels, stem, 3, 1, 1, bias=False)
            self.bn1, self.prelu = nn.BatchNorm2d(stem), nn.PReLU(stem)
            layer = 1
            while "layer%d.0.conv1.weight" % layer in tensors:
                blocks, block = [], 0
                name = "layer%d.%d."
                while name % (layer, block) + "conv1.weight" in tensors:
                    blocks.append(Block(name % (layer, block)))
                    block += 1
                setattr(self, "layer%d" % layer, nn.Sequential(*blocks))
                layer += 1
            self.bn2 = nn.BatchNorm2d(shape("bn2.weight")[0])
            self.fc = nn.Linear(*reversed(shape("fc.weight")))
            self.features = nn.BatchNorm1d(shape("features.weight")[0])

    return IResNet()


def load(path):
    import torch
    types = {"F32": torch.float32, "I64": torch.int64}
    tensors = read(path)
    module = make_module(tensors)
    module.load_state_dict(
        {name: torch.frombuffer(bytearray(data), dtype=types[kind])
         .reshape(shape) for name, (kind, shape, data) in tensors.items()},
        strict=True)
    return module


def main():
    verb, path = sys.argv[1:3]
    if verb == "names":
        check_names(path, [int(count) for count in sys.argv[3:]])
    elif verb == "load":
        load(path)
        print("loaded")
    elif verb == "save":
        import torch
        torch.save(load(path).state_dict(), sys.argv[3])


if __name__ == "__main__":
    main()
