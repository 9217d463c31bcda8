"""same_tensors.py A B: which tensors of two checkpoints' files differ, bit for
bit, and how many."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from safetensors import read

a, b = map(pathlib.Path, sys.argv[1:])
for path in sorted(a.glob("*.safetensors")):
    mine, other = read(path), read(b / path.name)
    assert mine.keys() == other.keys(), path.name
    differ = [name for name in mine if mine[name] != other[name]]
    for name in differ:
        print("differ:", name)
    print(f"{path.name}: {len(mine)} tensors, {len(differ)} differ")
