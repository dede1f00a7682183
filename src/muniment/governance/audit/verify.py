#!/usr/bin/env python3
"""Check an exported audit log offline: `python verify.py FOLDER [--checkpoint FILE] [--json]`.

Needs Python and the package cryptography, no server, no secret and nothing else of muniment. FOLDER holds what
`muniment audit export` wrote. A checkpoint that was kept elsewhere makes the check complete: without one, somebody
who holds the signing key could have rewritten the whole log.

Checks: every entry hashes to its leaf (RFC 6962 section 2.1), stands at its place, and the tree of all entries up to
each signed checkpoint has the signed root. Exit 0 if everything fits, 1 if something does not, 2 for wrong usage.
"""

import argparse
import base64
import hashlib
import json
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MOST_FINDINGS = 20
EMPTY_ROOT = hashlib.sha256(b"").digest()


class Tree:
    """An append-only RFC 6962 tree that keeps only the roots of its full subtrees."""

    def __init__(self) -> None:
        self.size = 0
        self.subtrees: list[tuple[int, bytes]] = []

    def add(self, leaf: bytes) -> None:
        """Append a leaf hash."""
        width, node = 1, leaf
        while self.subtrees and self.subtrees[-1][0] == width:
            node = hashlib.sha256(b"\x01" + self.subtrees.pop()[1] + node).digest()
            width *= 2
        self.subtrees.append((width, node))
        self.size += 1

    def root(self) -> bytes:
        """Return the root of all leaves so far."""
        if not self.subtrees:
            return EMPTY_ROOT
        node = self.subtrees[-1][1]
        for _, left in reversed(self.subtrees[:-1]):
            node = hashlib.sha256(b"\x01" + left + node).digest()
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


def read_leaves(path: Path) -> list[str]:
    """Return the leaf hashes of a file, one a line; raises ValueError for a line that was cut short."""
    *lines, rest = read_text(path).split("\n")
    if rest:
        raise ValueError("leaves.txt was cut short")
    return lines


def entry_problem(number: int, line: bytes, leaf: str) -> str:
    """Return what is wrong with one entry, or nothing."""
    try:
        entry = json.loads(line)
        seq, what = entry["seq"], f"{entry['kind']} at {entry['at']}"
    except (ValueError, KeyError, TypeError):
        return f"entry {number} was altered: it cannot be read"
    if hashlib.sha256(b"\x00" + line).hexdigest() != leaf:
        return f"entry {number} ({what}) was altered"
    if seq != number:
        return f"entry {number} ({what}) is out of place: it was written as entry {seq}"
    return ""


def verify_export(folder: Path, trusted: str | None = None) -> dict[str, object]:
    """Check a folder; `trusted` is the text of a checkpoint that was kept elsewhere."""
    findings: list[str] = []
    tree = Tree()
    roots = {0: tree.root()}
    notes: list[Note] = []
    try:
        name, key_hash, key = read_key(read_text(folder / "public-key.txt"))
        notes = read_notes(read_text(folder / "checkpoints.txt"), findings)
        leaves = read_leaves(folder / "leaves.txt")
        walk(folder / "entries.jsonl", leaves, tree, roots, findings)
    except (OSError, ValueError) as error:
        findings.append(f"the export is damaged: {error}")
        return result(tree, notes, findings)
    if len(leaves) > tree.size:
        findings.append(f"entries {tree.size} to {len(leaves) - 1} are missing")
    if not notes or notes[-1].size != tree.size:
        findings.append("no signed checkpoint covers exactly these entries")
    for note in notes:
        if not note.signed_by(name, key_hash, key):
            findings.append(f"the signature of the checkpoint of size {note.size} does not hold")
        elif roots.get(note.size) != note.root:
            findings.append(f"the entries do not match the checkpoint of size {note.size}")
    if trusted is not None:
        check_trusted(trusted, (name, key_hash, key), roots, findings)
    return result(tree, notes, findings)


def walk(path: Path, leaves: list[str], tree: Tree, roots: dict[int, bytes], findings: list[str]) -> None:
    """Hash every entry into the tree, keep the root at every size, and name each entry that does not fit."""
    with open(path, "rb") as file:
        for number, raw in enumerate(file):
            line = raw.removesuffix(b"\n")
            problem = entry_problem(number, line, leaves[number] if number < len(leaves) else "")
            if problem or not raw.endswith(b"\n"):
                findings.append(problem or f"entry {number} was cut short")
            tree.add(hashlib.sha256(b"\x00" + line).digest())
            roots[tree.size] = tree.root()


def check_trusted(
    text: str, signer: tuple[str, bytes, Ed25519PublicKey], roots: dict[int, bytes], findings: list[str]
) -> None:
    """Compare with the checkpoint that was kept elsewhere."""
    try:
        note = Note(text)
    except ValueError:
        findings.append("the trusted checkpoint cannot be read")
        return
    if not note.signed_by(*signer):
        findings.append("the trusted checkpoint was signed by another key than the one in this export")
    if note.size not in roots:
        findings.append(f"entries are missing: the trusted checkpoint covers {note.size}")
    elif roots[note.size] != note.root:
        findings.append(f"the entries do not match the trusted checkpoint of size {note.size}")


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
    parser.add_argument("--checkpoint", type=Path, help="a checkpoint that was kept elsewhere")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    trusted = options.checkpoint.read_text("utf-8") if options.checkpoint else None
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
