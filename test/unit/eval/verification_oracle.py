"""The ten-fold protocol written out in numpy, the plain way, on embeddings that
VerificationTest.cpp makes too. Prints the numbers that test expects."""
import numpy as np


def random_floats(seed, count):
    """splitmix64, top 24 bits as float32 in [-1, 1)."""
    state = np.uint64(seed)
    with np.errstate(over="ignore"):
        z = state + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(
            0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-23)
            - np.float32(1))


def embeddings(seed, pairs, dim, noise):
    """Pair i: same iff (i // 3) % 2 == 0; then b is a plus noise."""
    base = random_floats(seed, 2 * pairs * dim).reshape(pairs, 2, dim)
    extra = random_floats(seed + 1, pairs * dim).reshape(pairs, dim)
    same = (np.arange(pairs) // 3) % 2 == 0
    base[same, 1] = base[same, 0] + np.float32(noise) * extra[same]
    return base.reshape(2 * pairs, dim), same


def evaluate(emb, same):
    emb = emb.astype(np.float64)
    norm = np.linalg.norm(emb, axis=1)
    emb = emb / norm[:, None]
    dist = np.sum((emb[0::2] - emb[1::2])**2, axis=1)
    n = len(same)
    sizes = [n // 10 + (f < n % 10) for f in range(10)]
    fold = np.repeat(np.arange(10), sizes)
    accuracy, chosen, tar = [], [], {1e-3: [], 1e-4: []}
    for f in range(10):
        train, test = fold != f, fold == f
        grid = np.arange(0, 4, 0.01)
        acc = [np.mean((dist[train] < t) == same[train]) for t in grid]
        best = grid[int(np.argmax(acc))]
        chosen.append(best)
        accuracy.append(np.mean((dist[test] < best) == same[test]))
        grid = np.arange(0, 4, 0.001)
        far = [np.mean(dist[train & ~same] < t) for t in grid]
        for target in tar:
            t = np.interp(target, far, grid) if max(far) >= target else 0
            tar[target].append(np.mean(dist[test & same] < t))
    roc = []
    for target in tar:
        best = 0
        for t in np.concatenate([dist, [5]]):
            if np.mean(dist[~same] < t) <= target:
                best = max(best, np.mean(dist[same] < t))
        roc.append(best)
    return (np.mean(accuracy), np.std(accuracy), np.mean(chosen),
            np.mean(tar[1e-3]), np.mean(tar[1e-4]), roc[0], roc[1],
            np.mean(norm))


if __name__ == "__main__":
    for seed, pairs, dim, noise in [(1, 200, 8, 100.0), (2, 600, 16, 0.5),
                                    (3, 607, 16, 1.2), (4, 6000, 16, 1.2),
                                    (5, 60, 4, 0.01)]:
        values = evaluate(*embeddings(seed, pairs, dim, noise))
        print("{%d, %d, %d, %sf," % (seed, pairs, dim, noise))
        print(" {" + ", ".join("%.12g" % v for v in values) + "}},")
