"""One training step of the head, here and in PyTorch, on one machine.

    head_vs_torch.py BUILD [--case C=20000,r=1] [--rounds 3] [--ours]
                     [--device cuda] [--batch 256] [-o FILE.md]

The head alone: embeddings [B,D] and labels to the loss, back, and the update of
the class centers. PyTorch's ways (pfctorch/head_step.py):

    shipped   PartialFC_V2's algorithm as arcface_torch runs it, fp32
    eager     tuned: bf16 products under autocast, one SGD over W, no drawing of
              random numbers for rows that can't take part
    compiled  a rewrite without data-dependent shapes under torch.compile, where
              this PyTorch has it

--ours leaves PyTorch out. Ours are the head's instructions of a plan
(`pfc-device time`), in fp32 and bf16, the logits kept and recomputed. Each round
times all of them one after the other, each in a process of its own; the table
has the medians, and ratios of medians of one run. Memory is what a step needs
beyond W and its momentum: of PyTorch the rise of the process's peak, or of its
allocator's on a GPU, of a plan the arena's part.

PyTorch is Debian's python3-torch with OpenBLAS (set LD_LIBRARY_PATH to
/usr/lib/x86_64-linux-gnu/openblas-pthread, or its generic BLAS is measured).
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SIZE = 512
OURS = {"fp32": ("fp32", "keep"), "fp32, recomputed": ("fp32", "recompute"),
        "bf16": ("bf16", "keep"), "bf16, recomputed": ("bf16", "recompute")}
PEERS = "shipped", "eager", "compiled"


def parse_case(text):
    parts = dict(part.split("=") for part in text.split(","))
    return int(parts["C"]), float(parts["r"])


def run(command, **arguments):
    return subprocess.run(command, check=True, capture_output=True, text=True,
                          **arguments).stdout


def compile_plan(build, path, classes, rate, precision, logits, arguments):
    settings = {
        "model.backbone": "iresnet-nano", "model.input_size": 16,
        "model.embedding_size": SIZE, "head.classes": classes,
        "head.sample_rate": rate, "head.logits": logits,
        "head.margin.type": "arcface", "train.batch_per_rank": arguments.batch,
        "train.precision": precision, "cluster.world_size": 1,
        "cluster.device": arguments.device}
    run([build + "/bin/pfcc", "compile", HERE + "/../specs/quickstart.spec",
         "-o", path] +
        [part for key, value in settings.items()
         for part in ("--set", "%s=%s" % (key, value))])


def time_plan(build, path):
    """Milliseconds and MB of the head's instructions."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        run([build + "/bin/pfc-device", "time", path, "--steps", "5",
             "--repetitions", "1", "-o", file.name])
        timing = json.load(open(file.name))
    return timing["head_ms"], timing["head_bytes"] / 1e6


def time_peer(way, classes, rate, arguments):
    output = run([sys.executable, HERE + "/pfctorch/head_step.py", way,
                  str(classes), str(rate), str(arguments.batch), str(SIZE),
                  "--device", arguments.device])
    timing = json.loads(output)
    return (None if "missing" in timing
            else (timing["ms"], timing["extra_bytes"] / 1e6))


def measure(classes, rate, arguments):
    """name -> (ms, MB), medians."""
    build = arguments.build
    with tempfile.TemporaryDirectory() as folder:
        plans = {}
        for name, (precision, logits) in OURS.items():
            plans[name] = "%s/%s-%s.plan" % (folder, precision, logits)
            compile_plan(build, plans[name], classes, rate, precision, logits,
                         arguments)
        samples = {}
        for _ in range(arguments.rounds):
            for way in () if arguments.ours else PEERS:
                samples.setdefault(way, []).append(
                    time_peer(way, classes, rate, arguments))
            for name, path in plans.items():
                samples.setdefault(name, []).append(time_plan(build, path))
    return {name: None if None in values else
            tuple(statistics.median(v[i] for v in values) for i in (0, 1))
            for name, values in samples.items()}


def table(classes, rate, batch, result):
    lines = ["", "C = %d, r = %g, B = %d, D = %d" % (classes, rate, batch, SIZE),
             "", "| head step | ms | shipped / it | eager bf16 / it | MB beyond "
             "W and momentum | bytes a logit |", "|---|---|---|---|---|---|"]
    logits = batch * max(int(classes * rate), 1)
    for name, value in result.items():
        if value is None:
            lines.append("| PyTorch, %s | not in this PyTorch | | | | |" % name)
            continue
        ms, mb = value
        ratios = ["%.2f" % (result[peer][0] / ms) if peer in result else ""
                  for peer in PEERS[:2]]
        lines.append("| %s | %.1f | %s | %.0f | %.2f |" % (
            "PyTorch, " + name if name in PEERS else "pfc, " + name, ms,
            " | ".join(ratios), mb, mb * 1e6 / logits))
    return lines


def processor():
    with open("/proc/cpuinfo") as file:
        names = [line.split(":")[1].strip() for line in file
                 if line.startswith("model name")]
    return "%d x %s" % (len(names), names[0] if names else platform.machine())


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("build")
    parser.add_argument("--case", action="append",
                        help="default: C=20000,r=1 and C=1000000,r=0.1")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ours", action="store_true")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("-o", "--output")
    arguments = parser.parse_args()
    lines = ["%s; medians of %d rounds." % (processor(), arguments.rounds)]
    for case in arguments.case or ["C=20000,r=1", "C=1000000,r=0.1"]:
        classes, rate = parse_case(case)
        lines += table(classes, rate, arguments.batch,
                       measure(classes, rate, arguments))
    text = "\n".join(lines) + "\n"
    print(text)
    if arguments.output:
        with open(arguments.output, "w") as file:
            file.write(text)


if __name__ == "__main__":
    main()
