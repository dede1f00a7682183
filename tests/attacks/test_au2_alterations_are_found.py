"""AU2: flip, delete, insert, reorder, duplicate, truncate, swap, full rewrite: the offline verifier finds each."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from muniment.foundation.clock import FixedClock
from muniment.foundation.ids import Ids, SeededIds
from muniment.foundation.kek_file import KekFile
from muniment.foundation.keyring_file import create_keyring
from muniment.foundation.sqlcipher import SqlCipherDatabase
from muniment.governance.audit import checkpoint as notes
from muniment.governance.audit.entry import Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.audit.verify import Tree, verify_export
from muniment.governance.identity.principal import OPERATOR

MUTATIONS = 400
PROVE_MUTATIONS = 10_000

Files = dict[str, bytes]


@pytest.fixture
def exported(tmp_path: Path) -> tuple[Files, str]:
    """Return the files of an export, and the checkpoint that was kept elsewhere."""
    database = SqlCipherDatabase(tmp_path / "log.db", b"k" * 32)
    database.create()
    clock = FixedClock()
    log = AuditLog(
        database, create_keyring(KekFile(tmp_path / "kek", Ids()), tmp_path / "ring", "acme", Ids()), clock
    )
    for n in range(40):
        log.record([Entry("retrieval.chunk", OPERATOR, {"document": f"doc_{n}", "rank": n})])
        clock.advance(seconds=7)
    export = log.export(tmp_path / "out")
    files = {name: (tmp_path / "out" / name).read_bytes() for name in export.files if name != "verify.py"}
    return files, export.checkpoint.text


def lines_of(files: Files) -> list[bytes]:
    return files["entries.jsonl"].splitlines(keepends=True)


def leaves_of(files: Files) -> list[bytes]:
    return files["leaves.txt"].splitlines(keepends=True)


def flip(files: Files, rng: random.Random) -> None:
    name = rng.choice([*files, "entries.jsonl"])
    content = bytearray(files[name])
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    files[name] = bytes(content)


def add_a_byte(files: Files, rng: random.Random) -> None:
    name = rng.choice([*files])
    at = rng.randrange(len(files[name]) + 1)
    files[name] = files[name][:at] + rng.choice([b"\n", b"\r", b" ", b"0"]) + files[name][at:]


def flip_and_mend_its_leaf(files: Files, rng: random.Random) -> None:
    lines, leaves = lines_of(files), leaves_of(files)
    at = rng.randrange(len(lines))
    lines[at] = lines[at].replace(b"doc_", b"doc-", 1)
    leaves[at] = hashlib.sha256(b"\x00" + lines[at][:-1]).hexdigest().encode() + b"\n"
    files["entries.jsonl"], files["leaves.txt"] = b"".join(lines), b"".join(leaves)


def delete(files: Files, rng: random.Random) -> None:
    lines, leaves = lines_of(files), leaves_of(files)
    at = rng.randrange(len(lines))
    files["entries.jsonl"] = b"".join(lines[:at] + lines[at + 1 :])
    files["leaves.txt"] = b"".join(leaves[:at] + leaves[at + 1 :])


def insert(files: Files, rng: random.Random) -> None:
    lines, leaves = lines_of(files), leaves_of(files)
    at = rng.randrange(len(lines) + 1)
    made = json.loads(lines[0]) | {"seq": at, "about": {"document": "forged"}}
    line = json.dumps(made).encode() + b"\n"
    lines.insert(at, line)
    leaves.insert(at, hashlib.sha256(b"\x00" + line[:-1]).hexdigest().encode() + b"\n")
    files["entries.jsonl"], files["leaves.txt"] = b"".join(lines), b"".join(leaves)


def swap(files: Files, rng: random.Random) -> None:
    lines, leaves = lines_of(files), leaves_of(files)
    a, b = rng.sample(range(len(lines)), 2)
    lines[a], lines[b], leaves[a], leaves[b] = lines[b], lines[a], leaves[b], leaves[a]
    files["entries.jsonl"], files["leaves.txt"] = b"".join(lines), b"".join(leaves)


def duplicate(files: Files, rng: random.Random) -> None:
    lines, leaves = lines_of(files), leaves_of(files)
    at = rng.randrange(len(lines))
    files["entries.jsonl"] = b"".join([*lines[: at + 1], *lines[at:]])
    files["leaves.txt"] = b"".join([*leaves[: at + 1], *leaves[at:]])


def truncate(files: Files, rng: random.Random) -> None:
    keep = rng.randrange(len(lines_of(files)))
    files["entries.jsonl"] = b"".join(lines_of(files)[:keep])
    files["leaves.txt"] = b"".join(leaves_of(files)[:keep])
    if rng.random() < 0.5:
        shown = [note for note in notes_of(files) if notes.parse(note).size <= keep]
        files["checkpoints.txt"] = "\n".join(shown).encode()


def cut_bytes(files: Files, rng: random.Random) -> None:
    content = files["entries.jsonl"]
    files["entries.jsonl"] = content[: rng.randrange(len(content))]


def notes_of(files: Files) -> list[str]:
    lines = files["checkpoints.txt"].decode().split("\n")
    return ["\n".join(lines[at : at + 5]) + "\n" for at in range(0, len(lines) - 1, 6)]


def rewrite(files: Files, rng: random.Random) -> None:
    """Write the whole log again, every hash recomputed, under another key."""
    key = Ed25519PrivateKey.from_private_bytes(SeededIds(rng.randrange(1 << 30)).random_bytes(32))
    lines = [json.dumps(json.loads(line) | {"actor": "user:eve"}).encode() for line in lines_of(files)]
    tree = Tree()
    for line in lines:
        tree.add(hashlib.sha256(b"\x00" + line).digest())
    files["entries.jsonl"] = b"\n".join(lines) + b"\n"
    files["leaves.txt"] = b"".join(hashlib.sha256(b"\x00" + x).hexdigest().encode() + b"\n" for x in lines)
    files["checkpoints.txt"] = notes.sign("muniment/acme", len(lines), tree.root(), key).text.encode()
    files["public-key.txt"] = notes.verifier_key("muniment/acme", key.public_key()).encode() + b"\n"


ATTACKS: list[Callable[[Files, random.Random], None]] = [
    flip, add_a_byte, flip_and_mend_its_leaf, delete, insert, swap, duplicate, truncate, cut_bytes, rewrite,
]  # fmt: skip


def write(files: Files, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def attack(exported: tuple[Files, str], place: Path, mutations: int) -> None:
    original, trusted = exported
    rng = random.Random(2)
    assert verify_export(write(original, place), trusted)["ok"]
    unseen: list[str] = []
    for n in range(mutations):
        files = dict(original)
        chosen = ATTACKS[n % len(ATTACKS)]
        chosen(files, rng)
        if files != original and verify_export(write(files, place), trusted)["ok"]:
            unseen.append(f"{n}: {chosen.__name__}")
    assert unseen == []


def test_every_alteration_is_found(exported: tuple[Files, str], tmp_path: Path) -> None:
    attack(exported, tmp_path / "copy", MUTATIONS)


@pytest.mark.prove
def test_ten_thousand_alterations_are_found(exported: tuple[Files, str], tmp_path: Path) -> None:
    attack(exported, tmp_path / "copy", PROVE_MUTATIONS)


def test_a_flipped_byte_is_named_by_its_entry(exported: tuple[Files, str], tmp_path: Path) -> None:
    files, trusted = dict(exported[0]), exported[1]
    lines = lines_of(files)
    lines[17] = lines[17].replace(b"doc_17", b"doc_71")
    files["entries.jsonl"] = b"".join(lines)
    found = verify_export(write(files, tmp_path / "copy"), trusted)
    assert str(found["findings"][0]).startswith("entry 17 (retrieval.chunk at ")  # type: ignore[index]


def test_a_full_rewrite_without_an_outside_checkpoint_is_the_one_thing_it_cannot_see(
    exported: tuple[Files, str], tmp_path: Path
) -> None:
    files = dict(exported[0])
    rewrite(files, random.Random(1))
    folder = write(files, tmp_path / "copy")
    assert verify_export(folder)["ok"]
    assert not verify_export(folder, exported[1])["ok"]


def test_a_checkpoint_of_an_unknown_key_is_refused(exported: tuple[Files, str], tmp_path: Path) -> None:
    root = base64.b64decode(exported[1].split("\n")[2])
    forged = notes.sign("muniment/acme", 40, root, Ed25519PrivateKey.generate()).text
    assert not verify_export(write(exported[0], tmp_path / "copy"), forged)["ok"]
