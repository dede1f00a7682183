#!/usr/bin/env python3
"""Check an exported audit log offline: `python verify.py FOLDER [--checkpoint FILE]... [--json]`.

Needs Python and the package cryptography, no server, no secret and nothing else of muniment. FOLDER holds what
`muniment audit export` wrote. Checkpoints that were kept elsewhere make the check complete: without one, somebody
who holds the signing key could have rewritten the whole log.

Checks: every entry hashes to its leaf (RFC 6962 section 2.1), stands at its place, and the tree of all entries up to
each signed checkpoint has the signed root. Names the first entry that does not fit; where its hashes were made anew,
the entries between the last checkpoint that fits and the first that does not. Exit 0 if everything fits, 1 if
something does not, 2 for wrong usage.
"""

import argparse
import base64
import hashlib
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MOST_FINDINGS = 20
EMPTY_ROOT = hashlib.sha256(b"").digest()
BLOCK_BYTES = 1 << 20
LEAF_BYTES = 65
"""Of a line in leaves.txt: 64 hexadecimal digits and the line end."""
PLACE = re.compile(rb',"seq":(0|[1-9][0-9]*),"via":"[^"\\\n]*"}\n')
"""How an entry ends. In a line that is JSON these are the last two members of the whole object."""


class Tree:
    """An append-only RFC 6962 tree that keeps only the roots of its full subtrees."""

    def __init__(self) -> None:
        self.size = 0
        self.subtrees: dict[int, bytes] = {}
        """By level: the one at level n has 2**n leaves."""

    def add(self, leaf: bytes) -> None:
        """Append a leaf hash."""
        self.extend([leaf])

    def extend(self, leaves: list[bytes]) -> None:
        """Append leaf hashes, a level of the tree at a time."""
        self.size += len(leaves)
        level, nodes = 0, leaves
        while nodes:
            if level in self.subtrees:
                nodes = [self.subtrees.pop(level), *nodes]
            if len(nodes) % 2:
                self.subtrees[level] = nodes[-1]
            left_to_right = iter(nodes)
            pairs = zip(left_to_right, left_to_right, strict=False)
            nodes = [hashlib.sha256(b"\x01" + left + right).digest() for left, right in pairs]
            level += 1

    def root(self) -> bytes:
        """Return the root of all leaves so far."""
        if not self.subtrees:
            return EMPTY_ROOT
        smallest, *larger = sorted(self.subtrees)
        node = self.subtrees[smallest]
        for level in larger:
            node = hashlib.sha256(b"\x01" + self.subtrees[level] + node).digest()
        return node


class Note:
    """A signed checkpoint (C2SP signed-note)."""

    def __init__(self, text: str) -> None:
        lines = text.split("\n")
        if len(lines) != 6 or lines[3] or lines[5]:
            raise ValueError("not a checkpoint")
        self.origin, self.size, self.root = lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True)
        mark, name, signature = lines[4].split(" ")
        raw = base64.b64decode(signature, validate=True)
        if (mark, name, len(raw), len(self.root)) != ("\u2014", self.origin, 68, 32) or self.size < 0:
            raise ValueError("not a checkpoint")
        self.key_hash, self.signature = raw[:4], raw[4:]
        self.body = "\n".join(lines[:3]) + "\n"
        written = base64.b64encode(self.root).decode(), base64.b64encode(raw).decode(), str(self.size)
        if written != (lines[2], signature, lines[1]):
            raise ValueError("not a checkpoint")

    def signed_by(self, name: str, key_hash: bytes, key: Ed25519PublicKey) -> bool:
        """Tell whether the named key signed this note."""
        if (self.origin, self.key_hash) != (name, key_hash):
            return False
        try:
            key.verify(self.signature, self.body.encode())
        except InvalidSignature:
            return False
        return True


def read_key(text: str) -> tuple[str, bytes, Ed25519PublicKey]:
    """Return name, key hash and key of a line `NAME+HASH+KEY`; raises ValueError for any other text."""
    name, stated, encoded = text.removesuffix("\n").split("+", 2)
    raw = base64.b64decode(encoded, validate=True)
    if len(raw) != 33 or raw[0] != 1 or not text.endswith("\n"):
        raise ValueError("not an Ed25519 key")
    found = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    if found.hex() != stated:
        raise ValueError("the key does not have the hash that it states")
    return name, found, Ed25519PublicKey.from_public_bytes(raw[1:])


def read_notes(text: str, findings: list[str]) -> list[Note]:
    """Return the checkpoints of a file, each of five lines, one blank line between two."""
    lines = text.split("\n")
    notes: list[Note] = []
    texts: list[str] = []
    for start in range(0, max(len(lines) - 1, 0), 6):
        try:
            texts.append("\n".join(lines[start : start + 5]) + "\n")
            notes.append(Note(texts[-1]))
        except ValueError:
            findings.append(f"checkpoint {len(notes) + 1} cannot be read")
            return notes
    if "\n".join(texts) != text:
        findings.append("checkpoints.txt holds something between its checkpoints")
    return notes


def read_text(path: Path) -> str:
    """Return a file's text with its line ends as they are; raises ValueError unless it is UTF-8."""
    return path.read_bytes().decode("utf-8")


def entry_problem(number: int, line: bytes, leaf: bytes) -> str:
    """Return what is wrong with one entry, or nothing; both lines come with their ends."""
    if not line.endswith(b"\n"):
        return f"entry {number} was cut short"
    try:
        entry = json.loads(line)
        seq, what = entry["seq"], f"{entry['kind']} at {entry['at']}"
    except (ValueError, KeyError, TypeError):
        return f"entry {number} was altered: it cannot be read"
    if not leaf:
        return f"entry {number} ({what}) has no line in leaves.txt"
    if hashlib.sha256(b"\x00" + line[:-1]).hexdigest().encode() + b"\n" != leaf:
        return f"entry {number} ({what}) was altered"
    if seq != number:
        return f"entry {number} ({what}) is out of place: it was written as entry {seq}"
    return ""


def verify_export(folder: Path, trusted: str | None = None) -> dict[str, object]:
    """Check a folder; `trusted` is the text of checkpoints that were kept elsewhere, a blank line between two."""
    findings: list[str] = []
    tree = Tree()
    notes: list[Note] = []
    kept = read_trusted(trusted, findings)
    try:
        signer = read_key(read_text(folder / "public-key.txt"))
    except (OSError, ValueError) as error:
        findings.append(f"the export is damaged: public-key.txt cannot be read: {error}")
        return result(tree, notes, findings)
    try:
        # What is not UTF-8 spoils one checkpoint, not all.
        notes = read_notes((folder / "checkpoints.txt").read_bytes().decode("utf-8", "replace"), findings)
        sizes = {note.size for note in [*notes, *kept]}
        named, roots = walk(folder, sizes, tree)
        compare(notes, kept, signer, roots, tree.size, findings)
        if findings and not named:
            named, _ = walk(folder, sizes, Tree(), thorough=True)
    except (OSError, ValueError) as error:
        findings.append(f"the export is damaged: {error}")
        return result(tree, notes, findings)
    return result(tree, notes, named + findings)


def walk(
    folder: Path, sizes: Iterable[int], tree: Tree, thorough: bool = False
) -> tuple[list[str], dict[int, bytes]]:
    """Hash every entry into the tree; return what is wrong with entries, and the roots at these sizes.

    A block of entries that ends as it must and has the hashes that leaves.txt states is not read any further, unless
    the walk is `thorough`: only hashes made anew can hide behind that, and the roots tell of these.
    """
    findings: list[str] = []
    roots = {0: tree.root()}
    stops = sorted(sizes, reverse=True)
    with open(folder / "entries.jsonl", "rb") as entries, open(folder / "leaves.txt", "rb") as leaves:
        while lines := entries.readlines(BLOCK_BYTES):
            stated = leaves.read(LEAF_BYTES * len(lines))
            hashes = [hashlib.sha256(b"\x00" + line.removesuffix(b"\n")).digest() for line in lines]
            if thorough or not fits(tree.size, lines, hashes, stated):
                name_problems(tree.size, lines, stated, findings)
            done = 0
            while stops and stops[-1] <= tree.size + len(hashes) - done:
                upto = done + max(stops[-1] - tree.size, 0)
                tree.extend(hashes[done:upto])
                done, roots[stops.pop()] = upto, tree.root()
            tree.extend(hashes[done:])
        more = leaves.read()
    lacking, broken = divmod(len(more), LEAF_BYTES)
    if lacking:
        findings.append(f"entries {tree.size} to {tree.size + lacking - 1} are missing")
    elif broken:
        findings.append(f"leaves.txt was altered: its line for entry {tree.size} is broken")
    return findings, roots


def fits(first: int, lines: list[bytes], hashes: list[bytes], stated: bytes) -> bool:
    """Tell whether entries have the stated hashes, and state the places from `first` on."""
    places = PLACE.findall(b"".join(lines))
    return b"".join(hashes).hex("\n", 32).encode() + b"\n" == stated and places == [
        b"%d" % number for number in range(first, first + len(lines))
    ]


def name_problems(first: int, lines: list[bytes], stated: bytes, findings: list[str]) -> None:
    """Name each entry that does not fit, up to half of what is shown: the rest is for what checkpoints say."""
    for at, line in enumerate(lines):
        if len(findings) >= MOST_FINDINGS // 2:
            return
        problem = entry_problem(first + at, line, stated[at * LEAF_BYTES : (at + 1) * LEAF_BYTES])
        if problem:
            findings.append(problem)


def compare(
    notes: list[Note],
    kept: list[Note],
    signer: tuple[str, bytes, Ed25519PublicKey],
    roots: dict[int, bytes],
    size: int,
    findings: list[str],
) -> None:
    """Compare the roots with the checkpoints of the export, and with those that were kept elsewhere."""
    covered = notes[-1].size if notes else 0
    if not notes or covered < size:
        findings.append(f"no signed checkpoint covers entries {covered} to {size - 1}")
    good = 0
    for note in notes:
        if not note.signed_by(*signer):
            findings.append(f"the signature of the checkpoint of size {note.size} does not hold")
        elif roots.get(note.size) != note.root:
            findings.append(difference(note, roots, good, size, "checkpoint"))
        else:
            good = max(good, note.size)
    check_trusted(kept, signer, roots, size, findings)


def read_trusted(text: str | None, findings: list[str]) -> list[Note]:
    """Return the checkpoints that were kept elsewhere, the smallest first."""
    problems: list[str] = []
    notes = read_notes(text, problems) if text is not None else []
    if problems or (text is not None and not notes):
        findings.append("the trusted checkpoint cannot be read")
    return sorted(notes, key=lambda note: note.size)


def check_trusted(
    kept: list[Note],
    signer: tuple[str, bytes, Ed25519PublicKey],
    roots: dict[int, bytes],
    size: int,
    findings: list[str],
) -> None:
    """Compare with the checkpoints that were kept elsewhere; nothing else bounds where a rewritten log differs."""
    good = 0
    for note in kept:
        if not note.signed_by(*signer):
            findings.append("the trusted checkpoint was signed by another key than the one in this export")
        if roots.get(note.size) != note.root:
            findings.append(difference(note, roots, good, size, "trusted checkpoint"))
        else:
            good = note.size


def difference(note: Note, roots: dict[int, bytes], good: int, size: int, what: str) -> str:
    """Say where the entries first differ from those that a checkpoint covers; the first `good` ones fit."""
    place = f"the first that differs is among entries {good} to {note.size - 1}"
    if note.size > size:
        return f"entries are missing: there are {size}, and the {what} covers {note.size}: {place}"
    return f"the entries do not match the {what} of size {note.size}: {place}"


def result(tree: Tree, notes: list[Note], findings: list[str]) -> dict[str, object]:
    """Return the outcome as plain values, the first bad place first."""
    return {
        "ok": not findings,
        "entries": tree.size,
        "root": tree.root().hex(),
        "checkpoints": len(notes),
        "findings": findings[:MOST_FINDINGS],
    }


def main() -> int:
    """Run as a command."""
    parser = argparse.ArgumentParser(description="Check an exported audit log offline.")
    parser.add_argument("folder", type=Path)
    kept = "a checkpoint that was kept elsewhere; may be repeated"
    parser.add_argument("--checkpoint", type=Path, action="append", help=kept)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    trusted = "\n".join(map(read_text, options.checkpoint)) if options.checkpoint else None
    found = verify_export(options.folder, trusted)
    if options.json:
        print(json.dumps(found))
    elif found["ok"]:
        print(f"{found['entries']} entries, {found['checkpoints']} checkpoints: nothing was altered.")
        print(f"Root: {found['root']}")
    else:
        print("\n".join(str(finding) for finding in findings_of(found)))
    return 0 if found["ok"] else 1


def findings_of(found: dict[str, object]) -> list[str]:
    """Return the findings of a result."""
    findings = found["findings"]
    return [str(finding) for finding in findings] if isinstance(findings, list) else []


if __name__ == "__main__":
    sys.exit(main())
