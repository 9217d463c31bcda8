"""Of arcface_torch's rows of `pfcc scaling` (stdin) what PyTorch's allocator
holds, against what it held in PyTorch itself. PyTorch 1.8.1 with cuDNN 7.6.5 ran
arcface_torch's step of July 2021 without a GPU: its CUDA runtime was one that
says it is a V100 with 32 GiB, hands out addresses and launches nothing. A kernel
for tensor cores was said to be the fastest.
usage: check_pytorch.py PEERS_TOML < SCALING
"""

import sys
import tomllib

# MiB reserved after the fifth step, on a rank without positives if none is said.
RESERVED = {
    (125_000, 512, "model parallel"): 3606,
    (125_000, 512, "Partial FC"): 3154,
    (250_000, 512, "model parallel"): 4096,
    (250_000, 512, "Partial FC"): 3274,
    (500_000, 512, "model parallel"): 5336,
    (500_000, 512, "Partial FC"): 3502,
    (1_000_000, 512, "model parallel"): 7916,
    (1_000_000, 512, "Partial FC"): 3964,
    (1_400_000, 512, "model parallel"): 9514,
    (1_400_000, 512, "Partial FC"): 4326,
    (2_000_000, 512, "model parallel"): 12318,
    (2_000_000, 512, "Partial FC"): 4812,
    (4_000_000, 512, "model parallel"): 21344,
    (4_000_000, 512, "Partial FC"): 6722,
    (5_500_000, 512, "model parallel"): 28298,
    (5_500_000, 512, "Partial FC"): 8002,
    (8_000_000, 512, "Partial FC"): 10654,
    (16_000_000, 512, "Partial FC"): 17902,
    (29_000_000, 512, "Partial FC"): 29958,
    (3_000_000, 1024, "model parallel, rank 1"): 27218,
    (3_000_000, 1024, "model parallel, rank 0"): 28684,
    (3_000_000, 1024, "Partial FC, rank 1"): 8686,
}
WITHIN = 25


def main(peers):
    with open(peers, "rb") as file:
        base = tomllib.load(file)["arcface_torch"]["fitted"]["base_mib"]
    left = dict(RESERVED)
    framework = None
    for line in sys.stdin:
        if line.startswith("insightface, "):
            framework = line.rstrip().split("; ")[-1]
        cells = [cell.strip() for cell in line.split("|")]
        if framework != "arcface_torch." or len(cells) != 14 or not cells[2].isdigit():
            continue
        row = int(cells[2]), int(cells[4]), cells[5]
        if row in left:
            simulated, held = float(cells[7]) - base, left.pop(row)
            assert abs(simulated - held) <= WITHIN, (row, simulated, held)
    assert not left, left


main(*sys.argv[1:])
