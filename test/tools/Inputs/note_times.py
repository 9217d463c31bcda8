"""note_times.py NOTES pfcc explain SPEC OPTION...: what each of the notes of
cluster.memory_per_rank says of time is what `pfcc explain` predicts of the two
specs, to a percent."""
import json
import re
import subprocess
import sys

notes, *explain = sys.argv[1:]


def image_seconds(*settings):
    text = subprocess.run([*explain, "--json", *settings], check=True,
                          capture_output=True, text=True).stdout
    explained = json.loads(text)
    return explained["step"]["seconds"] / explained["batch_per_rank"]


now = image_seconds()
found = re.findall(r"it fits with (\S+) = (\S+) \(([+-]\d+) % of time",
                   open(notes).read())
for key, value, percent in found:
    wanted = 100 * (image_seconds(f"--set={key}={value}") / now - 1)
    if abs(wanted - int(percent)) > 1:
        sys.exit(f"{key} = {value}: {percent} %, not {wanted:+.1f} %")
print(f"{len(found)} notes")
