"""Partial FC with a margin (docs/spec.md, [head]), on one process.

The class centers are rows of a table outside of autograd: a step gathers the
rows that take part, and updates these rows and their momentum only. With
`shards` > 1 each shard of classes is sampled for itself, as each rank does.
"""
import math

import torch
from torch.nn import functional as F


def margin_logits(cosines, labels, m2, m3, scale):
    """s·cos θ, and s·(cos(θ + m2) − m3) at the label, with exact gradient."""
    rows = torch.arange(len(labels))
    target = cosines[rows, labels]
    if m2:
        # acos has no derivative at ±1; one float32 step away it has.
        target = torch.cos(torch.acos(target.clamp(-1 + 1e-7, 1 - 1e-7)) + m2)
    changed = cosines.index_put((rows, labels), target - m3)
    return scale * changed


class PartialFC:
    def __init__(self, classes, embedding_size, sample_rate=1.0, shards=1,
                 m2=0.5, m3=0.0, scale=64.0):
        self.weight = torch.empty(classes, embedding_size).normal_(0, 0.01)
        self.momentum = torch.zeros_like(self.weight)
        self.sample_rate, self.shards = sample_rate, shards
        self.m2, self.m3, self.scale = m2, m3, scale
        self.rows = self.sampled = None

    def _sample(self, labels):
        """Ascending class ids: in each shard its positives, filled up at
        random to ⌊rate · classes of the shard⌋."""
        classes = len(self.weight)
        if self.sample_rate == 1:
            return torch.arange(classes)
        key = torch.rand(classes)
        key[labels] = -1
        chosen, first = [], 0
        for shard in range(self.shards):
            count = classes // self.shards + (shard < classes % self.shards)
            keys = key[first:first + count]
            wanted = max(math.floor(self.sample_rate * count),
                         int((keys < 0).sum()))
            chosen.append(keys.argsort()[:wanted].sort().values + first)
            first += count
        return torch.cat(chosen)

    def loss(self, embeddings, labels):
        self.rows = self._sample(labels)
        self.sampled = self.weight[self.rows].requires_grad_()
        cosines = F.linear(F.normalize(embeddings), F.normalize(self.sampled))
        columns = torch.searchsorted(self.rows, labels)
        logits = margin_logits(cosines, columns, self.m2, self.m3, self.scale)
        return F.cross_entropy(logits, columns)

    def gradient(self):
        """After backward: of all class centers."""
        gradient = torch.zeros_like(self.weight)
        gradient[self.rows] = self.sampled.grad
        return gradient

    @torch.no_grad()
    def step(self, lr, momentum, weight_decay):
        """After backward: SGD on the rows that took part."""
        gradient = self.sampled.grad + weight_decay * self.sampled
        velocity = momentum * self.momentum[self.rows] + gradient
        self.momentum[self.rows] = velocity
        self.weight[self.rows] = self.sampled - lr * velocity
