"""Prints the LLVM IR text that a module carries as plan.kernel_ir."""
import re
import sys

text = re.search(r'plan\.kernel_ir = "((?:[^"\\]|\\.)*)"', sys.stdin.read())[1]
print(re.sub(r"\\([0-9A-Fa-f]{2})", lambda m: chr(int(m[1], 16)), text)
      .replace("\\\\", "\\"))
