"""code_block.py FILE.md WORD: the first block of code in which WORD stands."""
import re
import sys

with open(sys.argv[1]) as file:
    blocks = re.findall(r"^```\n(.*?)^```$", file.read(), re.M | re.S)
print(next(block for block in blocks if sys.argv[2] in block))
