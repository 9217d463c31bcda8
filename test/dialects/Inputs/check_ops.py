"""Every op of a dialect has a summary that reads in the generated reference as it
was written, says which passes make and remove it, and shows itself in an example.

check_ops.py < JSON
    Checks the ops of a dialect, as `llvm-tblgen -dump-json` writes them.
check_ops.py --parse < JSON
    Also has pfc-opt parse and verify the examples, each as a function's body.
"""
import json
import re
import subprocess
import sys

OPERAND = re.compile(r"%[a-z_]\w*")
TYPES_DIFFER = re.compile(r"^<stdin>:(\d+):.*use of value '(%\w+)' expects "
                          r"different type than prior uses: '(.*)' vs ", re.M)


def ops(dump):
    """(name with the dialect's, its record)"""
    for key in dump["!instanceof"]["Op"]:
        record = dump[key]
        dialect = dump[record["opDialect"]["def"]]["name"]
        yield f'{dialect}.{record["opName"]}', record


def example(description):
    """The code of an example: a block, or in one line."""
    found = re.search(r"^ *Example:(?: `([^`]+)`|[^`]*```mlir\n(.*?)```)",
                      description, re.DOTALL | re.MULTILINE)
    return (found.group(1) or found.group(2)) if found else ""


def problems_of(name, record):
    # mlir-tblgen makes a capital of the first letter, of a formula's as well.
    if not record["summary"] or re.match("[a-z]", record["summary"]):
        yield f"{name}: its summary does not begin with a word and its capital"
    for said in ["Made by: ", "Gone after: "]:
        if said not in " ".join(record["description"].split()):
            yield f'{name}: its description has no "{said.strip()}"'
    if not re.search(rf"\b{name}\b", example(record["description"])):
        yield f"{name}: its description has no example of it"


def defined(code):
    """What an example defines, as results of several ops or as blocks do."""
    results = re.findall(r"^ *((?:%\w+, )*%\w+) =", code, re.MULTILINE)
    return set(re.findall(r"%\w+", ", ".join(results)))


def function(code, types):
    arguments = ", ".join(f"{name}: {type}" for name, type in types.items())
    body = " ".join(code.split("\n"))
    return f"func.func @example({arguments}) {{ {body}\n return }}"


def parse(examples):
    """Problems of the examples. What they take has the types that pfc-opt says
    it expects, instead of `none`: an operand of each in a round."""
    codes = list(examples.values())
    types = [{operand: "none" for operand in OPERAND.findall(code)
              if operand not in defined(code)} for code in codes]
    rounds = 1 + max(map(len, types))
    for _ in range(rounds):
        # A function of two lines, and one between it and the next.
        text = "\n// -----\n".join(map(function, codes, types))
        result = subprocess.run(["pfc-opt", "--split-input-file", "-o", "-"],
                                input=text, capture_output=True, text=True)
        learned = False
        for line, operand, type in TYPES_DIFFER.findall(result.stderr):
            of = types[int(line) // 3]
            learned |= of[operand] == "none"
            of[operand] = type if of[operand] == "none" else of[operand]
        if not learned:
            break
    errors = re.findall(r"^<stdin>.*error: .*\n.*", result.stderr, re.MULTILINE)
    return errors or [result.stderr] if result.returncode else []


def main():
    every = dict(ops(json.load(sys.stdin)))
    problems = [problem for name, record in every.items()
                for problem in problems_of(name, record)]
    if sys.argv[1:] == ["--parse"]:
        problems += parse({name: example(record["description"])
                           for name, record in every.items()})
    print("\n".join(problems + [f"{len(every)} ops, {len(problems)} problems"]))


main()
