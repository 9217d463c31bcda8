"""interrupt.py SIGNAL OUT COMMAND...: runs COMMAND, a pfc-run that starts its
own ranks and writes checkpoints to OUT. When the first checkpoint is whole,
SIGNAL goes to rank 1 (KILL) or to the job's pfc-run (TERM). A job that is
through before the signal is there, on a machine that does other things, is
forgotten, and another one started. Fails unless one ends before its training
does."""
import glob
import os
import shutil
import signal
import subprocess
import sys
import time

name, out, command = sys.argv[1], sys.argv[2], sys.argv[3:]


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as pids:
        return [int(child) for child in pids.read().split()]


def interrupt(job):
    """False where it is through."""
    while not glob.glob(f"{out}/checkpoints/step-*[0-9]"):
        if job.poll() is not None:
            return False
        time.sleep(0.002)
    target = job.pid
    try:
        if name == "KILL":
            target = children(children(job.pid)[0])[1]  # pfc-run > mpirun > ranks
        os.kill(target, getattr(signal, "SIG" + name))
    except (OSError, IndexError): # the process has ended
        return False
    return True


for attempt in range(20):
    job = subprocess.Popen(command)
    came = interrupt(job)
    status = job.wait()
    print("status", status, flush=True)
    if came and not os.path.exists(f"{out}/backbone.safetensors"):
        sys.exit((status != 0) != (name == "KILL"))
    assert came or status == 0, "the job failed by itself"
    shutil.rmtree(out)
sys.exit("no job could be interrupted")
