"""A log to tamper with, and whether a finding names the place where it was tampered with."""

from __future__ import annotations

import random
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from muniment.foundation.clock import FixedClock
from muniment.foundation.ids import Ids
from muniment.foundation.kek_file import KekFile
from muniment.foundation.keyring_file import create_keyring
from muniment.foundation.sqlcipher import SqlCipherDatabase
from muniment.governance.audit import checkpoint as notes
from muniment.governance.audit.checkpoint import Checkpoint
from muniment.governance.audit.entry import Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.audit.merkle import Frontier
from muniment.governance.identity.principal import OPERATOR

ORIGIN = "muniment/acme"
ENTRIES = 40
_ONE = re.compile(r"entry (-?\d+)\b")
_LACKING = re.compile(r"entr(?:y|ies) (-?\d+)(?: to \d+)? (?:is missing$|are missing$|were added)")
_UNCOVERED = re.compile(r"no signed checkpoint covers entries (\d+) to (\d+)$")
_AMONG = re.compile(r"differs is among entries (\d+) to (\d+)$")


@dataclass(frozen=True, slots=True)
class Evidence:
    """A log of 40 entries with checkpoints on the way, two of which were kept outside."""

    database: SqlCipherDatabase
    log: AuditLog
    key: Ed25519PrivateKey
    """The one that signs: who holds it can rewrite everything but what was kept outside."""
    kept: tuple[Checkpoint, ...]
    sizes: tuple[int, ...]
    """Of every checkpoint in the log."""


def evidence(place: Path) -> Evidence:
    """Return such a log in a new database."""
    database = SqlCipherDatabase(place / "log.db", b"k" * 32)
    database.create()
    clock = FixedClock()
    keyring = create_keyring(KekFile(place / "kek", Ids()), place / "ring", "acme", Ids())
    log = AuditLog(database, keyring, clock)
    made: list[Checkpoint] = []
    for n in range(ENTRIES):
        log.record([Entry("retrieval.chunk", OPERATOR, {"document": f"doc_{n}", "rank": n})])
        clock.advance(seconds=7)
        if n % 10 == 9:
            made.append(log.checkpoint())
    with database.read() as connection:
        sizes = connection.exec_driver_sql("SELECT size FROM audit_checkpoint ORDER BY size").scalars().all()
    return Evidence(database, log, keyring.signing_key(), (made[1], made[-1]), tuple(sizes))


def resigned(leaves: Sequence[bytes], sizes: Sequence[int], key: Ed25519PrivateKey) -> list[str]:
    """Return checkpoints of these leaf hashes: at these sizes where they exist, and at the end."""
    ends = [*(size for size in sizes if size < len(leaves)), len(leaves)]
    signed = (notes.sign(ORIGIN, size, Frontier().extend(leaves[:size]).root(), key) for size in ends)
    return [checkpoint.text for checkpoint in signed]


def altered(lines: list[bytes], rng: random.Random) -> list[bytes]:
    """Return entries changed in one of the ways in which a log can be rewritten, each at its place as it claims."""
    way = rng.choice(["change", "delete", "insert", "swap", "truncate"])
    at = rng.randrange(len(lines))
    made = list(lines)
    if way == "change":
        made[at] = made[at].replace(b'"rank":', b'"rank":9')
    elif way == "delete":
        del made[at]
    elif way == "insert":
        made.insert(at, made[at].replace(b"doc_", b"forged_"))
    elif way == "swap":
        other = rng.choice([n for n in range(len(lines)) if n != at])
        made[at], made[other] = made[other], made[at]
    else:
        del made[at:]
    return [re.sub(rb'"seq":\d+', b'"seq":%d' % n, line) for n, line in enumerate(made)]


def first_difference(before: Sequence[object], after: Sequence[object]) -> int | None:
    """Return the first place at which two sequences differ, or None."""
    for n, (one, other) in enumerate(zip(before, after, strict=False)):
        if one != other:
            return n
    return None if len(before) == len(after) else min(len(before), len(after))


def names(findings: Sequence[object], place: int, sizes: Sequence[int]) -> bool:
    """Return whether findings name a place, and none before it.

    They name it as the first entry that does not fit or is missing, or among those that no checkpoint covers; or,
    where hashes were made anew, as being among the entries between two neighbouring checkpoints of these sizes.
    """
    said = [str(finding) for finding in findings]
    accused = [int(found[1]) for text in said if (found := _ONE.match(text))]
    lacking = [int(found[1]) for text in said if (found := _LACKING.match(text))]
    if min([*accused, *lacking], default=place) < place:
        return False
    uncovered = [(int(found[1]), int(found[2])) for text in said if (found := _UNCOVERED.match(text))]
    if place in accused or place in lacking or any(first <= place <= last for first, last in uncovered):
        return True
    ends = [0, *sizes]
    behind = bisect_right(ends, place)
    among = [(int(found[1]), int(found[2])) for text in said if (found := _AMONG.search(text))]
    return behind < len(ends) and (ends[behind - 1], ends[behind] - 1) in among
