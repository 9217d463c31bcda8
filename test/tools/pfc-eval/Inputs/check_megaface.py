"""check_megaface.py MEGAFACE FEATURES ALGORITHM RESULTS.json: the rates of
pfc-eval megaface, from the files for MegaFace's devkit, as the devkit compares:
by Euclidean distance, noise being one dimension away."""
import json
import struct
import sys

folder, features, algorithm, results_path = sys.argv[1:]


def read(kind, name):
    data = open(f"{features}/{kind}/{name}_{algorithm}.bin", "rb").read()
    rows, *rest = struct.unpack("<4i", data[:16])
    assert rest == [1, 4, 5] and len(data) == 16 + 4 * rows
    return struct.unpack(f"<{rows}f", data[16:])


def distance(a, b):
    return sum((x - y) * (x - y) for x, y in zip(a, b))


names = open(folder + "/facescrub_lst").read().split()
probes = [read("facescrub", name) for name in names]
distractors = [read("megaface", name) for name in
               open(folder + "/megaface_lst").read().split()]
noise = sum(d[-1] == 100 for d in distractors)
results = json.load(open(results_path))
assert noise == results["distractor_noises"] and len(probes) == \
    results["probes"]

found = {1: 0, 10: 0}
same, others, ordered = [], [], 0
for i, probe in enumerate(probes):
    away = sorted(distance(probe, d) for d in distractors)
    others += away[:50]
    for j, mate in enumerate(probes):
        if i == j or names[i].split("/")[0] != names[j].split("/")[0]:
            continue
        own = distance(probe, mate)
        ordered += 1
        for rank in found:
            found[rank] += sum(d < own for d in away[:rank]) < rank
        if i < j:
            same.append(own)
for rank in found:
    assert abs(found[rank] / ordered - results["found_at_rank"][str(rank)]) \
        < 2e-3, (rank, found[rank] / ordered)
others.sort()
for far, value in results["tar_at_far"].items():
    passing = int(float(far) * len(probes) * len(distractors))
    expected = sum(d < others[passing] for d in same) / len(same)
    print(far, expected, value)
    assert abs(expected - value) < 2e-3
