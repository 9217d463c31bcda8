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
found = re.findall(r"it fits with (.+?) \(([+-]\d+) % of time",
                   open(notes).read())
for change, percent in found:
    settings = [f"--set={key}={value}" for key, value in
                re.findall(r"(\S+) = (\S+)", change)]
    wanted = 100 * (image_seconds(*settings) / now - 1)
    if abs(wanted - int(percent)) > 1:
        sys.exit(f"{change}: {percent} %, not {wanted:+.1f} %")
print(f"{len(found)} notes")
