"""Specs that nobody thought of: draws combinations of all keys that change what
is computed, and checks what must hold of any of them.

    python3 bench/combinations.py 100 --seed 1 --build build

Of each spec: it compiles for CPUs and GPUs, twice to the same bytes, and the
other commands of pfcc read it; and some of RELATIONS, drawn by chance, over
three steps on noise. A combination that the spec's checks refuse has to be
refused with a place (file:line:column), and another is drawn. What does not
hold is printed with the spec and the commands; exit status 1."""
import argparse
import hashlib
import json
import math
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

STEPS = 3


class Violation(Exception):
    pass


class Refused(Exception):
    """By a check of the spec."""


def text_of(spec):
    """TOML, in which a key's section is what stands before its last dot."""
    sections = {}
    for key, value in sorted(spec.items()):
        section, name = key.rsplit(".", 1)
        sections.setdefault(section, []).append(
            "%s = %s" % (name, json.dumps(value)))
    return "".join("[%s]\n%s\n" % (section, "\n".join(lines))
                   for section, lines in sections.items())


def draw(rng):
    one = rng.choice
    often = lambda value, *others: value if rng.random() < 0.6 else one(others)
    ranks = one([1, 2, 2, 3, 4])
    spec = {
        "model.backbone": one(["iresnet-nano"] * 6 + ["mbf", "r18", "vit_t"]),
        "model.input_size": 16,
        "model.input_channels": one([1, 3]),
        "model.embedding_size": one([7, 32, 64, 128, 200]),
        "model.dropout": often(0.0, 0.4),
        "head.classes": one([ranks, ranks + 1, 37, 64, 301, 2003]),
        "head.sample_rate": one([1.0, 1.0, 0.5, 0.1, 0.0]),
        "head.sampling": one(["auto", "keys", "permutation"]),
        "head.row_update": often("sampled", "all"),
        "head.weight_dtype": often("fp32", "bf16"),
        "head.momentum_dtype": often("fp32", "bf16"),
        "head.placement": often("device", "host"),
        "head.logits": one(["auto", "keep", "recompute"]),
        "head.margin.type": one(["arcface", "cosface", "combined", "adaface"]),
        "head.margin.scale": often(64.0, 1.0, 30.5, 128.0),
        "head.margin.gradient": often("exact", "straight_through"),
        "head.margin.filter": often(0.0, 0.4),
        "train.batch_per_rank": one([1, 2, 3, 5, 8]),
        "train.steps": STEPS,
        "train.precision": one(["fp32", "fp32", "bf16", "auto", "fp16"]),
        "train.recompute": one(["auto", "none", "batch_norms", "blocks"]),
        "train.seed": rng.randrange(1000),
        "train.sync_batch_norm": often(False, True),
        "train.clip_grad_norm": often(5.0, 0.0, 0.01),
        "train.optimizer.type": often("sgd", "adamw"),
        "train.optimizer.lr": 0.001,
        "train.optimizer.weight_decay": often(5e-4, 0.0),
        "data.flip": one([False, True]),
        "cluster.world_size": ranks,
        "cluster.device": "cpu",
        "cluster.overlap": often(True, False),
        "cluster.gradient_precision": often("fp32", "bf16"),
    }
    if spec["train.precision"] == "fp16":
        spec["cluster.device"] = "cuda"
        spec["train.loss_scale.initial"] = one([1.0, 1024.0, 65536.0])
    if spec["train.optimizer.type"] == "sgd":
        spec["train.optimizer.momentum"] = often(0.9, 0.0)
    if spec["head.margin.type"] == "combined":
        spec.update({"head.margin.m1": one([1.0, 0.9]),
                     "head.margin.m2": one([0.0, 0.3]),
                     "head.margin.m3": one([0.0, 0.2])})
    if spec["model.backbone"] == "vit_t":
        spec.update({"model.drop_path": one([0.0, 0.2]),
                     "model.mask_ratio": one([0.0, 0.3]),
                     "model.input_size": one([16, 24])})
    if rng.random() < 0.3:
        spec["cluster.bucket_size"] = one([0.01, 0.5, 64.0])
    if rng.random() < 0.15:
        spec["cluster.memory_per_rank"] = one([0.01, 0.05, 0.5])
    return spec


class Trial:
    """A spec's files and commands."""

    def __init__(self, spec, rng, build, folder):
        self.spec, self.rng, self.folder = spec, rng, folder
        self.bin = os.path.join(build, "bin") + "/"
        self.count = 0
        self.commands = []

    def path(self, suffix):
        self.count += 1
        return os.path.join(self.folder, "%02d%s" % (self.count, suffix))

    def run(self, *command):
        self.commands.append(" ".join(command))
        environment = dict(os.environ, OMPI_MCA_mpi_yield_when_idle="1",
                           PFC_EMULATION_CHECKS="off")
        return subprocess.run([self.bin + command[0], *command[1:]],
                              capture_output=True, text=True, timeout=600,
                              env=environment)

    def done(self, *command):
        """What a command that has to end well printed."""
        result = self.run(*command)
        if result.returncode != 0:
            raise Violation("rc %d: %s" % (result.returncode,
                                           result.stderr[-2000:]))
        return result.stdout

    def write(self, **changes):
        """The path of the spec with some keys changed."""
        spec = dict(self.spec)
        spec.update((key.replace("__", "."), value)
                    for key, value in changes.items())
        source = self.path(".spec")
        with open(source, "w") as file:
            file.write(text_of(spec))
        return source

    def compile(self, **changes):
        """The path of its plan."""
        source, plan = self.write(**changes), self.path(".plan")
        result = self.run("pfcc", "compile", source, "-o", plan)
        if result.returncode == 0:
            return plan
        if (result.returncode != 1
                or not re.search(r":\d+:\d+: error: ", result.stderr)):
            raise Violation("rc %d, and no place: %s" % (result.returncode,
                                                         result.stderr[-2000:]))
        raise Refused(result.stderr)

    def train(self, plan, *options):
        """The folder that three steps leave."""
        out = self.path(".out")
        self.done("pfc-run", plan, "--data", "synthetic:400", "--out", out,
                  "--threads", "1", *options)
        return out


def losses(out):
    with open(os.path.join(out, "metrics.jsonl")) as file:
        lines = [json.loads(line) for line in file]
    return [line["loss"] for line in lines if line["kind"] == "step"]


def digest(out):
    """Of everything that was learnt."""
    hashes = {}
    for name in sorted(os.listdir(out)):
        if name.endswith(".safetensors"):
            with open(os.path.join(out, name), "rb") as file:
                hashes[name] = hashlib.sha256(file.read()).hexdigest()[:12]
    return hashes


def same_bits(first, second):
    if losses(first) != losses(second):
        raise Violation("losses %s and %s" % (losses(first), losses(second)))
    if digest(first) != digest(second):
        raise Violation("the same losses, and weights %s and %s"
                        % (digest(first), digest(second)))


def nearly(trial, first, second):
    """The first losses; the next ones, if what they differ by is not all there
    is to a batch norm of two images or to an Adam's first step."""
    small = trial.spec["train.batch_per_rank"] < 3
    exact = trial.spec["train.optimizer.type"] == "sgd" and not small
    for a, b, allowed in zip(losses(first), losses(second),
                             [1e-4] + [0.03] * (STEPS - 1 if exact else 0)):
        if not math.isclose(a, b, rel_tol=allowed, abs_tol=allowed):
            raise Violation("losses %s and %s: %g apart is allowed"
                            % (losses(first), losses(second), allowed))


def on_cpu(trial):
    return trial.spec["cluster.device"] == "cpu"


def same_with(key, *values):
    """Two values of a key come to the same bits on a CPU."""
    def relation(trial):
        same_bits(*(trial.train(trial.compile(**{key: value}))
                    for value in trial.rng.sample(values, 2)))
    relation.__name__ = "%s = %s" % (key.replace("__", "."),
                                     " | ".join(map(str, values)))
    return relation


def resumed(trial):
    """Two steps, a checkpoint and a third step are three steps."""
    plan = trial.compile()
    whole = trial.train(plan, "--checkpoint-every", "2")
    rest = trial.train(
        plan, "--resume=" + os.path.join(whole, "checkpoints/step-000000002"))
    if losses(whole)[2:] != losses(rest)[-1:] or digest(whole) != digest(rest):
        raise Violation("losses %s and %s, weights %s and %s" % (
            losses(whole), losses(rest), digest(whole), digest(rest)))


def on_other_ranks(trial):
    """What a sample or statistics of a rank do not enter does not depend on the
    ranks."""
    ranks, batch = (trial.spec["cluster.world_size"],
                    trial.spec["train.batch_per_rank"])
    same = {"head__sample_rate": 1.0, "train__sync_batch_norm": True,
            "train__precision": "fp32", "cluster__gradient_precision": "fp32"}
    many = trial.train(trial.compile(**same))
    one = trial.train(trial.compile(cluster__world_size=1,
                                    train__batch_per_rank=ranks * batch, **same))
    nearly(trial, many, one)


def resumed_on_other_ranks(trial):
    """A checkpoint goes on on any number of ranks."""
    ranks = trial.spec["cluster.world_size"]
    first = trial.train(trial.compile(), "--checkpoint-every", "2")
    other = trial.compile(cluster__world_size=ranks % 4 + 1)
    trial.train(other, "--resume=" + os.path.join(
        first, "checkpoints/step-000000002"))


def in_host_memory(trial):
    """Where class centers lie makes no difference but to the order of sums."""
    nearly(trial, *(trial.train(trial.compile(head__placement=placement))
                    for placement in ("device", "host")))


def on_emulated_gpu(trial):
    """A GPU's kernels compute what a CPU's do."""
    nearly(trial, *(
        trial.train(trial.compile(cluster__device=device,
                                  train__precision="fp32"),
                    "--device", executed_by)
        for device, executed_by in (("cpu", "cpu"),
                                    ("cuda", "emulated-cuda"))))


RELATIONS = [
    same_with("head__logits", "keep", "recompute"),
    same_with("train__recompute", "none", "batch_norms", "blocks"),
    same_with("cluster__overlap", True, False),
    in_host_memory,
    resumed,
    on_other_ranks,
    resumed_on_other_ranks,
    on_emulated_gpu,
]


def bytes_of(path):
    with open(path, "rb") as file:
        return file.read()


def check_commands(trial):
    """What there is to say of a plan that is not executed."""
    trial.compile()
    spec, plan, again = trial.write(), trial.path(".plan"), trial.path(".plan")
    for made in plan, again:
        trial.done("pfcc", "compile", spec, "-o", made)
    if bytes_of(plan) != bytes_of(again):
        raise Violation("two plans of one spec differ")
    on = "--on=%dx%s" % (trial.spec["cluster.world_size"],
                         "cpu" if on_cpu(trial) else "h200")
    explained = json.loads(trial.done("pfcc", "explain", spec, "--json", on))
    trial.done("pfcc", "simulate", spec, on)
    if "variant " + explained["precision"] not in trial.done("pfcc", "show",
                                                             plan):
        raise Violation("no variant " + explained["precision"])
    trial.done("pfcc", "show", plan, "--spec", "-o", trial.path(".spec"))
    try:
        trial.compile(cluster__device="cuda" if on_cpu(trial) else "cpu")
    except Refused:
        pass


def check(trial, relations):
    """The names of the relations that were looked at."""
    check_commands(trial)
    looked_at = []
    for relation in trial.rng.sample(RELATIONS, relations):
        if not on_cpu(trial):
            break
        try:
            relation(trial)
            looked_at.append(relation.__name__)
        except Refused: # what it would be compared with
            pass
        except Violation as violation:
            raise Violation("%s: %s" % (relation.__name__, violation))
    return looked_at


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--build", default="build")
    parser.add_argument("--first", type=int, default=0,
                        help="number of the first spec (default: 0)")
    parser.add_argument("--relations", type=int, default=2,
                        help="of each spec (default: 2)")
    arguments = parser.parse_args()
    seen, refused, violations = {}, 0, 0
    for number in range(arguments.first, arguments.first + arguments.count):
        rng = random.Random("%d %d" % (arguments.seed, number))
        while True:
            folder = tempfile.mkdtemp(prefix="pfc-combinations-")
            trial = Trial(draw(rng), rng, os.path.abspath(arguments.build),
                          folder)
            try:
                for name in check(trial, arguments.relations):
                    seen[name] = seen.get(name, 0) + 1
                break
            except Refused:
                refused += 1
            except (Violation, subprocess.TimeoutExpired) as problem:
                violations += 1
                print("\nspec %d of seed %d:\n%s%s\n%s" % (
                    number, arguments.seed, text_of(trial.spec),
                    "\n".join(trial.commands[-4:]), problem), flush=True)
                break
            finally:
                shutil.rmtree(folder)
    print("%d specs, %d others refused, %d violations" % (
        arguments.count, refused, violations))
    for name, count in sorted(seen.items()):
        print("%5d  %s" % (count, name))
    sys.exit(1 if violations else 0)


if __name__ == "__main__":
    main()
