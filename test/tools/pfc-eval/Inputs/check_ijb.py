"""check_ijb.py IJB SCORES.npy RESULTS.json: the rates of pfc-eval ijb, from the
pairs' cosines. A rate is read at the point of the curve nearest to it, which
with few pairs is compared with the two points around."""
import json
import struct
import sys

folder, scores_path, results_path = sys.argv[1:]
data = open(scores_path, "rb").read()
assert data[:6] == b"\x93NUMPY" and b"'<f8'" in data[:128]
scores = [v for v, in struct.iter_unpack("<d", data[128:])]
pairs = [line.split() for line in
         open(folder + "/meta/glyph_template_pair_label.txt")]
assert len(scores) == len(pairs)
same = sorted((s for s, p in zip(scores, pairs) if p[2] == "1"), reverse=True)
other = sorted((s for s, p in zip(scores, pairs) if p[2] == "0"), reverse=True)
results = json.load(open(results_path))


def tar(accepted):
    """With the highest threshold that lets `accepted` others pass."""
    threshold = other[accepted] if accepted < len(other) else -2
    return sum(s > threshold for s in same) / len(same)


for far, value in results["verification"]["tar_at_far"].items():
    place = float(far) * len(other)
    low = tar(max(0, int(place) - 2))
    high = tar(int(place) + 2)
    print(far, low, value, high)
    assert low <= value <= high

# Every probe was compared with the whole gallery.
rows = {}
for (gallery, probe, label), score in zip(pairs, scores):
    rows.setdefault(probe, []).append((score, label == "1"))
for rank, value in results["identification"]["found_at_rank"].items():
    found = 0
    for row in rows.values():
        own = max(score for score, mate in row if mate)
        found += sum(score > own for score, _ in row) < int(rank)
    assert abs(found / len(rows) - value) < 1e-9, (rank, found)
for fpir, value in results["identification"]["tpir_at_fpir"].items():
    taken = -int(-float(fpir) * len(rows) // 1)
    threshold = other[taken - 1]
    expected = sum(s > threshold for s in same) / len(rows)
    assert abs(expected - value) < 1e-9, (fpir, expected, value)
