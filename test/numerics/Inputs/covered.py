"""covered.py FOLDER OPS.PY: every op of the folder's *.td that
convert-pfc-to-plan makes code of, as the ops' descriptions say, is in a module
that OPS.PY prints."""
import pathlib
import re
import subprocess
import sys

GROUPS = (["pointwise"], ["batch_norm"], ["tokens"], ["sums"], ["sweeps"],
          ["conv"], ["matmul"], ["head"], ["optimizer"], ["adamw"],
          ["loss_scale"],
          ["pointwise", "bf16"],
          ["sampling", "10", "1", "8"], ["rounded_centers", "8"])
# No instruction computes these.
BARE = {"variable", "assign", "output", "rank_constant", "reshape", "bucket",
        "unbucket", "barrier"}

text = "".join(file.read_text() for file in
               sorted(pathlib.Path(sys.argv[1]).glob("*.td")))
definitions = re.split(r"^def ", text, flags=re.M)[1:]
compiled = set()
for text in definitions:
    mnemonic = re.search(r'Op<"(\w+)"', text)
    if mnemonic and re.search(r"Gone\s+after:\s+convert-pfc-to-plan", text):
        compiled.add(mnemonic[1])
printed = "".join(subprocess.run([sys.executable, "-B", sys.argv[2], *group],
                                 check=True, capture_output=True,
                                 text=True).stdout for group in GROUPS)
missing = compiled - BARE - set(re.findall(r"pfc\.(\w+)", printed))
assert len(compiled) > 30, compiled
sys.exit("no numerics test for: " + ", ".join(sorted(missing))
         if missing else 0)
