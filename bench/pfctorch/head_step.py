"""The head's training step in PyTorch, timed: see ../head_vs_torch.py.

    head_step.py WAY,... CLASSES RATE BATCH SIZE [--device cuda] [--steps N]

Of shipped, shipped-tf32, eager, compiled, products.
shipped-tf32 allows products of fp32 to round their operands, which PyTorch does
not by itself; products are the step's three in bf16 and nothing else, which no
step can be faster than. One process, world size 1. Prints a JSON object for
each way: way, ms (median), extra_bytes; of several ways extra_bytes means
something on a GPU alone.
"""
import argparse
import json
import resource
import statistics
import time

import torch
from torch.nn import functional as F

SCALE, MARGIN, LR, MOMENTUM, DECAY = 64.0, 0.5, 0.1, 0.9, 5e-4


class Cross(torch.autograd.Function):
    """Softmax cross entropy in place, its gradient from one_hot."""

    @staticmethod
    def forward(context, logits, labels):
        largest = logits.max(dim=1, keepdim=True).values
        logits.sub_(largest).exp_()
        logits.div_(logits.sum(dim=1, keepdim=True))
        index = torch.where(labels != -1)[0]
        own = torch.zeros(len(logits), 1, device=logits.device)
        own[index] = logits[index].gather(1, labels[index, None])
        context.save_for_backward(index, logits, labels)
        return own.clamp_min_(1e-30).log_().mean() * -1

    @staticmethod
    def backward(context, loss_grad):
        index, logits, labels = context.saved_tensors
        hot = torch.zeros(len(index), logits.shape[1], device=logits.device)
        hot.scatter_(1, labels[index, None], 1)
        logits[index] -= hot
        logits.div_(len(logits))
        return logits * loss_grad.item(), None


def straight_arcface(logits, labels):
    """The margin on each row's own class, angles in and out of every logit; no
    gradient goes through it."""
    index = torch.where(labels != -1)[0]
    with torch.no_grad():
        logits.arccos_()
        hot = torch.zeros(len(index), logits.shape[1], device=logits.device)
        hot.scatter_(1, labels[index, None], MARGIN)
        logits[index] += hot
        logits.cos_()
    return logits * SCALE


class Shipped:
    """Samples, indexes and normalises W as a parameter of autograd, dense
    gradient and optimizer."""

    autocast = False

    def __init__(self, classes, rate, size, device):
        self.weight = torch.nn.Parameter(
            torch.empty(classes, size, device=device).normal_(0, 0.01))
        self.count = int(rate * classes)
        self.optimizer = self.make_optimizer()

    def make_optimizer(self):
        return torch.optim.SGD([self.weight], LR, MOMENTUM,
                               weight_decay=DECAY)

    @staticmethod
    def draw(classes, device):
        return torch.rand(classes).to(device)

    def sample(self, labels):
        classes = len(self.weight)
        if self.count == classes:
            return self.weight, labels
        positive = torch.unique(labels, sorted=True)
        if len(positive) <= self.count:
            key = self.draw(classes, labels.device)
            key[positive] = 2.0
            index = torch.topk(key, self.count)[1].sort()[0]
        else:
            index = positive
        return self.weight[index], torch.searchsorted(index, labels)

    def loss(self, embeddings, labels):
        rows, columns = self.sample(labels)
        with torch.autocast(labels.device.type, torch.bfloat16,
                            enabled=self.autocast):
            logits = F.linear(F.normalize(embeddings), F.normalize(rows))
        logits = logits.float().clamp(-1, 1)
        return Cross.apply(straight_arcface(logits, columns), columns)

    def step(self, embeddings, labels):
        self.optimizer.zero_grad(set_to_none=True)
        self.loss(embeddings, labels).backward()
        self.optimizer.step()


class Eager(Shipped):
    """The products in bf16; random numbers where they are used; the margin on
    the target alone; F.cross_entropy; one SGD kernel, or multi-tensor."""

    autocast = True

    def make_optimizer(self):
        one = ("fused" if self.weight.device.type == "cuda" else "foreach")
        return torch.optim.SGD([self.weight], LR, MOMENTUM,
                               weight_decay=DECAY, **{one: True})

    @staticmethod
    def draw(classes, device):
        return torch.rand(classes, device=device)

    def loss(self, embeddings, labels):
        rows, columns = self.sample(labels)
        with torch.autocast(labels.device.type, torch.bfloat16):
            cosines = F.linear(F.normalize(embeddings), F.normalize(rows))
        return margin_loss(cosines.float(), columns)


def margin_loss(cosines, columns):
    target = cosines.gather(1, columns[:, None]).clamp(-1 + 1e-6, 1 - 1e-6)
    changed = torch.cos(torch.acos(target) + MARGIN)
    return F.cross_entropy(
        SCALE * cosines.scatter(1, columns[:, None], changed), columns)


class Compiled(Eager):
    """Static shapes; the rows that took part leave autograd, and so does their
    update."""

    def __init__(self, classes, rate, size, device):
        super().__init__(classes, rate, size, device)
        self.momentum = torch.zeros(classes, size, device=device)
        mode = ("max-autotune-no-cudagraphs" if device == "cuda" else "default")
        self.body = torch.compile(self.rows_step, mode=mode)
        self.update = torch.compile(self.rows_update)

    def rows_step(self, embeddings, rows, columns):
        def loss(x, w):
            cosines = F.linear(F.normalize(x).bfloat16(),
                               F.normalize(w).bfloat16()).float()
            return margin_loss(cosines, columns)
        value = loss(embeddings, rows)
        return torch.autograd.grad(value, (embeddings, rows))

    def step(self, embeddings, labels):
        with torch.no_grad():
            index, rows, columns = None, self.weight.detach(), labels
            if self.count < len(self.weight):
                key = self.draw(len(self.weight), labels.device).scatter_(
                    0, labels, 2.0)
                index = torch.topk(key, self.count)[1].sort()[0]
                columns = torch.searchsorted(index, labels)
                rows = self.weight[index]
        _, gradient = self.body(embeddings, rows.requires_grad_(), columns)
        with torch.no_grad():
            self.update(index, rows.detach(), gradient)

    def rows_update(self, index, rows, gradient):
        if index is None:
            self.momentum.mul_(MOMENTUM).add_(gradient).add_(rows, alpha=DECAY)
            self.weight.sub_(self.momentum, alpha=LR)
            return
        velocity = MOMENTUM * self.momentum[index] + gradient + DECAY * rows
        self.momentum[index] = velocity
        self.weight[index] = rows - LR * velocity


class Products:
    """A step's three products in bf16."""

    def __init__(self, classes, rate, size, device):
        rows = max(int(classes * rate), 1)
        self.rows = torch.randn(rows, size, device=device).bfloat16()

    def step(self, embeddings, labels):
        with torch.no_grad():
            x = embeddings.bfloat16()
            logits = x @ self.rows.T
            logits @ self.rows
            logits.T @ x


WAYS = {"shipped": Shipped, "shipped-tf32": Shipped, "eager": Eager,
        "compiled": Compiled, "products": Products}


def peak_bytes(device):
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("ways", type=lambda text: text.split(","))
    parser.add_argument("classes", type=int)
    parser.add_argument("rate", type=float)
    parser.add_argument("batch", type=int)
    parser.add_argument("size", type=int)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--steps", type=int, default=5)
    return parser.parse_args()


def measure(way, arguments):
    if way == "compiled" and not hasattr(torch, "compile"):
        return {"missing": "torch.compile"}
    device = arguments.device
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    torch.manual_seed(1)
    torch.backends.cuda.matmul.allow_tf32 = way == "shipped-tf32"
    head = WAYS[way](arguments.classes, arguments.rate, arguments.size, device)
    embeddings = torch.randn(arguments.batch, arguments.size, device=device)
    embeddings.requires_grad_()
    labels = torch.randint(arguments.classes, (arguments.batch,), device=device)
    before = peak_bytes(device)
    times = []
    warm_up = 3 if device == "cuda" else 1
    for _ in range(warm_up + arguments.steps):
        begin = time.perf_counter()
        head.step(embeddings, labels)
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - begin)
    # The optimizer makes its momentum in the first step.
    momentum = (4 * arguments.classes * arguments.size
                if way in ("shipped", "shipped-tf32", "eager") else 0)
    return {"ms": 1e3 * statistics.median(times[warm_up:]),
            "extra_bytes": peak_bytes(device) - before - momentum}


def main():
    arguments = parse()
    for way in arguments.ways:
        try:
            result = measure(way, arguments)
        except getattr(torch, "OutOfMemoryError", MemoryError) as error:
            result = {"missing": str(error).split(".")[0]}
        print(json.dumps({"way": way} | result), flush=True)


main()
