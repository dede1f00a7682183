"""AU2: flip, delete, insert, reorder, duplicate, truncate, swap, full rewrite: the verifier names each."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.attacks import tampering
from tests.attacks.tampering import ORIGIN, Evidence

from muniment.foundation.ids import SeededIds
from muniment.governance.audit import checkpoint as notes
from muniment.governance.audit.verify import verify_export

MUTATIONS = 240
PROVE_MUTATIONS = 10_000
"""Of each kind."""

Files = dict[str, bytes]


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    return tampering.evidence(tmp_path)


@pytest.fixture
def exported(evidence: Evidence, tmp_path: Path) -> Files:
    files = evidence.log.export(tmp_path / "out").files
    return {name: (tmp_path / "out" / name).read_bytes() for name in files if name != "verify.py"}


def outside(evidence: Evidence) -> list[str]:
    """Return the checkpoints that were kept elsewhere."""
    return [checkpoint.text for checkpoint in evidence.kept]


def lines_of(files: Files) -> list[bytes]:
    return files["entries.jsonl"].splitlines(keepends=True)


def leaves_of(files: Files) -> list[bytes]:
    return files["leaves.txt"].splitlines(keepends=True)


def flip(files: Files, rng: random.Random, evidence: Evidence) -> None:
    name = rng.choice([*files, "entries.jsonl"])
    content = bytearray(files[name])
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    files[name] = bytes(content)


def add_a_byte(files: Files, rng: random.Random, evidence: Evidence) -> None:
    name = rng.choice([*files])
    at = rng.randrange(len(files[name]) + 1)
    files[name] = files[name][:at] + rng.choice([b"\n", b"\r", b" ", b"0"]) + files[name][at:]


def flip_and_mend_its_leaf(files: Files, rng: random.Random, evidence: Evidence) -> None:
    lines, leaves = lines_of(files), leaves_of(files)
    at = rng.randrange(len(lines))
    lines[at] = lines[at].replace(b"doc_", b"doc-", 1)
    leaves[at] = hashlib.sha256(b"\x00" + lines[at][:-1]).hexdigest().encode() + b"\n"
    files["entries.jsonl"], files["leaves.txt"] = b"".join(lines), b"".join(leaves)


def delete(files: Files, rng: random.Random, evidence: Evidence) -> None:
    lines, leaves = lines_of(files), leaves_of(files)
    at = rng.randrange(len(lines))
    files["entries.jsonl"] = b"".join(lines[:at] + lines[at + 1 :])
    files["leaves.txt"] = b"".join(leaves[:at] + leaves[at + 1 :])


def insert(files: Files, rng: random.Random, evidence: Evidence) -> None:
    lines, leaves = lines_of(files), leaves_of(files)
    at = rng.randrange(len(lines) + 1)
    made = json.loads(lines[0]) | {"seq": at, "about": {"document": "forged"}}
    line = json.dumps(made).encode() + b"\n"
    lines.insert(at, line)
    leaves.insert(at, hashlib.sha256(b"\x00" + line[:-1]).hexdigest().encode() + b"\n")
    files["entries.jsonl"], files["leaves.txt"] = b"".join(lines), b"".join(leaves)


def reorder(files: Files, rng: random.Random, evidence: Evidence) -> None:
    """Move an entry elsewhere: all between move up."""
    lines, leaves = lines_of(files), leaves_of(files)
    a, b = rng.sample(range(len(lines)), 2)
    lines.insert(b, lines.pop(a))
    leaves.insert(b, leaves.pop(a))
    files["entries.jsonl"], files["leaves.txt"] = b"".join(lines), b"".join(leaves)


def swap(files: Files, rng: random.Random, evidence: Evidence) -> None:
    lines, leaves = lines_of(files), leaves_of(files)
    a, b = rng.sample(range(len(lines)), 2)
    lines[a], lines[b], leaves[a], leaves[b] = lines[b], lines[a], leaves[b], leaves[a]
    files["entries.jsonl"], files["leaves.txt"] = b"".join(lines), b"".join(leaves)


def duplicate(files: Files, rng: random.Random, evidence: Evidence) -> None:
    lines, leaves = lines_of(files), leaves_of(files)
    at = rng.randrange(len(lines))
    files["entries.jsonl"] = b"".join([*lines[: at + 1], *lines[at:]])
    files["leaves.txt"] = b"".join([*leaves[: at + 1], *leaves[at:]])


def truncate(files: Files, rng: random.Random, evidence: Evidence) -> None:
    keep = rng.randrange(len(lines_of(files)))
    files["entries.jsonl"] = b"".join(lines_of(files)[:keep])
    files["leaves.txt"] = b"".join(leaves_of(files)[:keep])
    if rng.random() < 0.5:
        shown = [note for note in notes_of(files) if notes.parse(note).size <= keep]
        files["checkpoints.txt"] = "\n".join(shown).encode()


def cut_bytes(files: Files, rng: random.Random, evidence: Evidence) -> None:
    content = files["entries.jsonl"]
    files["entries.jsonl"] = content[: rng.randrange(len(content))]


def notes_of(files: Files) -> list[str]:
    lines = files["checkpoints.txt"].decode().split("\n")
    return ["\n".join(lines[at : at + 5]) + "\n" for at in range(0, len(lines) - 1, 6)]


def rewrite(files: Files, rng: random.Random, evidence: Evidence) -> None:
    """Write the whole log again, every hash recomputed, under another key."""
    key = Ed25519PrivateKey.from_private_bytes(SeededIds(rng.randrange(1 << 30)).random_bytes(32))
    rewrite_with(key, files, rng, evidence)
    files["public-key.txt"] = notes.verifier_key(ORIGIN, key.public_key()).encode() + b"\n"


def rewrite_with_the_real_key(files: Files, rng: random.Random, evidence: Evidence) -> None:
    """Write the log again, every hash recomputed and every checkpoint signed again by the key that signed it."""
    rewrite_with(evidence.key, files, rng, evidence)


def rewrite_with(key: Ed25519PrivateKey, files: Files, rng: random.Random, evidence: Evidence) -> None:
    lines = tampering.altered(lines_of(files), rng)
    leaves = [hashlib.sha256(b"\x00" + line[:-1]).digest() for line in lines]
    files["entries.jsonl"] = b"".join(lines)
    files["leaves.txt"] = b"".join(leaf.hex().encode() + b"\n" for leaf in leaves)
    files["checkpoints.txt"] = "\n".join(tampering.resigned(leaves, evidence.sizes, key)).encode()


ATTACKS: list[Callable[[Files, random.Random, Evidence], None]] = [
    flip, add_a_byte, flip_and_mend_its_leaf, delete, insert, reorder, swap, duplicate, truncate, cut_bytes, rewrite,
    rewrite_with_the_real_key,
]  # fmt: skip


def write(files: Files, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def named(findings: list[object], before: Files, after: Files, evidence: Evidence) -> bool:
    """Return whether the findings name the place of the first difference between two exports."""
    entry = tampering.first_difference(lines_of(before), lines_of(after))
    leaf = tampering.first_difference(leaves_of(before), leaves_of(after))
    if entry is None and leaf is None:
        file = "public-key.txt" if before["public-key.txt"] != after["public-key.txt"] else "checkpoint"
        return any(file in str(finding) for finding in findings)
    place = min(place for place in (entry, leaf) if place is not None)
    # Who signed the checkpoints of the export anew made them say nothing.
    anew = before["checkpoints.txt"] != after["checkpoints.txt"]
    sizes = [checkpoint.size for checkpoint in evidence.kept] if anew else evidence.sizes
    return tampering.names(findings, place, sizes)


def attack(
    evidence: Evidence,
    original: Files,
    place: Path,
    mutations: int,
    attacks: list[Callable[[Files, random.Random, Evidence], None]],
) -> None:
    rng = random.Random(2)
    trusted = outside(evidence)
    assert verify_export(write(original, place), trusted)["ok"]
    unseen: list[str] = []
    unnamed: list[object] = []
    for n in range(mutations):
        files = dict(original)
        chosen = attacks[n % len(attacks)]
        chosen(files, rng, evidence)
        if files == original:
            continue
        found = verify_export(write(files, place), trusted)
        findings = found["findings"]
        assert isinstance(findings, list)
        if found["ok"]:
            unseen.append(f"{n}: {chosen.__name__}")
        elif not named(findings, original, files, evidence):
            unnamed.append((n, chosen.__name__, findings))
    assert unseen == []
    assert unnamed == []


def test_every_alteration_is_found_and_its_place_named(
    evidence: Evidence, exported: Files, tmp_path: Path
) -> None:
    attack(evidence, exported, tmp_path / "copy", MUTATIONS, ATTACKS)


@pytest.mark.prove
@pytest.mark.parametrize("kind", ATTACKS)
def test_ten_thousand_alterations_of_each_kind_are_found_and_named(
    evidence: Evidence,
    exported: Files,
    tmp_path: Path,
    kind: Callable[[Files, random.Random, Evidence], None],
) -> None:
    attack(evidence, exported, tmp_path / "copy", PROVE_MUTATIONS, [kind])


def test_a_flipped_byte_is_named_by_its_entry(exported: Files, evidence: Evidence, tmp_path: Path) -> None:
    files = dict(exported)
    lines = lines_of(files)
    lines[17] = lines[17].replace(b"doc_17", b"doc_71")
    files["entries.jsonl"] = b"".join(lines)
    found = verify_export(write(files, tmp_path / "copy"), outside(evidence))
    assert str(found["findings"][0]).startswith("entry 17 (retrieval.chunk at ")  # type: ignore[index]


def test_a_rewrite_under_the_real_key_is_named_between_two_checkpoints_kept_outside(
    exported: Files, evidence: Evidence, tmp_path: Path
) -> None:
    files = dict(exported)
    lines = lines_of(files)
    lines[27] = lines[27].replace(b"doc_27", b"doc_72")
    leaves = [hashlib.sha256(b"\x00" + line[:-1]).digest() for line in lines]
    files["entries.jsonl"] = b"".join(lines)
    files["leaves.txt"] = b"".join(leaf.hex().encode() + b"\n" for leaf in leaves)
    files["checkpoints.txt"] = "\n".join(tampering.resigned(leaves, evidence.sizes, evidence.key)).encode()
    folder = write(files, tmp_path / "copy")
    assert verify_export(folder)["ok"]
    kept = [tmp_path / f"kept-{checkpoint.size}" for checkpoint in evidence.kept]
    for file, checkpoint in zip(kept, evidence.kept, strict=True):
        file.write_text(checkpoint.text)
    given = [word for file in kept for word in ("--checkpoint", str(file))]
    command = [sys.executable, "-I", str(tmp_path / "out" / "verify.py"), str(folder), *given]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == (
        "the entries do not match the trusted checkpoint of size 40: "
        "the first that differs is among entries 20 to 39\n"
    )


def test_a_full_rewrite_without_an_outside_checkpoint_is_the_one_thing_it_cannot_see(
    exported: Files, evidence: Evidence, tmp_path: Path
) -> None:
    files = dict(exported)
    rewrite(files, random.Random(1), evidence)
    folder = write(files, tmp_path / "copy")
    assert verify_export(folder)["ok"]
    assert not verify_export(folder, outside(evidence))["ok"]


def test_a_checkpoint_of_an_unknown_key_is_refused(
    exported: Files, evidence: Evidence, tmp_path: Path
) -> None:
    root = base64.b64decode(evidence.kept[-1].text.split("\n")[2])
    forged = notes.sign(ORIGIN, 40, root, Ed25519PrivateKey.generate()).text
    assert not verify_export(write(exported, tmp_path / "copy"), [forged])["ok"]


@pytest.mark.parametrize("text", ["", "\n", "muniment/acme\n40\n"])
def test_a_trusted_checkpoint_that_cannot_be_read_is_said_to_be_so(
    exported: Files, tmp_path: Path, text: str
) -> None:
    found = verify_export(write(exported, tmp_path / "copy"), [text])
    assert found["findings"] == ["the trusted checkpoint cannot be read"]
