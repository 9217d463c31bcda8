"""sparse_file.py FILE LEAST MOST: it has at least LEAST bytes and takes at most
MOST on disk."""
import os
import sys

status = os.stat(sys.argv[1])
taken = 512 * status.st_blocks
print(f"{status.st_size} bytes, {taken} on disk")
assert status.st_size >= int(sys.argv[2]), status.st_size
assert 0 < taken <= int(sys.argv[3]), taken
