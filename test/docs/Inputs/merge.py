"""merge.py A.spec B.spec: A with B's keys behind those of the same section; of
a key in both B's line stays."""
import sys


def sections(path):
    found, name = {}, ""
    with open(path) as file:
        for line in file:
            if line.startswith("["):
                name = line.strip()
            elif line.strip():
                found.setdefault(name, {})[line.split("=")[0].strip()] = line
    return found


merged = sections(sys.argv[1])
for name, keys in sections(sys.argv[2]).items():
    merged.setdefault(name, {}).update(keys)
for name, keys in merged.items():
    print(name, *keys.values(), sep="\n")
