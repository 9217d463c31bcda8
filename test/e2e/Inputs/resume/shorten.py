"""shorten.py SET COPY: a data set whose train.rec ends in the middle of a record,
and has no index."""

import os
import shutil
import sys

shutil.copytree(sys.argv[1], sys.argv[2])
for folder, _, files in os.walk(sys.argv[2]):
    if "train.rec" in files:
        path = os.path.join(folder, "train.rec")
        os.truncate(path, os.path.getsize(path) - 20)
        os.remove(os.path.join(folder, "train.idx"))
