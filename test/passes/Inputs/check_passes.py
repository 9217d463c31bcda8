"""Every pass of Passes.td is a file of its name, and its manual names its test,
shows an example and says what it does to R100 with Glint360K on 8 ranks."""
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
    flag = re.search(r'Pass<"([\w-]+)"', text).group(1)
    tests = re.findall(r"test/passes/[\w-]+\.\w+", text)
    if not re.search(r"Example \(test/passes/[^)]*\)[^`]*:\n +```mlir\n", text):
        problems.append(f"{name}: its description has no example of a test")
    if not any(f"-{flag}" in (root / test).read_text() for test in tests
               if (root / test).exists()):
        problems.append(f"{name}: no test of its description runs {flag}")
    # One paragraph, with a figure.
    figures = re.search(r"\n    R100 with Glint360K on 8 ranks(.*?)\n\n", text,
                        re.DOTALL)
    if not figures or not re.search(r"\d", figures.group(1)):
        problems.append(f"{name}: no figure of R100 with Glint360K on 8 ranks")
    problems += [f"{name}: no {test}" for test in tests
                 if not (root / test).exists()]
print("\n".join(problems + [f"{len(passes)} passes, {len(problems)} problems"]))
