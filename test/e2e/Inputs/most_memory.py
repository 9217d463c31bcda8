"""most_memory.py GIB COMMAND...: runs it; it and its children took at most so
much memory, mapped pages included."""
import resource
import subprocess
import sys

subprocess.run(sys.argv[2:], check=True)
most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
print(f"{most:.2f} GiB")
assert most <= float(sys.argv[1]), most
