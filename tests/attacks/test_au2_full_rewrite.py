"""AU2: a whole log written again and signed with its real key is found by what a witness kept, and where."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import MunimentError
from muniment.foundation.ids import Ids
from muniment.governance.audit import checkpoint as notes
from muniment.governance.audit import folder_witness
from muniment.governance.audit.folder_witness import FolderWitness
from muniment.governance.audit.merkle import consistency_proof, leaf_hash, tree_root
from muniment.governance.audit.verify import cosigned, verify_export
from muniment.governance.audit.witness import NOTHING, Forked, RolledBack

ORIGIN = "muniment/acme"
ENTRIES, EVERY = 120, 15
ATTACKS, PROVE_ATTACKS = 60, 10_000


@dataclass
class Log:
    """A log whose holder has the real key, and writes whatever suits them."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def public(self) -> str:
        return notes.verifier_key(ORIGIN, self.key.public_key())

    def note(self, lines: list[bytes]) -> notes.Checkpoint:
        return notes.sign(ORIGIN, len(lines), tree_root(map(leaf_hash, lines)), self.key)

    def export(self, lines: list[bytes], folder: Path) -> Path:
        folder.mkdir(exist_ok=True)
        (folder / "entries.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
        (folder / "leaves.txt").write_text("".join(leaf_hash(line).hex() + "\n" for line in lines))
        (folder / "checkpoints.txt").write_bytes(self.note(lines).text.encode())
        (folder / "public-key.txt").write_text(self.public + "\n")
        return folder


@dataclass
class Kept:
    log: Log
    lines: list[bytes]
    place: Path
    witness: FolderWitness
    folder: Path

    @property
    def trusted(self) -> str:
        return (self.folder / "checkpoint").read_text()

    @property
    def seen(self) -> str:
        return (self.folder / "history.txt").read_text()


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """Return a log of which a witness saw every fifteenth size."""
    log, folder = Log(), tmp_path / "elsewhere"
    folder_witness.make(folder, "elsewhere", log.public, Ids())
    witness, lines = FolderWitness(folder, FixedClock()), list[bytes]()
    for n in range(ENTRIES):
        about = {"kind": "retrieval.chunk", "at": "2026-01-05T09:00:00.000Z", "seq": n, "about": {"rank": n}}
        lines.append(json.dumps(about).encode())
        if len(lines) % EVERY == 0:
            bring(witness, log, lines)
    return Kept(log, lines, tmp_path, witness, folder)


def bring(witness: FolderWitness, log: Log, lines: list[bytes]) -> str:
    seen = witness.last(NOTHING)
    leaves = [leaf_hash(line) for line in lines]
    path = consistency_proof(leaves, seen.size) if 0 < seen.size <= len(leaves) else []
    return witness.add(log.note(lines), seen, path)


def change(lines: list[bytes], rng: random.Random) -> int:
    at = rng.randrange(len(lines))
    lines[at] = json.dumps(json.loads(lines[at]) | {"about": {"rank": "forged"}}).encode()
    return at


def delete(lines: list[bytes], rng: random.Random) -> int:
    at = rng.randrange(len(lines))
    del lines[at]
    renumber(lines)
    return at


def insert(lines: list[bytes], rng: random.Random) -> int:
    at = rng.randrange(len(lines))
    lines.insert(at, json.dumps(json.loads(lines[0]) | {"about": {"rank": "forged"}}).encode())
    renumber(lines)
    return at


def swap(lines: list[bytes], rng: random.Random) -> int:
    first, second = sorted(rng.sample(range(len(lines)), 2))
    lines[first], lines[second] = lines[second], lines[first]
    renumber(lines)
    return first


def truncate(lines: list[bytes], rng: random.Random) -> int:
    keep = rng.randrange(1, len(lines))
    del lines[keep:]
    return keep


def renumber(lines: list[bytes]) -> None:
    lines[:] = [json.dumps(json.loads(line) | {"seq": at}).encode() for at, line in enumerate(lines)]


CHANGES: list[Callable[[list[bytes], random.Random], int]] = [change, delete, insert, swap, truncate]


def attack(kept: Kept, attacks: int) -> None:
    rng = random.Random(7)
    place = kept.place / "copy"
    assert verify_export(kept.log.export(kept.lines, place), [kept.trusted], kept.seen)["ok"]
    for n in range(attacks):
        lines, how = list(kept.lines), CHANGES[n % len(CHANGES)]
        at = how(lines, rng)
        kept.log.export(lines, place)
        assert verify_export(place)["ok"], "without a witness it fits itself"
        found = verify_export(place, [kept.trusted], kept.seen)
        assert not found["ok"], (n, how.__name__)
        said = " ".join(found["findings"])  # type: ignore[arg-type]
        start = at // EVERY * EVERY
        # Cut at a size that was seen, the log only lacks entries.
        if len(lines) < (start + EVERY):
            assert f"entries {len(lines)} to {ENTRIES - 1} are missing" in said
        else:
            assert f"one of the entries {start} to {start + EVERY - 1} is not what" in said, (n, how.__name__)


def test_every_rewrite_with_the_real_key_is_found_and_its_place_named(kept: Kept) -> None:
    attack(kept, ATTACKS)


@pytest.mark.prove
def test_ten_thousand_rewrites_are_found_and_their_places_named(kept: Kept) -> None:
    attack(kept, PROVE_ATTACKS)


def test_the_witness_itself_signs_no_rewritten_and_no_cut_log(kept: Kept) -> None:
    rng = random.Random(3)
    before = kept.trusted
    for how in CHANGES:
        lines = list(kept.lines)
        how(lines, rng)
        with pytest.raises((Forked, RolledBack)):
            bring(kept.witness, kept.log, lines)
        assert kept.trusted == before


def test_a_cosignature_is_the_witness_s_and_of_this_text_alone(kept: Kept) -> None:
    line = (kept.folder / "witness.pub").read_text()
    assert cosigned(kept.trusted, line)
    other = folder_witness.make(kept.place / "other", "elsewhere", kept.log.public, Ids())
    assert not cosigned(kept.trusted, other + "\n")
    body, _, signatures = kept.trusted.partition("\n\n")
    assert not cosigned(body.replace(str(ENTRIES), str(ENTRIES + 1)) + "\n\n" + signatures, line)


def test_two_writers_of_one_log_cannot_both_be_cosigned(kept: Kept) -> None:
    """AU8: two copies of a log that went on apart are a fork, which the second to come betrays."""
    ours, theirs = ([*kept.lines, b'{"n":1}'], [*kept.lines, b'{"n":2}'])
    bring(kept.witness, kept.log, ours)
    with pytest.raises(Forked):
        bring(kept.witness, kept.log, theirs)


def test_a_line_cut_off_by_a_crash_is_not_held_against_the_log(kept: Kept) -> None:
    with open(kept.folder / "history.txt", "ab") as file:
        file.write(b"999 AAAA")
    kept.lines.append(b'{"n":1}')
    bring(kept.witness, kept.log, kept.lines)
    history = kept.witness.history()
    assert [one.size for one in history] == [*range(EVERY, ENTRIES + 1, EVERY), ENTRIES + 1]


def test_a_folder_that_is_gone_or_altered_signs_nothing(kept: Kept) -> None:
    for name, content in (("checkpoint", "nothing"), ("log.pub", "nothing"), ("witness.key", "nothing")):
        before = (kept.folder / name).read_text()
        (kept.folder / name).write_text(content)
        with pytest.raises(MunimentError):
            bring(kept.witness, kept.log, [*kept.lines, b"{}"])
        (kept.folder / name).write_text(before)
    kept.folder.rename(kept.place / "unmounted")
    with pytest.raises(MunimentError):
        kept.witness.last(NOTHING)
