"""interrupt.py SIGNAL OUT COMMAND...: runs COMMAND, a pfc-run that starts its
own ranks and writes checkpoints to OUT. When the first checkpoint is whole,
SIGNAL goes to rank 1 (KILL) or to the whole job (TERM, USR1). Fails unless the
job then ends before its training does."""
import glob
import os
import signal
import subprocess
import sys
import time

name, out, command = sys.argv[1], sys.argv[2], sys.argv[3:]
job = subprocess.Popen(command)  # becomes mpirun, whose children are the ranks
while not glob.glob(f"{out}/checkpoints/step-*[0-9]"):
    assert job.poll() is None, "the job ended before its first checkpoint"
    time.sleep(0.002)
target = job.pid
if name == "KILL":
    with open(f"/proc/{job.pid}/task/{job.pid}/children") as children:
        target = int(children.read().split()[1])
os.kill(target, getattr(signal, "SIG" + name))
status = job.wait()
print("status", status)
assert not os.path.exists(f"{out}/backbone.safetensors"), "it had finished"
assert name != "KILL" or status != 0
