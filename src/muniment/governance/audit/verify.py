#!/usr/bin/env python3
"""Check an exported audit log offline: `python verify.py FOLDER [--checkpoint FILE]... [--json]`,
or a proof: `python verify.py --proof FILE --key FILE [--checkpoint FILE]`.

Needs Python and the package cryptography, no server, no secret and nothing else of muniment. FOLDER holds what
`muniment audit export` wrote. Checkpoints that were kept elsewhere make the check complete: without one, somebody
who holds the signing key could have rewritten the whole log. Witnesses may have co-signed them: with `--witness-key`
each key of that file, one a line, must have. `--seen FILE` is what a witness saw, and says where a log differs.

A proof is what `muniment audit prove` wrote: that an entry is in the log of the checkpoint in it, or that this log
grew out of the one of `--checkpoint`. The key is the log's, one line, as `public-key.txt` of an export holds it.

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
from collections.abc import Iterable, Sequence
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


def log_note(text: str) -> Note:
    """Read a checkpoint that others may have co-signed, as the log alone signed it."""
    head, blank, below = text.partition("\n\n")
    lines = below.split("\n")
    if not blank or lines[-1] or len(lines) < 2:
        raise ValueError("not a checkpoint")
    return Note(f"{head}\n\n{lines[0]}\n")


def cosigned(text: str, key_line: str) -> bool:
    """Tell whether the witness of a key line `NAME+HASH+KEY` co-signed a checkpoint (C2SP tlog-cosignature)."""
    name, key_hash, key = read_key(key_line, kind=4)
    head, _, below = text.partition("\n\n")
    for line in below.split("\n")[1:-1]:
        mark, signer, encoded = line.split(" ")
        raw = base64.b64decode(encoded, validate=True)
        if (mark, signer, raw[:4], len(raw)) != ("\u2014", name, key_hash, 76):
            continue
        message = f"cosignature/v1\ntime {int.from_bytes(raw[4:12], 'big')}\n{head}\n"
        try:
            key.verify(raw[12:], message.encode())
            return True
        except InvalidSignature:
            continue
    return False


def read_key(text: str, kind: int = 1) -> tuple[str, bytes, Ed25519PublicKey]:
    """Return name, key hash and key of a line `NAME+HASH+KEY`; raises ValueError for any other text."""
    name, stated, encoded = text.removesuffix("\n").split("+", 2)
    raw = base64.b64decode(encoded, validate=True)
    if len(raw) != 33 or raw[0] != kind or not text.endswith("\n"):
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


def verify_export(folder: Path, trusted: Sequence[str] = (), seen: str = "") -> dict[str, object]:
    """Check a folder; `trusted` are texts of checkpoints that were kept elsewhere, `seen` what a witness wrote."""
    findings: list[str] = []
    tree = Tree()
    notes: list[Note] = []
    kept = read_trusted(trusted, findings)
    known = read_seen(seen, findings)
    try:
        signer = read_key(read_text(folder / "public-key.txt"))
    except (OSError, ValueError) as error:
        findings.append(f"the export is damaged: public-key.txt cannot be read: {error}")
        return result(tree, notes, findings)
    try:
        # What is not UTF-8 spoils one checkpoint, not all.
        notes = read_notes((folder / "checkpoints.txt").read_bytes().decode("utf-8", "replace"), findings)
        sizes = {note.size for note in [*notes, *kept]} | {size for size, _ in known}
        named, roots = walk(folder, sizes, tree)
        compare(notes, kept, signer, roots, tree.size, findings)
        findings.extend(contradictions(known, tree.size, roots))
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


def read_trusted(texts: Sequence[str], findings: list[str]) -> list[Note]:
    """Return the checkpoints that were kept elsewhere, the smallest first."""
    notes: list[Note] = []
    for text in texts:
        try:
            notes.append(log_note(text))
        except ValueError:
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


def verify_proof(proof: str, key_text: str, trusted: str | None) -> list[str]:
    """Return what is wrong with a proof; `trusted` is the checkpoint that growth is proved from."""
    try:
        head, _, text = proof.partition("\n\n")
        signer, note = read_key(key_text), log_note(text)
        if not note.signed_by(*signer):
            return ["the checkpoint of the proof was not signed by this key"]
        first, *lines = head.split("\n")
        if first == "c2sp.org/tlog-proof@v1":
            return inclusion_problems(lines, note)
        if trusted is None:
            return ["a proof of growth needs the checkpoint of the smaller log: --checkpoint FILE"]
        old = log_note(trusted)
        if not old.signed_by(*signer) or first != f"old {old.size}":
            return [
                f"the trusted checkpoint is not one of this log, or not of the size that was proved ({first})"
            ]
        path = [base64.b64decode(line, validate=True) for line in lines]
        return [] if grew(old, note, path) else ["the log did not grow out of the trusted checkpoint"]
    except ValueError as error:
        return [f"the proof cannot be read: {error}"]


def inclusion_problems(lines: list[str], note: Note) -> list[str]:
    """Return what is wrong with the proof that an entry is in the log of a checkpoint."""
    extra, place, *path = lines
    if not extra.startswith("extra ") or not place.startswith("index "):
        raise ValueError("no entry or no place")
    entry, seq = base64.b64decode(extra[6:], validate=True), int(place[6:])
    node = hashlib.sha256(b"\x00" + entry).digest()
    at, last = seq, note.size - 1
    for sibling in (base64.b64decode(line, validate=True) for line in path):
        if at & 1 or at == last:
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
            node = hashlib.sha256(b"\x01" + sibling + node).digest()
        else:
            node = hashlib.sha256(b"\x01" + node + sibling).digest()
        at, last = at >> 1, last >> 1
    if not 0 <= seq < note.size or last != 0 or node != note.root:
        return [f"entry {seq} is not in the log of this checkpoint"]
    return [] if json.loads(entry)["seq"] == seq else [f"the entry was not written as entry {seq}"]


def grew(old: Note, new: Note, path: list[bytes]) -> bool:
    """Tell whether a path proves that the old tree is the beginning of the new one (RFC 9162 section 2.1.4.2)."""
    if not 0 < old.size <= new.size or old.size == new.size:
        return old.size == new.size and not path and old.root == new.root
    nodes = [old.root, *path] if old.size & (old.size - 1) == 0 else path
    at, last = old.size - 1, new.size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    left = whole = nodes[0] if nodes else b""
    for sibling in nodes[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            left = hashlib.sha256(b"\x01" + sibling + left).digest()
            whole = hashlib.sha256(b"\x01" + sibling + whole).digest()
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            whole = hashlib.sha256(b"\x01" + whole + sibling).digest()
        at, last = at >> 1, last >> 1
    return last == 0 and left == old.root and whole == new.root


def uncosigned(text: str, key_lines: str) -> list[str]:
    """Return which witnesses, by the keys of a file, did not co-sign a checkpoint."""
    try:
        lines = key_lines.splitlines(keepends=True)
        return [f"{line.split('+')[0]} did not co-sign it" for line in lines if not cosigned(text, line)]
    except ValueError as error:
        return [f"a cosignature or a witness's key cannot be read: {error}"]


def read_seen(text: str, findings: list[str]) -> list[tuple[int, bytes]]:
    """Return the sizes and roots that a witness saw: one of each a line, as it wrote them."""
    try:
        lines = [line.split(" ")[:2] for line in text.split("\n")[:-1]]
        return [(int(at), base64.b64decode(root, validate=True)) for at, root in lines]
    except ValueError:
        findings.append("what the witness saw cannot be read")
        return []


def contradictions(known: list[tuple[int, bytes]], size: int, roots: dict[int, bytes]) -> list[str]:
    """Return where the log is another than a witness saw."""
    findings: list[str] = []
    wrong = min((at for at, root in known if at <= size and roots.get(at) != root), default=None)
    if wrong is not None:
        right = max((at for at, root in known if at < wrong and roots.get(at) == root), default=0)
        where = f"entry {right}" if wrong == right + 1 else f"one of the entries {right} to {wrong - 1}"
        findings.append(f"{where} is not what the witness saw: the log was rewritten")
    largest = max((at for at, _ in known), default=0)
    if largest > size:
        findings.append(
            f"entries {size} to {largest - 1} are missing: the witness saw a log of {largest} entries"
        )
    return findings


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
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--seen", type=Path, help="what a witness saw, its history.txt")
    parser.add_argument("--proof", type=Path, help="a proof, instead of a folder")
    parser.add_argument("--key", type=Path, help="the public key of the log that a proof is about")
    parser.add_argument("--witness-key", type=Path, help="keys of witnesses that must have co-signed")
    kept = "a checkpoint that was kept elsewhere; may be repeated"
    parser.add_argument("--checkpoint", type=Path, action="append", default=[], help=kept)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    if (options.folder is None) == (options.proof is None) or bool(options.proof) != bool(options.key):
        parser.error("give a folder, or --proof with --key")
    try:
        trusted = [read_text(path) for path in options.checkpoint]
        proof = read_text(options.proof) if options.proof else None
        seen = read_text(options.seen) if options.seen else ""
        witnesses = read_text(options.witness_key) if options.witness_key else ""
        key_text = read_text(options.key) if options.key else ""
    except (OSError, ValueError) as error:
        parser.error(str(error))
    if witnesses and proof is None and not trusted:
        parser.error("--witness-key needs a checkpoint")
    if proof is not None and len(trusted) > 1:
        parser.error("a proof of growth begins at one checkpoint")
    signed = trusted if proof is None else [proof.partition("\n\n")[2]]
    missing = [one for text in signed for one in uncosigned(text, witnesses)] if witnesses else []
    if proof is not None:
        return tell_proof(
            verify_proof(proof, key_text, trusted[0] if trusted else None) + missing, options.json
        )
    found = verify_export(options.folder, trusted, seen)
    if missing:
        found = {**found, "ok": False, "findings": [*findings_of(found), *missing]}
    if options.json:
        print(json.dumps(found))
    elif found["ok"]:
        print(f"{found['entries']} entries, {found['checkpoints']} checkpoints: nothing was altered.")
        print(f"Root: {found['root']}")
    else:
        print("\n".join(str(finding) for finding in findings_of(found)))
    return 0 if found["ok"] else 1


def tell_proof(findings: list[str], as_json: bool) -> int:
    """Print what came of a proof; return the exit code."""
    if as_json:
        print(json.dumps({"ok": not findings, "findings": findings}))
    else:
        print("\n".join(findings) or "The proof holds.")
    return 1 if findings else 0


def findings_of(found: dict[str, object]) -> list[str]:
    """Return the findings of a result."""
    findings = found["findings"]
    return [str(finding) for finding in findings] if isinstance(findings, list) else []


if __name__ == "__main__":
    sys.exit(main())
