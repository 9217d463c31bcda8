"""Runs the cases of a file: each is an input that is wrong in one way, and what
the tool must say of it, to the letter, with exit status 1.

  bad_input.py FAMILY CASES FOLDER [--update]

A case is
  == what is wrong
  the input: a spec's text, or Python that damages a good file (see below)
  --
  what the tool prints; FOLDER is written as DIR
--update writes what the tools print now, to be read before it is committed."""
import json
import os
import shutil
import struct
import subprocess
import sys
import zlib

here = os.path.dirname(os.path.abspath(__file__))
root = os.path.join(here, "../../..")
sys.path.insert(0, os.path.join(root, "test/e2e/Inputs/interchange"))
import foreign


class Folder:
    """Files of a case, and what may be done to them."""

    def __init__(self, path):
        self.path = path

    def at(self, name):
        return os.path.join(self.path, name)

    def get(self, name):
        with open(self.at(name), "rb") as file:
            return file.read()

    def put(self, name, contents):
        os.makedirs(os.path.dirname(self.at(name)), exist_ok=True)
        with open(self.at(name), "wb") as file:
            file.write(contents if isinstance(contents, bytes)
                       else contents.encode())

    def cut(self, name, count):
        self.put(name, self.get(name)[:-count])

    def overwrite(self, name, offset, contents):
        old = self.get(name)
        self.put(name, old[:offset] + contents +
                 old[offset + len(contents):])

    def remove(self, name):
        os.remove(self.at(name))

    def edit(self, name, path, value):
        """Sets a value of a JSON file: edit("x", "/files/0/name", "a")."""
        document = json.loads(self.get(name))
        set_value(document, path, value)
        self.put(name, json.dumps(document))


def set_value(document, path, value):
    *steps, last = [int(step) if step.isdigit() else step
                    for step in path.strip("/").split("/")]
    for step in steps:
        document = document[step]
    if value is None:
        del document[last]
    else:
        document[last] = value


# Specs: the text itself.

def run_spec(text, folder):
    folder.put("x.spec", text)
    return ["pfcc", "compile", folder.at("x.spec"), "--emit=graph"]


# Plans: Python with `plan`, the plan as JSON (flatc), and set("/path", value);
# or with bytes(f), f from the good plan's bytes to the bad one's.

SCHEMA = os.path.join(root, "runtime/plan/plan.fbs")
GOOD_PLAN = os.path.join(root, "test/runtime/plan/v1.plan")


def flatc(folder, *arguments):
    subprocess.run(["flatc", "-o", folder.path, *arguments], check=True,
                   stdout=subprocess.DEVNULL)


def run_plan(text, folder):
    flatc(folder, "--json", "--strict-json", "--raw-binary", SCHEMA, "--",
          GOOD_PLAN)
    plan = json.loads(folder.get("v1.json"))
    with open(GOOD_PLAN, "rb") as file:
        good = file.read()
    made = []
    exec(text, {"plan": plan, "good": good, "root": root,
                "set": lambda path, value: set_value(plan, path, value),
                "main": plan["variants"][0]["programs"][0],
                "bytes": made.append})
    if made:
        folder.put("x.plan", made[0])
    else:
        folder.put("x.json", json.dumps(plan))
        flatc(folder, "--binary", SCHEMA, folder.at("x.json"))
    return ["pfcc", "show", folder.at("x.plan")]


# Data sets: Python on a set of three images of two identities.

MAGIC = 0xced7230a
def chunk(kind, data):
    return (struct.pack(">I", len(data)) + kind + data +
            struct.pack(">I", zlib.crc32(kind + data)))


# One grey pixel.
PNG = (b"\x89PNG\r\n\x1a\n" +
       chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)) +
       chunk(b"IDAT", zlib.compress(b"\0\x80")) + chunk(b"IEND", b""))


def part(data, flag=0, magic=MAGIC):
    return (struct.pack("<II", magic, flag << 29 | len(data)) + data +
            b"\0" * (-len(data) % 4))


def image(label, key, data=PNG, flag=0):
    return struct.pack("<IfQQ", flag, label, key, 0) + data


def write_records(folder, payloads, index=None):
    """payloads: whole records, by key."""
    contents, lines = b"", ""
    for key, record in payloads:
        lines += "%d\t%d\n" % (key, len(contents))
        contents += record
    folder.put("set/train.rec", contents)
    folder.put("set/train.idx", lines if index is None else index)


def good_records():
    return [(key, part(image(label, key)))
            for key, label in ((0, 0), (1, 1), (2, 1))]


def run_data(text, folder):
    write_records(folder, good_records())
    folder.put("set/property", "2,1,1\n")
    scope = {name: getattr(folder, name) for name in
             ("at", "get", "put", "cut", "overwrite", "remove")}
    scope.update(globals(), folder=folder, path="set",
                 second=len(good_records()[0][1])) # its offset
    exec(text, scope)
    return ["pfc-data", "check", folder.at(scope["path"]), "--threads", "1"]


# Checkpoints and weights: Python on a checkpoint of two shards, and `run`, the
# command.

TENSORS = {"conv1.weight": ("F32", [2, 1, 3, 3], bytes(72))}


def safetensors(tensors, **metadata):
    header, data = {"__metadata__": metadata}, b""
    for name, (dtype, shape, contents) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets":
                        [len(data), len(data) + len(contents)]}
        data += contents
    return with_header(header, data)


def with_header(header, data=b""):
    text = header if isinstance(header, str) else json.dumps(header)
    return struct.pack("<Q", len(text)) + text.encode() + data


def describe(folder, name):
    import hashlib
    contents = folder.get("c/" + name)
    return {"name": name, "bytes": len(contents),
            "sha256": hashlib.sha256(contents).hexdigest()}


def write_checkpoint(folder):
    with open(GOOD_PLAN, "rb") as file:
        folder.put("c/train.plan", file.read())
    folder.put("c/backbone.safetensors", safetensors(TENSORS))
    shards = []
    for rank, (first, count) in enumerate(((0, 6), (6, 4))):
        name = "class_centers-%05d-of-00002.safetensors" % rank
        folder.put("c/" + name, safetensors(
            {"head.weight": ("F32", [count, 8], bytes(32 * count))},
            first_class=str(first), classes=str(count), total_classes="10"))
        shards.append(dict(describe(folder, name), first_class=first,
                           classes=count))
    folder.put("c/manifest.json", json.dumps({
        "format": 1, "step": 2, "total_steps": 6, "plan": "v1",
        "spec_hash": "ab", "precision": "fp32", "world_size": 2,
        "batch_per_rank": 4, "seed": 7, "images": 17,
        "files": [describe(folder, name) for name in
                  ("train.plan", "backbone.safetensors")],
        "shards": shards}))


def run_checkpoint(text, folder):
    write_checkpoint(folder)
    scope = {name: getattr(folder, name) for name in
             ("at", "get", "put", "cut", "overwrite", "remove")}
    scope.update(globals(), folder=folder, run="verify c",
                 edit=lambda path, value: folder.edit("c/manifest.json", path,
                                                      value))
    exec(text, scope)
    return ["pfc-checkpoint"] + [
        word if index == 0 or word.startswith("-") or word.isdigit()
        else folder.at(word) for index, word in
        enumerate(scope["run"].split())]


FAMILIES = {"spec": run_spec, "plan": run_plan, "data": run_data,
            "checkpoint": run_checkpoint}


def read_cases(path):
    cases = []
    for block in ("\n" + open(path).read()).split("\n== ")[1:]:
        name, _, rest = block.partition("\n")
        text, _, expected = rest.partition("\n--\n")
        cases.append((name, text + "\n", expected.strip("\n")))
    return cases


def outcome(family, text, path):
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    command = FAMILIES[family](text, Folder(path))
    done = subprocess.run(command, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=600)
    printed = done.stdout.decode(errors="backslashreplace")
    printed = printed.replace(path, "DIR").strip("\n")
    if "bad records" in printed: # what comes before is of the good ones
        printed = printed[printed.index("bad records"):]
    return done.returncode, printed


def main():
    family, path, folder = sys.argv[1:4]
    update = "--update" in sys.argv
    header = open(path).read().split("\n== ")[0]
    cases, wrong, out = read_cases(path), 0, [header]
    for name, text, expected in cases:
        status, printed = outcome(family, text, os.path.abspath(folder))
        out.append("\n== %s\n%s\n--\n%s" % (name, text.strip("\n"), printed))
        if status != 1 or (printed != expected and not update):
            wrong += 1
            print("%s: %s: status %d\n%s\nexpected\n%s\n" %
                  (path, name, status, printed, expected))
    if update:
        open(path, "w").write("".join(out) + "\n")
    print("%d cases, %d wrong" % (len(cases), wrong))
    sys.exit(wrong != 0)


if __name__ == "__main__":
    main()
