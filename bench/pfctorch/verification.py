"""The 10-fold protocol of docs/evaluation.md, without flips."""
import numpy as np
import torch

FOLDS = 10


@torch.no_grad()
def embed(network, images, batch=250):
    network.eval()
    parts = [network(torch.from_numpy(images[i:i + batch]))
             for i in range(0, len(images), batch)]
    network.train()
    return torch.cat(parts).numpy()


def squared_distances(embeddings):
    """Of pairs (2i, 2i + 1), after scaling to length 1; in [0, 4]."""
    unit = embeddings.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    return ((unit[0::2] - unit[1::2]) ** 2).sum(1)


def accuracy(embeddings, same):
    """Mean and population standard deviation over folds, each at the first
    threshold that is best on the other nine."""
    distance = squared_distances(embeddings)
    thresholds = np.arange(400) * 0.01
    correct = (distance[:, None] < thresholds) == same[:, None]
    folds = np.array_split(np.arange(len(same)), FOLDS)
    results = []
    for fold in folds:
        others = np.delete(correct, fold, axis=0)
        best = others.sum(0).argmax()
        results.append(correct[fold, best].mean())
    return float(np.mean(results)), float(np.std(results))
