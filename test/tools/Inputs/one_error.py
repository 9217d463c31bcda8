"""Runs a tool that is to end with status 1 and one line on stderr, which this
prints."""
import subprocess
import sys

done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE,
                      stderr=subprocess.PIPE, timeout=600)
lines = done.stderr.decode().splitlines()
print("\n".join(lines))
if done.returncode != 1 or len(lines) != 1 or done.stdout:
    sys.exit("status %d, %d lines, %d bytes of output" %
             (done.returncode, len(lines), len(done.stdout)))
