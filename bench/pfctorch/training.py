"""One optimizer step, and the learning rate of each (docs/spec.md)."""
import torch


def learning_rate(step, peak, warmup, total, power=1.0):
    """Linear warm-up, then polynomial decay to 0; steps count from 0."""
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (1 - (step - warmup) / (total - warmup)) ** power


class Trainer:
    """An optimizer on a backbone and a PartialFC head. Weight decay is on
    everything; the norm of the backbone's gradient alone is clipped."""

    def __init__(self, network, head, clip):
        self.network, self.head, self.clip = network, head, clip
        self.parameters = [p for p in network.parameters() if p.requires_grad]

    def step(self, images, labels, lr):
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.head.loss(self.network(images), labels)
        loss.backward()
        if self.clip > 0:
            torch.nn.utils.clip_grad_norm_(self.parameters, self.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.update(lr)
        return loss.item()


class SgdTrainer(Trainer):
    """With momentum; of the class centers, those that took part."""

    def __init__(self, network, head, momentum, weight_decay, clip):
        super().__init__(network, head, clip)
        self.momentum, self.weight_decay = momentum, weight_decay
        self.optimizer = torch.optim.SGD(self.parameters, lr=0.1,
                                         momentum=momentum,
                                         weight_decay=weight_decay)

    def update(self, lr):
        self.optimizer.step()
        self.head.step(lr, self.momentum, self.weight_decay)


class AdamWTrainer(Trainer):
    """On all class centers, as train_v2.py of arcface_torch."""

    def __init__(self, network, head, weight_decay, clip):
        super().__init__(network, head, clip)
        self.optimizer = torch.optim.AdamW(
            [{"params": self.parameters}, {"params": [head.weight]}],
            weight_decay=weight_decay)

    def update(self, lr):
        self.head.weight.grad = self.head.gradient()
        self.optimizer.step()
