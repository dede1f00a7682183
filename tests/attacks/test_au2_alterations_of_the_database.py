"""AU2 on the database itself: who holds its key, and even the one that signs, is found by `audit verify`."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.attacks import tampering
from tests.attacks.tampering import ENTRIES, Evidence

from muniment.governance.audit import checkpoint as notes
from muniment.governance.audit.merkle import Frontier, leaf_hash
from muniment.governance.audit.tables import audit_checkpoint, audit_entry, audit_tree
from muniment.governance.audit.verification import verify_log

MUTATIONS = 110
PROVE_MUTATIONS = 10_000

Attack = Callable[[sa.Connection, random.Random, Evidence], object]
"""Alters the database; returns the first place that is wrong, or a word for what beside the entries is."""


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    return tampering.evidence(tmp_path)


def bodies(connection: sa.Connection) -> list[bytes]:
    return list(connection.execute(sa.select(audit_entry.c.body).order_by(audit_entry.c.seq)).scalars())


def put(connection: sa.Connection, lines: list[bytes]) -> None:
    """Write these entries, their columns, leaf hashes and tree as the log would."""
    connection.execute(sa.delete(audit_entry))
    for seq, body in enumerate(lines):
        said = {
            name: re.search(rb'"%b":"([^"]*)"' % name.encode(), body)
            for name in ("at", "kind", "actor", "via")
        }
        columns = {name: found[1].decode() for name, found in said.items() if found}
        connection.execute(
            sa.insert(audit_entry).values(seq=seq, body=body, leaf_hash=leaf_hash(body), **columns)
        )
    grown(connection)


def grown(connection: sa.Connection) -> None:
    """Make the record of the tree fit the entries."""
    tree = Frontier().extend(leaf_hash(body) for body in bodies(connection))
    values = {"size": tree.size, "frontier": tree.to_bytes(), "root": tree.root()}
    connection.execute(sa.update(audit_tree).values(values))


def flip(connection: sa.Connection, rng: random.Random, _: Evidence) -> object:
    """Flip a bit of an entry's body or leaf hash, or of what repeats the body."""
    at = rng.randrange(ENTRIES)
    name = rng.choice(["body", "leaf_hash", "kind", "actor", "via", "at"])
    column = audit_entry.c[name]
    there = connection.execute(sa.select(column).where(audit_entry.c.seq == at)).scalar_one()
    raw = bytearray(there.encode() if isinstance(there, str) else there)
    raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(7)
    made = raw.decode("latin-1") if isinstance(there, str) else bytes(raw)
    connection.execute(sa.update(audit_entry).where(audit_entry.c.seq == at).values({name: made}))
    return at


def flip_and_mend(connection: sa.Connection, rng: random.Random, _: Evidence) -> object:
    at = rng.randrange(ENTRIES)
    lines = bodies(connection)
    lines[at] = lines[at].replace(b"doc_", b"doc-")
    put(connection, lines)
    return at


def change_the_type(connection: sa.Connection, rng: random.Random, _: Evidence) -> object:
    """Leave text or a number where the log keeps bytes."""
    at = rng.randrange(ENTRIES)
    name, value = rng.choice(["body", "leaf_hash"]), rng.choice(["'text'", "7", "1.5", "CAST(body AS TEXT)"])
    connection.exec_driver_sql(f"UPDATE audit_entry SET {name} = {value} WHERE seq = {at}")
    return at


def delete(connection: sa.Connection, rng: random.Random, _: Evidence) -> object:
    at = rng.randrange(ENTRIES)
    connection.execute(sa.delete(audit_entry).where(audit_entry.c.seq == at))
    if rng.random() < 0.5:
        grown(connection)
    return at


def insert(connection: sa.Connection, rng: random.Random, _: Evidence) -> object:
    """Put an entry between others, or before the first or behind the last, with or without the tree made to fit."""
    at = rng.choice([-1, ENTRIES, *range(ENTRIES)])
    move(connection, at, 1)
    body = bodies(connection)[0].replace(b'"seq":0', b'"seq":%d' % at).replace(b"doc_", b"forged_")
    values = {"seq": at, "at": "2026-01-05T09:00:00.000Z", "kind": "retrieval.chunk", "actor": "operator"}
    connection.execute(
        sa.insert(audit_entry).values(body=body, leaf_hash=leaf_hash(body), via="cli", **values)
    )
    if at < ENTRIES and rng.random() < 0.5:
        grown(connection)
    return at


def move(connection: sa.Connection, start: int, by: int) -> None:
    """Renumber the rows from a place on, their entries as they are."""
    if 0 <= start < ENTRIES:
        connection.exec_driver_sql(f"UPDATE audit_entry SET seq = seq + 1000 WHERE seq >= {start}")
        connection.exec_driver_sql(f"UPDATE audit_entry SET seq = seq - {1000 - by} WHERE seq >= 1000")


def swap(connection: sa.Connection, rng: random.Random, _: Evidence) -> object:
    one, other = sorted(rng.sample(range(ENTRIES), 2))
    for old, new in ((one, 1000), (other, one), (1000, other)):
        connection.exec_driver_sql(f"UPDATE audit_entry SET seq = {new} WHERE seq = {old}")
    if rng.random() < 0.5:
        grown(connection)
    return one


def reorder(connection: sa.Connection, rng: random.Random, _: Evidence) -> object:
    lines = bodies(connection)
    one, other = rng.sample(range(ENTRIES), 2)
    lines.insert(other, lines.pop(one))
    put(connection, lines)
    return min(one, other)


def truncate(connection: sa.Connection, rng: random.Random, _: Evidence) -> object:
    """Take the last entries away: their rows, or the tree and the checkpoints of them too."""
    keep = rng.randrange(ENTRIES)
    connection.execute(sa.delete(audit_entry).where(audit_entry.c.seq >= keep))
    if rng.random() < 0.7:
        grown(connection)
        connection.execute(sa.delete(audit_checkpoint).where(audit_checkpoint.c.size > keep))
    return keep


def alter_the_tree(connection: sa.Connection, rng: random.Random, _: Evidence) -> object:
    change = rng.choice(
        ["size = size + 1", "size = size - 1", "frontier = root", "root = frontier", "size = -1"]
    )
    if rng.random() < 0.2:
        connection.exec_driver_sql("DELETE FROM audit_tree")
    else:
        connection.exec_driver_sql(f"UPDATE audit_tree SET {change}")
    return "root"


def alter_a_checkpoint(connection: sa.Connection, rng: random.Random, evidence: Evidence) -> object:
    size = rng.choice(evidence.sizes)
    there = sa.select(audit_checkpoint.c.text).where(audit_checkpoint.c.size == size)
    text = list(connection.execute(there).scalar_one())
    at = rng.randrange(len(text))
    text[at] = rng.choice([letter for letter in "Aa0\n /" if letter != text[at]])
    new = {"text": "".join(text)} if rng.random() < 0.8 else {"size": size + 1000}
    connection.execute(sa.update(audit_checkpoint).where(audit_checkpoint.c.size == size).values(new))
    return f"checkpoint of size {new.get('size', size)}"


def rewrite_with_the_real_key(connection: sa.Connection, rng: random.Random, evidence: Evidence) -> object:
    """Write the log again, every hash recomputed and every checkpoint signed again by the key that signed it."""
    before = bodies(connection)
    lines = tampering.altered(before, rng)
    put(connection, lines)
    connection.execute(sa.delete(audit_checkpoint))
    leaves = [leaf_hash(line) for line in lines]
    for text in tampering.resigned(leaves, evidence.sizes, evidence.key):
        values = {"size": notes.parse(text).size, "at": "2026-01-05T09:00:00.000Z", "text": text}
        connection.execute(sa.insert(audit_checkpoint).values(values))
    return tampering.first_difference(before, lines)


ATTACKS: list[Attack] = [
    flip, flip_and_mend, change_the_type, delete, insert, swap, reorder, truncate, alter_the_tree,
    alter_a_checkpoint, rewrite_with_the_real_key,
]  # fmt: skip


class Undone(Exception):
    """Ends a transaction of which nothing is kept."""


def attack(evidence: Evidence, mutations: int, attacks: list[Attack]) -> None:
    """Alter the database again and again, verify it each time as altered, and put it back."""
    rng = random.Random(2)
    key = evidence.key.public_key()
    outside = [checkpoint.size for checkpoint in evidence.kept]
    assert evidence.log.verify(*evidence.kept).findings == ()
    unseen: list[str] = []
    unnamed: list[object] = []

    def alter(n: int) -> None:
        chosen = attacks[n % len(attacks)]
        with evidence.database.write() as connection:
            place = chosen(connection, rng, evidence)
            found = verify_log(connection, tampering.ORIGIN, key, evidence.kept)
            if found.ok and place is not None:
                unseen.append(f"{n}: {chosen.__name__}")
            elif isinstance(place, str) and not any(place in finding for finding in found.findings):
                unnamed.append((n, chosen.__name__, place, found.findings))
            elif isinstance(place, int):
                sizes = (
                    outside if chosen is rewrite_with_the_real_key or chosen is truncate else evidence.sizes
                )
                if not tampering.names(found.findings, place, sizes):
                    unnamed.append((n, chosen.__name__, place, found.findings))
            raise Undone

    for n in range(mutations):
        with pytest.raises(Undone):
            alter(n)
    assert unseen == []
    assert unnamed == []
    assert evidence.log.verify(*evidence.kept).findings == ()


def test_every_alteration_is_found_and_its_place_named(evidence: Evidence) -> None:
    attack(evidence, MUTATIONS, ATTACKS)


@pytest.mark.prove
def test_ten_thousand_alterations_are_found_and_named(evidence: Evidence) -> None:
    attack(evidence, PROVE_MUTATIONS, ATTACKS)
