"""check_explanation.py JSON SHOW ELEMENT: works out again what `pfcc explain`
says of ids-1m-8gpu on h200. SHOW is what `pfcc show` says of its plan, ELEMENT
the bytes of an element that the head computes in (2: bf16, 4: fp32)."""
import json
import math
import re
import sys

with open(sys.argv[1]) as file:
    told = json.load(file)
with open(sys.argv[2]) as file:
    shown = file.read()
element = int(sys.argv[3])

ranks, batch, classes, size = 8, 128, 1_000_000, 512
rows, rate = classes // ranks, 0.1
sampled, whole = int(rows * rate), batch * ranks
slots = -(-sampled // 8) * 8  # of the plan: rows are multiples of 16 bytes
logits = whole * slots


def equal(name, got, expected, tolerance=1e-9):
    assert math.isclose(got, expected, rel_tol=tolerance), (name, got, expected)
    print(f"{name}: {got:.6g}")


def check_memory(memory):
    arena, copy = memory.pop("arena"), memory.pop("copy for a checkpoint")
    assert copy == sum(memory[part] for part in [
        "class centers", "class centers' optimizer state", "backbone",
        "backbone's optimizer state", "running statistics"]), copy
    equal("arena is its parts", sum(memory.values()), arena)
    precision = "bf16" if element == 2 else "fp32"
    text = re.search(rf"variant {precision}.*arena ([\d.]+) GiB", shown)
    equal("arena is the plan's", round(arena / 2**30, 1), float(text[1]))
    equal("W", memory["class centers"], 4 * size * rows)
    equal("its momentum", memory["class centers' optimizer state"], 4 * size * rows)
    # The exponentials at the step's peak, in the precision of the products.
    assert memory["logits, exponentials"] in (0, logits * element,
                                              logits * (4 + element)), memory


def check_work(work, in_all):
    for key in ["instructions", "flops", "memory_bytes", "sent_bytes",
                "seconds"]:
        total = sum(part[key] for part in work.values())
        equal(f"{key} in all", total, in_all[key])
    equal("products of the head", work["head: products"]["flops"],
          3 * 2 * logits * size)
    share = (ranks - 1) / ranks
    gather = (ranks - 1) * batch * size * element
    sums = 2 * share * whole * 2 * 4
    scatter = share * whole * size * 4
    equal("sent by the head", work["head: collectives"]["sent_bytes"],
          gather + sums + scatter)
    rounds = 3 + 2 * 3 + 3  # log2(8) a collective, twice for a sum
    equal("network time of the head", work["head: collectives"]["seconds"],
          rounds * 7e-6 + (gather + sums + scatter) / 370e9)
    half, single = 790e12, 52e12
    products = 3 * 2 * logits * size / (half if element == 2 else single)
    assert work["head: products"]["seconds"] >= products * (1 - 1e-9)


def check_logits(largest):
    """All exponentials are there at once, with the cosines of one tile or more,
    whether or not that is the step's peak."""
    assert logits * element <= largest <= logits * (4 + element), largest


def check_peer(peer):
    logit_bytes = 12 + 4 / ranks
    equal("memory of PartialFC_V2", peer["PartialFC_V2"]["memory_bytes"],
          12 * size * (rows + sampled) + logit_bytes * whole * sampled)
    equal("memory of model parallel", peer["model parallel"]["memory_bytes"],
          12 * size * 2 * rows + logit_bytes * whole * rows)


check_memory(told["memory_bytes"])
check_work(told["work"], told["in_all"])
check_logits(told["head"]["logits_bytes"])
check_peer(told["head"])
equal("images/s", told["images_per_second"], whole / told["step"]["seconds"])
assert told["fits"] is True
# Transfers go on under computation, which nothing shortens.
talking = sum(told["work"][part]["seconds"]
              for part in ("backbone: collectives", "head: collectives"))
computing = told["in_all"]["seconds"] - talking
step = told["step"]
assert 0 < step["waiting"] < talking, step
equal("the step", step["seconds"], computing + step["waiting"])
