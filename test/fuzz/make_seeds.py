"""Makes the seeds of the fuzz targets anew, from what the tests have.
Usage: make_seeds.py BUILD   (its bin/ has the tools)"""
import base64
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

here = os.path.dirname(os.path.abspath(__file__))
root = os.path.join(here, "../..")
scratch = os.path.join(tempfile.gettempdir(), "pfc-seeds")
sys.path.insert(0, os.path.join(root, "test/e2e/Inputs/interchange"))
import foreign


def put(target, name, contents):
    folder = os.path.join(here, "corpus", target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(contents if isinstance(contents, bytes)
                   else contents.encode())


def get(path):
    with open(os.path.join(root, path), "rb") as file:
        return file.read()


def specs():
    for name in ("quickstart", "r100", "ids-10m-64gpu"):
        text = get("specs/%s.spec" % name)
        put("spec", name, text[text.index(b"["):])
    for name in ("keys", "missing", "syntax", "values", "combinations"):
        put("spec", "invalid-" + name,
            re.sub(rb" *# expected-.*", b"",
                   get("test/frontend/invalid-%s.spec" % name)))
    put("spec", "table-name", '[+model]\nbackbone = "r18"\n')
    put("spec", "letters", '[model]\ngr\u00f6\u00dfe = 112\n'
                           '\u00e9t\u00e9 = "\u30d5" # \u00d7\n')


def pairs():
    for name, text in re.findall(
            r'\{"([^"]+)",((?:\s*"[^"]+")+)\s*\}',
            get("test/unit/eval/PickleFixtures.inc").decode()):
        put("pairs", name, base64.b64decode("".join(
            re.findall(r'"([^"]+)"', text))))


def records(build):
    folder = scratch
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    inputs = os.path.join(root, "test/tools/pfc-data/Inputs")
    subprocess.run([sys.executable, inputs + "/make_folder.py",
                    folder + "/faces"], check=True)
    subprocess.run([build + "/bin/pfc-data", "pack", folder + "/faces",
                    "--out", folder + "/set"], check=True)
    put("records", "packed", get(folder + "/set/train.rec"))
    put("index", "packed", get(folder + "/set/train.idx"))
    magic = 0xced7230a
    header = struct.pack("<IfQQ", 0, 3.0, 7, 0)
    parts = [(1, header + b"ab"), (2, b"cdef"), (3, b"gh")]
    put("records", "in-parts", b"".join(
        struct.pack("<II", magic, flag << 29 | len(data)) + data +
        b"\0" * (-len(data) % 4) for flag, data in parts))
    put("index", "unordered", "7\t800\n0\t0\r\n3\t24")


TENSORS = {
    "conv1.weight": ("F32", [2, 1, 3, 3], bytes(range(72))),
    "bn1.running_mean": ("F32", [2], bytes(8)),
    "bn1.running_var": ("F32", [2], bytes(8)),
    "bn1.num_batches_tracked": ("I64", [], bytes(8)),
}


def weights():
    header = {"__metadata__": {"format": "pt", "steps": "3"}}
    data = b""
    for name, (dtype, shape, contents) in sorted(
            TENSORS.items(), key=lambda item: item[1][0] != "I64"):
        header[name] = {"dtype": dtype, "shape": shape,
                        "data_offsets": [len(data),
                                         len(data) + len(contents)]}
        data += contents
    text = json.dumps(header).encode()
    put("safetensors", "small", struct.pack("<Q", len(text)) + text + data)
    path = scratch + "/x"
    for form in ("plain", "checkpoint", "ddp"):
        foreign.write_torch(TENSORS, path, form)
        put("torch", form + ".pt", get(path))
        import zipfile
        with zipfile.ZipFile(path) as archive:
            put("torch", form + ".pkl", archive.read("archive/data.pkl"))
    foreign.write_mxnet(TENSORS, path)
    put("mxnet", "small", get(path))


def main():
    specs()
    pairs()
    records(sys.argv[1])
    weights()
    put("plan", "v1", get("test/runtime/plan/v1.plan")) # others: once found
    digest = "0123456789abcdef" * 4
    put("manifest", "two-shards", json.dumps({
        "format": 1, "step": 200, "total_steps": 600, "plan": "r100",
        "spec_hash": "ab", "precision": "bf16", "world_size": 2,
        "batch_per_rank": 64, "seed": 7, "images": 17091657,
        "files": [{"name": "backbone.safetensors", "bytes": 12,
                   "sha256": digest}],
        "shards": [{"name": "a", "bytes": 3, "sha256": digest,
                    "first_class": 0, "classes": 4},
                   {"name": "b", "bytes": 5, "sha256": digest,
                    "first_class": 4, "classes": 3}]}, indent=2))
    put("class-map", "small", "# new old\n0-4 7\n5 new\n6-9 new # four\n10\t3\n")


if __name__ == "__main__":
    main()
