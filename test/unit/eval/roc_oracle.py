"""Prints the rates that RocTest.cpp expects, as InsightFace's eval_ijbc.py
reads them of scikit-learn's roc_curve. Needs numpy and scikit-learn."""
import numpy as np
from sklearn.metrics import roc_curve

from verification_oracle import random_floats

for seed, count, period, lift, levels in [(1, 4000, 5, 0.8, 1e6),
                                          (2, 4000, 5, 0.8, 20),
                                          (3, 300, 2, 0.3, 1e6),
                                          (4, 50000, 40, 1.6, 1000)]:
    same = np.arange(count) % period == 0
    score = random_floats(seed, count).astype(np.float64) + lift * same
    score = np.floor(score * levels) / levels
    fpr, tpr, _ = roc_curve(same, score)
    fpr, tpr = np.flipud(fpr), np.flipud(tpr)
    rates = [tpr[min(zip(abs(fpr - x), range(len(fpr))))[1]]
             for x in (1e-4, 1e-3, 1e-2, 1e-1)]
    print(f"    {{{seed}, {count}, {period}, {lift}, {levels:g}, "
          f"{{{', '.join(f'{r:.10f}' for r in rates)}}}}},")
