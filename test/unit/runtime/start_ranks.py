"""start_ranks.py N PROGRAM [ARGUMENT ...]: starts N ranks as torchrun does.

Ends with the first status that is not 0.
"""
import os
import socket
import subprocess
import sys


def free_port():
    with socket.socket() as probe:
        probe.bind(("", 0))
        return probe.getsockname()[1]


def main():
    ranks, command = int(sys.argv[1]), sys.argv[2:]
    port = str(free_port())
    processes = []
    for rank in range(ranks):
        environment = dict(
            os.environ, RANK=str(rank), WORLD_SIZE=str(ranks),
            LOCAL_RANK=str(rank), MASTER_ADDR="localhost", MASTER_PORT=port)
        processes.append(subprocess.Popen(command, env=environment))
    statuses = [process.wait() for process in processes]
    sys.exit(next((status for status in statuses if status != 0), 0))


main()
