"""start_ranks.py N PROGRAM [ARGUMENT ...]: starts N ranks as torchrun does.

Ends with the first status that is not 0.
"""
import os
import socket
import subprocess
import sys


def reserve_port():
    """Nobody else gets its port; rank 0 may listen there (SO_REUSEADDR)."""
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(("", 0))
    return reserved


def main():
    ranks, command = int(sys.argv[1]), sys.argv[2:]
    reserved = reserve_port()
    port = str(reserved.getsockname()[1])
    processes = []
    for rank in range(ranks):
        environment = dict(
            os.environ, RANK=str(rank), WORLD_SIZE=str(ranks),
            LOCAL_RANK=str(rank), MASTER_ADDR="localhost", MASTER_PORT=port)
        processes.append(subprocess.Popen(command, env=environment))
    statuses = [process.wait() for process in processes]
    sys.exit(next((status for status in statuses if status != 0), 0))


main()
