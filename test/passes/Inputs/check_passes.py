"""Every pass of Passes.td is a file of its name, and its manual names a test."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
manual = (root / "passes/Passes.td").read_text()
problems = []
passes = re.split(r"\ndef (?=\w+Pass\b)", manual)[1:]
for text in passes:
    name = re.match(r"(\w+)Pass\b", text).group(1)
    if not (root / f"passes/{name}.cpp").exists():
        problems.append(f"{name}: no passes/{name}.cpp")
    if "let summary" not in text or "let description" not in text:
        problems.append(f"{name}: no summary or no description")
    tests = re.findall(r"test/passes/[\w-]+\.\w+", text)
    if not tests:
        problems.append(f"{name}: its description names no test")
    problems += [f"{name}: no {test}" for test in tests
                 if not (root / test).exists()]
print("\n".join(problems + [f"{len(passes)} passes, {len(problems)} problems"]))
