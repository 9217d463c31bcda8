"""Prints the CUDA C++ text that a module carries as plan.kernel_cuda."""
import pathlib
import re
import sys

module = pathlib.Path(sys.argv[1]).read_text()
text = re.search(r'plan\.kernel_cuda = "((?:[^"\\]|\\.)*)"', module)[1]
print(re.sub(r"\\([0-9A-F]{2}|\\)",
             lambda code: "\\" if code[1] == "\\" else chr(int(code[1], 16)),
             text))
