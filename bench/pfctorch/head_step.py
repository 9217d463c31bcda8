"""The head's training step in PyTorch, timed: see ../head_vs_torch.py.

    head_step.py shipped|eager|compiled CLASSES RATE BATCH SIZE

One process, world size 1. Prints a JSON object: ms (median), extra_bytes.
"""
import json
import resource
import statistics
import sys
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
        own = torch.zeros(len(logits), 1)
        own[index] = logits[index].gather(1, labels[index, None])
        context.save_for_backward(index, logits, labels)
        return own.clamp_min_(1e-30).log_().mean() * -1

    @staticmethod
    def backward(context, loss_grad):
        index, logits, labels = context.saved_tensors
        hot = torch.zeros(len(index), logits.shape[1])
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
        hot = torch.zeros(len(index), logits.shape[1])
        hot.scatter_(1, labels[index, None], MARGIN)
        logits[index] += hot
        logits.cos_()
    return logits * SCALE


class Shipped:
    """Samples, indexes and normalises W as a parameter of autograd, dense
    gradient and optimizer."""

    autocast = False

    def __init__(self, classes, rate, size):
        self.weight = torch.nn.Parameter(torch.normal(0, 0.01, (classes, size)))
        self.count = int(rate * classes)
        self.optimizer = self.make_optimizer()

    def make_optimizer(self):
        return torch.optim.SGD([self.weight], LR, MOMENTUM,
                               weight_decay=DECAY)

    def sample(self, labels):
        classes = len(self.weight)
        if self.count == classes:
            return self.weight, labels
        positive = torch.unique(labels, sorted=True)
        if len(positive) <= self.count:
            key = torch.rand(classes)
            key[positive] = 2.0
            index = torch.topk(key, self.count)[1].sort()[0]
        else:
            index = positive
        return self.weight[index], torch.searchsorted(index, labels)

    def loss(self, embeddings, labels):
        rows, columns = self.sample(labels)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.autocast):
            logits = F.linear(F.normalize(embeddings), F.normalize(rows))
        logits = logits.float().clamp(-1, 1)
        return Cross.apply(straight_arcface(logits, columns), columns)

    def step(self, embeddings, labels):
        self.optimizer.zero_grad(set_to_none=True)
        self.loss(embeddings, labels).backward()
        self.optimizer.step()


class Eager(Shipped):
    """The products in bf16; the margin on the target alone; F.cross_entropy;
    one multi-tensor SGD."""

    autocast = True

    def make_optimizer(self):
        return torch.optim.SGD([self.weight], LR, MOMENTUM,
                               weight_decay=DECAY, foreach=True)

    def loss(self, embeddings, labels):
        rows, columns = self.sample(labels)
        with torch.autocast("cpu", torch.bfloat16):
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

    def __init__(self, classes, rate, size):
        super().__init__(classes, rate, size)
        self.momentum = torch.zeros(classes, size)
        self.body = torch.compile(self.rows_step)

    def rows_step(self, embeddings, rows, columns):
        def loss(x, w):
            cosines = F.linear(F.normalize(x).bfloat16(),
                               F.normalize(w).bfloat16()).float()
            return margin_loss(cosines, columns)
        value = loss(embeddings, rows)
        return torch.autograd.grad(value, (embeddings, rows))

    def step(self, embeddings, labels):
        with torch.no_grad():
            index = torch.arange(len(self.weight))
            columns = labels
            if self.count < len(self.weight):
                key = torch.rand(len(self.weight)).scatter_(
                    0, labels, torch.full((len(labels),), 2.0))
                index = torch.topk(key, self.count)[1].sort()[0]
                columns = torch.searchsorted(index, labels)
            rows = self.weight[index]
        _, gradient = self.body(embeddings, rows.requires_grad_(), columns)
        with torch.no_grad():
            velocity = MOMENTUM * self.momentum[index] + gradient + DECAY * rows
            self.momentum[index] = velocity
            self.weight[index] = rows - LR * velocity


def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main():
    way = sys.argv[1]
    classes, batch, size = int(sys.argv[2]), int(sys.argv[4]), int(sys.argv[5])
    if way == "compiled" and not hasattr(torch, "compile"):
        print(json.dumps({"missing": "torch.compile"}))
        return
    torch.manual_seed(1)
    head = {"shipped": Shipped, "eager": Eager,
            "compiled": Compiled}[way](classes, float(sys.argv[3]), size)
    embeddings = torch.randn(batch, size).requires_grad_()
    labels = torch.randint(classes, (batch,))
    before = peak_bytes()
    times = []
    for _ in range(6):
        begin = time.perf_counter()
        head.step(embeddings, labels)
        times.append(time.perf_counter() - begin)
    # The optimizer makes its momentum in the first step.
    extra = peak_bytes() - before - 4 * classes * size
    print(json.dumps({"ms": 1e3 * statistics.median(times[1:]),
                      "extra_bytes": extra}))


main()
