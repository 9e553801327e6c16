"""Whether a program can say a message: by the strings in the sources, or by what was really said."""

import re
from pathlib import Path

# What stands in a message for a value: numbers, addresses, names, quoted words, paths, and the shortest words between them.
VALUE = re.compile(
    r"""VM|pid|has|open|Mb|\d+\w*|\(?kvm\)?|\([a-z0-9]+\)|"[^"]*"|/[\w/.-]+|(?=.*\d)[0-9a-f:.\-]+|\w+=[\w:-]+|tap\w+|usb\d|[\W_]+"""
)
MARKS = " :;,."
LEAST = 8


def literals():
    """The pieces between the holes of every string that the programs can print, the longest first."""
    pieces = set()
    for file in [*Path("shared/src").rglob("*.rs"), *Path("bins").glob("*/src/**/*.rs")]:
        if file.stem.endswith("tests") or {"tests", "testdata"} & set(file.parts):
            continue
        text = file.read_text().split("#[cfg(test)]\nmod tests {")[0]
        text = re.sub(r"^\s*//.*$", "", text, flags=re.M)
        text = re.sub(r"\\\n\s*", "", text)
        for string in re.findall(r'"((?:[^"\\\n]|\\.)*)"', text):
            pieces.update(piece.strip(MARKS) for piece in re.split(r"\{[^{}]*\}", string.replace('\\"', '"')))
    return sorted((piece for piece in pieces if len(piece) >= LEAST), key=len, reverse=True)


def unsaid(message, pieces, said):
    """The words of a message that no program says; none when it is found in a transcript as it stands."""
    if re.search(".*".join(map(re.escape, message.split("…"))), said):
        return ""
    found = False
    rest = []
    for fragment in message.split("…"):
        for piece in pieces:
            if piece in fragment:
                fragment = fragment.replace(piece, "\0")
                found = True
        # A message may begin or stop within a string.
        for part in filter(None, (part.strip(MARKS) for part in fragment.split("\0"))):
            if len(part) >= LEAST and any(part in piece for piece in pieces):
                found = True
            else:
                rest += [word for word in part.split() if not VALUE.fullmatch(word.strip(MARKS))]
    return " ".join(rest) if found else message
