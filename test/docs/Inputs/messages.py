"""messages.py ROOT: looks for the messages that the tables of
docs/operations.md quote in the strings of runtime/ and tools/.

A quoted message stands for its parts between what differs: an ellipsis or a
capital letter. Code may put a part together from three strings.
"""
import pathlib
import re
import sys


def strings(root):
    """All string literals, those that follow one another as one."""
    for folder in ("runtime", "tools"):
        for path in sorted((root / folder).rglob("*.cpp")):
            text = re.sub(r'"\s*\n\s*"', "", path.read_text())
            yield from re.findall(r'"((?:[^"\\\n]|\\.)*)"', text)


def quoted(page):
    """The messages of the tables' first column."""
    for line in page.splitlines():
        if line.startswith("| `"):
            yield from re.findall(r"`([^`]+)`", line.split(" | ")[0])


def said(part, code, pieces=3):
    if part in code:
        return True
    return pieces > 1 and any(
        part[:at.start()] in code and said(part[at.end():], code, pieces - 1)
        for at in re.finditer(" ", part))


def main():
    root = pathlib.Path(sys.argv[1])
    code = "\n".join(strings(root))
    messages = list(quoted((root / "docs/operations.md").read_text()))
    for message in messages:
        for part in re.split(r"…|\b[A-Z]\b", message):
            part = part.strip(" ,;:()'")
            assert said(part, code), f"{message!r}: nothing says {part!r}"
    print(len(messages), "messages")


main()
