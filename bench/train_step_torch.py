"""How fast PyTorch trains the same network.

    train_step_torch.py --backbone r50 --batch 128 [--compile] [--classes N]
                        [--precision bf16|fp32] [--device cuda|cpu]
                        [--fused-attention]

arcface_torch's network (pfctorch/network.py) in channels_last under bf16
autocast, a softmax head with margin over all classes, SGD with momentum, fused
where PyTorch has that. Synthetic images and labels, as pfc-device's. One JSON
object on stdout. tools/gpu_check.sh runs it on a GPU; on a CPU it stands beside
`pfc-device time` (bench/results/train-step.md).
"""
import argparse
import json
import platform
import resource
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F

from pfctorch.network import network


class MarginHead(nn.Module):
    """CosFace: s·(cos θ − m) at the label, as specs/r50.spec has it."""

    def __init__(self, classes, embedding_size, margin=0.4, scale=64.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, embedding_size) * 0.01)
        self.margin, self.scale = margin, scale

    def forward(self, embeddings, labels):
        cosines = F.linear(F.normalize(embeddings), F.normalize(self.weight))
        logits = self.scale * cosines.float()
        rows = torch.arange(len(labels), device=labels.device)
        margin = logits.new_full((), -self.scale * self.margin)
        logits = logits.index_put((rows, labels), margin, accumulate=True)
        return F.cross_entropy(logits, labels)


class Step(nn.Module):
    def __init__(self, arguments):
        super().__init__()
        options = {"fused": True} if arguments.fused_attention else {}
        self.network = network(arguments.backbone, 112, 3, 512, **options)
        self.head = MarginHead(arguments.classes, 512)

    def forward(self, images, labels):
        return self.head(self.network(images), labels)


def optimizer_of(step):
    settings = {"lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4}
    try:
        return torch.optim.SGD(step.parameters(), fused=True, **settings)
    except (TypeError, RuntimeError):  # older than 2.3, or not on this device
        return torch.optim.SGD(step.parameters(), foreach=True, **settings)


def step_seconds(step, optimizer, images, labels, steps, warm_up, bf16):
    device = images.device.type
    synchronize = (torch.cuda.synchronize if device == "cuda"
                   else lambda: None)
    times = []
    for i in range(warm_up + steps):
        synchronize()
        begin = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.bfloat16, enabled=bf16):
            loss = step(images, labels)
        loss.backward()
        optimizer.step()
        synchronize()
        if i >= warm_up:
            times.append(time.perf_counter() - begin)
    return statistics.median(times)


def device_name(device):
    return (torch.cuda.get_device_name() if device == "cuda"
            else platform.processor() or platform.machine())


def peak_bytes(device):
    if device == "cuda":
        return torch.cuda.max_memory_reserved()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="r50")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--classes", type=int, default=10000)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--warm-up", type=int, default=5)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--precision", choices=["bf16", "fp32"],
                        default="bf16")
    parser.add_argument("--fused-attention", action="store_true",
                        help="of a ViT: scaled_dot_product_attention")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    return parser.parse_args()


def main():
    arguments = parse()
    if arguments.compile and not hasattr(torch, "compile"):
        raise SystemExit(f"PyTorch {torch.__version__} has no torch.compile: "
                         "2.0 or newer is needed")
    device = arguments.device
    torch.manual_seed(1)
    torch.backends.cudnn.benchmark = True
    step = Step(arguments).to(device, memory_format=torch.channels_last)
    optimizer = optimizer_of(step)
    images = torch.randint(0, 256, (arguments.batch, 3, 112, 112),
                           dtype=torch.uint8, device=device)
    images = images.to(memory_format=torch.channels_last)
    labels = torch.randint(0, arguments.classes, (arguments.batch,),
                           device=device)
    run = torch.compile(step) if arguments.compile else step
    seconds = step_seconds(run, optimizer, images, labels, arguments.steps,
                           arguments.warm_up, arguments.precision == "bf16")
    print(json.dumps({
        "device": device_name(device),
        "torch": torch.__version__,
        "mode": "compile" if arguments.compile else "eager",
        "precision": arguments.precision,
        "backbone": arguments.backbone,
        "batch": arguments.batch,
        "step_ms": seconds * 1e3,
        "images_per_second": arguments.batch / seconds,
        "peak_bytes": peak_bytes(device),
    }))


main()
