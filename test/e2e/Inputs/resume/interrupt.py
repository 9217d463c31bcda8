"""interrupt.py SIGNAL OUT COMMAND...: runs COMMAND, a pfc-run that starts its
own ranks and writes checkpoints to OUT. When the first checkpoint is whole,
SIGNAL goes to rank 1 (KILL) or to the job's pfc-run (TERM). Fails unless the
job then ends before its training does."""
import glob
import os
import signal
import subprocess
import sys
import time

name, out, command = sys.argv[1], sys.argv[2], sys.argv[3:]


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as pids:
        return [int(child) for child in pids.read().split()]


job = subprocess.Popen(command)
while not glob.glob(f"{out}/checkpoints/step-*[0-9]"):
    assert job.poll() is None, "the job ended before its first checkpoint"
    time.sleep(0.002)
target = job.pid
if name == "KILL":
    target = children(children(job.pid)[0])[1]  # pfc-run > mpirun > ranks
os.kill(target, getattr(signal, "SIG" + name))
status = job.wait()
print("status", status)
assert not os.path.exists(f"{out}/backbone.safetensors"), "it had finished"
assert (status != 0) == (name == "KILL")
