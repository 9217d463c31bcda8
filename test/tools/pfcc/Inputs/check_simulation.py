"""check_simulation.py SIMULATION EXPLANATION TOOLS: works out again what
`pfcc simulate` says of ids-1m-8gpu on v100: r50's layers from its definition
(insightface, arcface_torch/backbones/iresnet.py), what arcface_torch holds and
reads from torch_memory.py, the rest from peers.toml and machines.toml, which
are in the folder TOOLS. EXPLANATION is `pfcc explain`'s.
"""

import json
import math
import sys
import tomllib

import torch_memory

RANKS, BATCH, CLASSES, SIZE, RATE = 8, 1024, 1_000_000, 512, 0.1
ROUNDS = 3  # log2(RANKS)


class Network:
    """r50, an image: FLOP, elements passed over and kept; and its kernels."""

    def __init__(self):
        self.flops = self.passed = self.parameters = self.kernels = 0
        self.kept = {}  # elements by name of an activation
        side = 112
        image = self.conv("image", 3, "x", 64, 3, 112, 112, first=True)
        self.norm("x", 64, side)
        last = self.prelu("x", 64, side)
        channels = 64
        for blocks, width in (3, 64), (4, 128), (14, 256), (3, 512):
            for block in range(blocks):
                stride = 2 if block == 0 else 1
                name, out = f"{width}.{block}", side // stride
                self.norm(last, channels, side)
                self.conv(last + ".bn", channels, name + "a", width, 3, side, side)
                self.norm(name + "a", width, side)
                act = self.prelu(name + "a", width, side)
                self.conv(act, width, name + "b", width, 3, side, out)
                self.norm(name + "b", width, out)
                if block == 0:
                    self.conv(last, channels, name + "s", width, 1, side, out)
                    self.norm(name + "s", width, out)
                self.passed += 6 * width * out * out
                self.kernels += 2
                last, channels, side = name, width, out
        self.norm(last, channels, side)
        self.product("flat", 512 * 49, SIZE, 2 * 512 * 49 * SIZE, 512 * 49)
        self.weights(512 * 49 * SIZE)
        self.weights(SIZE)
        self.norm("fc", SIZE, 1, parameters=1)  # its scale is fixed

    def weights(self, elements):
        self.parameters += elements
        self.kernels += 1

    def product(self, source, inputs, outputs, flops, kept, first=False):
        padded = lambda channels: math.ceil(channels / 128) * 128 / channels
        self.flops += flops * (2 * padded(outputs) + (0 if first else padded(inputs)))
        self.kernels += 2 if first else 3
        self.kept[source] = kept

    def conv(self, source, inputs, name, outputs, kernel, side, out, first=False):
        flops = 2 * inputs * kernel**2 * outputs * out**2
        self.product(source, inputs, outputs, flops, inputs * side**2, first)
        self.weights(outputs * inputs * kernel**2)

    def norm(self, source, channels, side, parameters=2):
        self.passed += 8 * channels * side**2
        self.kernels += 2
        self.kept[source] = channels * side**2
        for _ in range(parameters):
            self.weights(channels)

    def prelu(self, name, channels, side):
        self.passed += 7 * channels * side**2
        self.kernels += 3
        self.kept[name + ".bn"] = channels * side**2
        self.weights(channels)
        return name + ".act"


def all_reduce(count, link):
    sent = 2 * (RANKS - 1) / RANKS * count
    return 2 * ROUNDS * link["latency"] + sent / link["bandwidth"]


def mxnet_head(home, network, method, rows, sampled, logits, row):
    """Memory, and the head's traffic."""
    partial = method == "Partial FC"
    memory = BATCH // RANKS * sum(network.kept.values()) * 2
    memory += 2 * row * rows + (2 * row * sampled if partial else 0)
    memory += home["row_buffers"] * row * sampled + home["logit_buffers"] * 4 * logits
    passes = home["row_passes"] + (home["gather_passes"] if partial else 0)
    owned = home["owned_bytes"] / (1 if method == "data parallel" else RANKS)
    return memory, (home["logit_bytes"] + owned) * logits + row * sampled * passes


def torch_head(home, method, rows, sampled, logits, row):
    images = BATCH // RANKS
    whole, backbone = torch_memory.memory(images, RANKS, rows, sampled, images)
    data = method == "data parallel"
    if data:
        whole = backbone + (2 + home["data_buffers"]) * row * rows
    every, owned, centers = torch_memory.passes(method == "Partial FC")
    return whole, 4 * (every + owned / (1 if data else RANKS)) * logits + row * sampled * centers


def peer(name, network, constants, machine, method):
    """Memory and the seconds of backbone, head and step."""
    home = constants["counted"] | constants["fitted"]
    split = method != "data parallel"
    whole = BATCH if split else BATCH // RANKS
    rows = CLASSES // RANKS if split else CLASSES
    sampled = int(RATE * rows) if method == "Partial FC" else rows
    partial = method == "Partial FC"
    logits, row = whole * sampled, 4 * SIZE
    if name == "mxnet":
        memory, traffic = mxnet_head(home, network, method, rows, sampled, logits, row)
    else:
        memory, traffic = torch_head(home, method, rows, sampled, logits, row)
    memory += home["base_mib"] * 2**20
    rate = home["conv"]["v100"]["half"] * machine["half"]
    backbone = BATCH // RANKS * (network.flops / rate + 2 * network.passed / machine["bandwidth"])
    backbone += network.kernels * home["kernel_us"] * 1e-6
    link = machine["inside"]
    gradients = all_reduce(network.parameters * home["gradient_bytes"], link)
    traffic += row * rows * (home["sampling_passes"] if partial else 0)
    head = 6 * SIZE * logits / machine["single"] + traffic / machine["bandwidth"]
    if split:
        share = (RANKS - 1) / RANKS
        sent = share * whole * (4 * SIZE * 2 + home["reduces"] * 2 * 4)
        messages = ROUNDS * (1 + 2 * home["reduces"] + RANKS)
        head += messages * link["latency"] + sent / link["bandwidth"]
    centers = 0 if split else all_reduce(row * rows, link)
    return memory, backbone, head, max(backbone, gradients + centers) + head


def load(path):
    with open(path, "rb") as file:
        return tomllib.load(file)


def equal(name, got, expected):
    assert math.isclose(got, expected, rel_tol=1e-6), (name, got, expected)
    print(f"{name}: {got:.6g}")


def main():
    with open(sys.argv[1]) as file:
        runs = {run["name"]: run for run in json.load(file)["runs"]}
    with open(sys.argv[2]) as file:
        explained = json.load(file)
    peers = load(sys.argv[3] + "/simulate/peers.toml")
    declared = load(sys.argv[3] + "/explain/machines.toml")["v100"]
    link = declared["inside"]
    machine = {
        "half": declared["half"] * 1e12,
        "single": declared["single"] * 1e12,
        "bandwidth": declared["bandwidth"] * 1e9,
        "inside": {
            "latency": link["latency"] * 1e-6,
            "bandwidth": link["bandwidth"] * 1e9,
        },
    }
    network = Network()
    for framework in "arcface_torch", "mxnet":
        for method in "data parallel", "model parallel", "Partial FC":
            name = f"{framework}, {method}"
            run = runs.pop(name)
            memory, backbone, head, seconds = peer(framework, network, peers[framework], machine, method)
            equal(name + ": memory", run["memory_bytes"], memory)
            equal(name + ": backbone", run["backbone_seconds"], backbone)
            equal(name + ": head", run["head_seconds"], head)
            equal(name + ": step", run["step_seconds"], seconds)
            equal(name + ": images/s", run["images_per_second"], BATCH / seconds)
            assert run["fits"] == (memory <= declared["memory"] * 2**30)
    own = runs.pop("this plan")
    assert not runs
    equal("arena", own["memory_bytes"], explained["memory_bytes"]["arena"])
    equal("step", own["step_seconds"], explained["step"]["seconds"])
    # The sampler goes on beside the backbone, and is in neither.
    computing = sum(
        part["seconds"] for name, part in explained["work"].items() if "collectives" not in name
    )
    counted = own["backbone_seconds"] + own["head_seconds"]
    assert 0.99 * computing < counted < computing, (counted, computing)
    equal("waiting", own["waiting_seconds"], explained["step"]["waiting"])
    equal("the parts", counted + own["waiting_seconds"], own["step_seconds"])


main()
