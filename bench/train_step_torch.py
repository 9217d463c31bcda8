"""How fast PyTorch trains the same network on a GPU, for tools/gpu_check.sh.

    train_step_torch.py --backbone r50 --batch 128 [--compile] [--classes N]

arcface_torch's iresnet (pfctorch/network.py) in channels_last under bf16
autocast, a softmax head with margin over all classes, SGD with momentum, fused.
Synthetic images and labels, as pfc-device's. One JSON object on stdout.
"""
import argparse
import json
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F

from pfctorch.network import IResNet


class MarginHead(nn.Module):
    """CosFace: s·(cos θ − m) at the label, as specs/r50.spec has it."""

    def __init__(self, classes, embedding_size, margin=0.4, scale=64.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, embedding_size) * 0.01)
        self.margin, self.scale = margin, scale

    def forward(self, embeddings, labels):
        cosines = F.linear(F.normalize(embeddings), F.normalize(self.weight))
        target = F.one_hot(labels, cosines.shape[1]).to(cosines.dtype)
        return F.cross_entropy(
            self.scale * (cosines - self.margin * target).float(), labels)


class Step(nn.Module):
    def __init__(self, arguments):
        super().__init__()
        self.network = IResNet(arguments.backbone, 112, 3, 512)
        self.head = MarginHead(arguments.classes, 512)

    def forward(self, images, labels):
        return self.head(self.network(images), labels)


def step_seconds(step, optimizer, images, labels, steps):
    times = []
    for i in range(5 + steps):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cuda", torch.bfloat16):
            loss = step(images, labels)
        loss.backward()
        optimizer.step()
        torch.cuda.synchronize()
        if i >= 5:
            times.append(time.perf_counter() - begin)
    return statistics.median(times)


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", default="r50")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--classes", type=int, default=10000)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--compile", action="store_true")
    return parser.parse_args()


def main():
    arguments = parse()
    torch.manual_seed(1)
    torch.backends.cudnn.benchmark = True
    step = Step(arguments).cuda().to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(step.parameters(), lr=0.01, momentum=0.9,
                                weight_decay=5e-4, fused=True)
    images = torch.randint(0, 256, (arguments.batch, 3, 112, 112),
                           dtype=torch.uint8, device="cuda")
    images = images.to(memory_format=torch.channels_last)
    labels = torch.randint(0, arguments.classes, (arguments.batch,),
                           device="cuda")
    run = torch.compile(step) if arguments.compile else step
    seconds = step_seconds(run, optimizer, images, labels, arguments.steps)
    print(json.dumps({
        "device": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "mode": "compile" if arguments.compile else "eager",
        "backbone": arguments.backbone,
        "batch": arguments.batch,
        "step_ms": seconds * 1e3,
        "images_per_second": arguments.batch / seconds,
        "peak_bytes": torch.cuda.max_memory_reserved(),
    }))


main()
