"""check_pairs.py BIN FOLDER [apart]: the pairs are of FOLDER's files, byte for byte;
`same` is right, none comes twice, and each of ten folds has its pairs of one
identity, then as many of two; `apart`: no identity is in two folds."""
import glob
import os
import pickle
import sys

person_of, name_of = {}, {}
for path in glob.glob(sys.argv[2] + "/*/*"):
    with open(path, "rb") as file:
        data = file.read()
    assert data not in name_of, path
    name_of[data] = path
    person_of[data] = os.path.basename(os.path.dirname(path))

with open(sys.argv[1], "rb") as file:
    images, same = pickle.load(file)
pairs = list(zip(images[0::2], images[1::2]))
assert len(pairs) == len(same) and len(pairs) % 20 == 0
fold = len(pairs) // 10
seen, fold_of = set(), {}
for number, ((a, b), truth) in enumerate(zip(pairs, same)):
    assert truth == (person_of[a] == person_of[b]), number
    assert truth == (number % fold < fold // 2), number
    names = frozenset((name_of[a], name_of[b]))
    assert len(names) == 2 and names not in seen, number
    seen.add(names)
    for picture in (a, b):
        own = fold_of.setdefault(person_of[picture], number // fold)
        assert own == number // fold or "apart" not in sys.argv, number
