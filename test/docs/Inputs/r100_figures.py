"""r100_figures.py PASSES.MD R100.SPEC: the figures of R100 in the passes' manual
that a compilation gives are what it gives now."""
import json
import re
import subprocess
import sys

passes, spec = sys.argv[1:]
manual = " ".join(open(passes).read().split())


def pfcc(command, *options, cuda=True, precision="bf16"):
    settings = [f"train.precision={precision}"] + ["cluster.device=cuda"] * cuda
    return subprocess.run(
        ["pfcc", command, spec, *(f"--set={s}" for s in settings), *options],
        check=True, capture_output=True, text=True).stdout


def emit(stage, **how):
    return pfcc("compile", f"--emit={stage}", **how)


def step(text):
    """What @train_step has of a module."""
    return text.split("plan.program @train_step")[1].split("plan.program")[0]


def launches(text):
    """Of the step: of several forms the first one's."""
    first_forms = re.sub(r"\n    }, {\n.*?\n    }\n", "\n", step(text),
                         flags=re.DOTALL)
    return first_forms.count("plan.launch")


def milliseconds(*settings):
    """Of a step, and of them those that wait for other ranks."""
    step = json.loads(pfcc("explain", "--json", "--on=8xh200",
                           *settings))["step"]
    return [f"{1e3 * seconds:.1f}" for seconds in (
        step["seconds"], step["waiting"] - step["waiting_for_copies"])]


def outlined(text):
    return text.count("func.func @k")


plan, allocated = emit("plan"), emit("allocated")
cpu = emit("plan", cuda=False)
branch = step(allocated).split("plan.beside")[1].split("\n    }")[0]
before, after = milliseconds("--set=cluster.overlap=false"), milliseconds()
text = emit("cuda")

figures = [
    (r"in bf16: (\d+) generics", [emit("kernels").count("linalg.generic")]),
    (r"step on H200s launches (\d+) kernels", [launches(plan)]),
    (r"On the CPU it launches (\d+), of which (\d+) with the network's",
     [launches(cpu), outlined(cpu)]),
    (r"in bf16: (\d+) kernels in .{1,20} For AVX2", [outlined(cpu)]),
    (r"in bf16: (\d+) kernels in (\d+) KiB of text, instead of the (\d+) that",
     [text.count("__global__"), round(len(text.encode()) / 1024),
      outlined(plan)]),
    (r"what the plan's (\d+) buffers take", [allocated.count("plan.alloc")]),
    (r"lives of (\d+) buffers and (\d+) transfers",
     [allocated.count("plan.alloc"),
      len(re.findall(r"plan\.collective|-> !plan\.transfer", allocated))]),
    (r"the (\d+)th all_reduce",
     [emit("plan", precision="fp16").count("all_reduce_sum")]),
    (r"predicts: ([\d.]+) ms a step without the pass \(`cluster.overlap = "
     r"false`\), ([\d.]+) with it; ([\d.]+) and ([\d.]+) of them wait",
     [before[0], after[0], before[1], after[1]]),
    (r"ranks: (\d+) instructions, which",
     [len(re.findall(r"plan\.(launch|matmul|copy)", branch))]),
]
wrong = 0
for pattern, wanted in figures:
    found = re.search(pattern, manual)
    said = list(found.groups()) if found else None
    if said != [str(figure) for figure in wanted]:
        print(f"'{pattern}': said {said}, is {wanted}")
        wrong += 1
sys.exit(wrong > 0)
