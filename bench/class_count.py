"""What a step of the head costs as the number of classes grows and the sample
does not.

    class_count.py BUILD [--rounds 3] [-o FILE.md]

B = 256, D = 128, 100,000 class centers of a step, of 1 and of 10 million, drawn
by random keys and by a permutation (head.sampling); fp32, one rank. Each round
times all of them one after the other (`pfc-device time`: the head's
instructions of a plan, without the sampler, and the sampler); the table has the
medians. 10 million classes of 128 take 10 GB.
"""
import argparse
import json
import os
import statistics
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SAMPLE = 100_000
CASES = [(classes, draw) for classes in (1_000_000, 10_000_000)
         for draw in ("keys", "permutation")]


def compile_plan(build, path, classes, draw):
    settings = {
        "model.backbone": "iresnet-nano", "model.input_size": 16,
        "model.embedding_size": 128, "head.classes": classes,
        "head.sample_rate": SAMPLE / classes, "head.sampling": draw,
        "train.batch_per_rank": 256, "train.precision": "fp32",
        "cluster.world_size": 1}
    subprocess.run(
        [build + "/bin/pfcc", "compile", HERE + "/../specs/quickstart.spec",
         "-o", path] + [part for key, value in settings.items()
                        for part in ("--set", "%s=%s" % (key, value))],
        check=True)


def time_plan(build, path):
    """Milliseconds of the head without its sampler, and of the sampler."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        subprocess.run([build + "/bin/pfc-device", "time", path, "--steps", "3",
                        "--repetitions", "3", "-o", file.name], check=True,
                       stdout=subprocess.DEVNULL)
        timing = json.load(open(file.name))
    sampler = sum(kernel["ms"] for kernel in timing["kernels"]
                  if "sample_local_centers" in kernel["name"])
    return timing["head_ms"] - sampler, sampler


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("-o", "--output")
    arguments = parser.parse_args()
    samples = {case: [] for case in CASES}
    with tempfile.TemporaryDirectory() as folder:
        plans = {case: "%s/%d-%s.plan" % (folder, *case) for case in CASES}
        for case, path in plans.items():
            compile_plan(arguments.build, path, *case)
        for _ in range(arguments.rounds):
            for case, path in plans.items():
                samples[case].append(time_plan(arguments.build, path))
    medians = {case: [statistics.median(value[i] for value in values)
                      for i in (0, 1)] for case, values in samples.items()}
    base = medians[CASES[0]][0]
    lines = ["| classes | sampling | head without sampler, ms | of 1M's | "
             "sampler, ms |", "|---|---|---|---|---|"]
    for (classes, draw), (head, sampler) in medians.items():
        lines.append("| %dM | %s | %.1f | %.2f | %.1f |" % (
            classes // 10**6, draw, head, head / base, sampler))
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if arguments.output:
        with open(arguments.output, "w") as file:
            file.write(text)


main()
