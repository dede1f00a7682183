"""What a source states of its scopes, as access lists of ours.

Invariants:
- whoever the list lets in holds something of each clause at the source and nothing that it denies;
- a denial of somebody whom the source did not list lets nobody in: whom it means is not known;
- no entry of ours stands in such a list by itself, so that the source's lease bounds it whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping

import sqlalchemy as sa

from muniment.governance.identity import outside
from muniment.governance.identity.outside import spelled
from muniment.knowledge.access import NOBODY, AccessList
from muniment.knowledge.sources.connector import Stated
from muniment.knowledge.syncing.people import Known
from muniment.knowledge.syncing.tables import source_scope

PEOPLE, OURS = 1, 2
"""What a list depends on besides itself: who is listed at the source; entries of ours."""


def to_json(stated: Stated) -> str:
    """Return what a scope states, to be stored."""
    clauses = [sorted(clause) for clause in stated.clauses]
    return json.dumps({"clauses": clauses, "deny": sorted(stated.deny), "sensitivity": stated.sensitivity})


def from_json(text: str) -> Stated:
    """Return what was stored of a scope."""
    said = json.loads(text)
    clauses = tuple(frozenset(clause) for clause in said["clauses"])
    return Stated(clauses, frozenset(said["deny"]), said["sensitivity"])


def depends(stated: Stated) -> int:
    """Return what the list of a scope depends on besides itself, as a sum of PEOPLE and OURS."""
    named = stated.deny.union(*stated.clauses)
    return (PEOPLE if stated.deny or len(stated.clauses) > 1 else 0) + (OURS if _ours(named) else 0)


def access_list(source: str, stated: Stated, people: Known) -> AccessList:
    """Return the list that lets in whom a scope lets in."""
    if not stated.clauses or any(not clause for clause in stated.clauses):
        return AccessList(sensitivity=stated.sensitivity)
    if any(not people.knows(entry) for entry in stated.deny - _ours(stated.deny)):
        return NOBODY
    entries = stated.clauses[0] if len(stated.clauses) == 1 else {joint(stated)}
    return AccessList(
        frozenset(spelled(source, entry) for entry in entries),
        frozenset(spelled(source, entry) for entry in stated.deny),
        stated.sensitivity,
    )


def is_within(stated: Stated | None, other: Stated | None) -> bool:
    """Return whether whoever a scope lets in is let in by another one for sure; None lets nobody in."""
    if stated is None or not all(stated.clauses) or not stated.clauses:
        return True
    if other is None or not other.clauses:
        return False
    met = all(any(mine <= theirs for mine in stated.clauses) for theirs in other.clauses)
    return met and stated.deny >= other.deny


def joint(stated: Stated) -> str:
    """Return the entry that whoever holds something of each clause holds."""
    said = json.dumps(sorted(sorted(clause) for clause in stated.clauses))
    return "all:" + hashlib.sha256(said.encode("ascii")).hexdigest()[:32]


def put(connection: sa.Connection, source: str, scopes: Mapping[str, Stated], round_: int) -> None:
    """Store what scopes state, as seen in a round of the pass over access."""
    if not scopes:
        return
    here = sa.and_(source_scope.c.source == source, source_scope.c.id == sa.bindparam("of"))
    connection.execute(sa.delete(source_scope).where(here), [{"of": name} for name in scopes])
    rows = [
        {
            "source": source,
            "id": name,
            "stated": to_json(stated),
            "depends": depends(stated),
            "ruled": round_,
        }
        for name, stated in scopes.items()
    ]
    connection.execute(sa.insert(source_scope), rows)


def stated_of(connection: sa.Connection, source: str, names: Collection[str]) -> dict[str, Stated]:
    """Return what is stored of some scopes."""
    found: dict[str, Stated] = {}
    wanted = sorted(names)
    for at in range(0, len(wanted), 500):
        query = sa.select(source_scope.c.id, source_scope.c.stated).where(
            source_scope.c.source == source, source_scope.c.id.in_(wanted[at : at + 500])
        )
        found |= {row.id: from_json(row.stated) for row in connection.execute(query)}
    return found


def depending(connection: sa.Connection, source: str, what: int) -> dict[str, Stated]:
    """Return the scopes of a source whose list depends on PEOPLE or OURS."""
    wanted = (what, PEOPLE + OURS)
    query = sa.select(source_scope.c.id, source_scope.c.stated).where(
        source_scope.c.source == source, source_scope.c.depends.in_(wanted)
    )
    return {row.id: from_json(row.stated) for row in connection.execute(query)}


def held(people: Known, scopes: Iterable[Stated]) -> dict[str, set[str]]:
    """Return the entries of the source by user here, with those that several clauses together make."""
    holders = people.holders()
    for stated in scopes:
        if len(stated.clauses) > 1 and not _ours(frozenset().union(*stated.clauses)):
            each = [set[str]().union(*(holders.get(e, set()) for e in clause)) for clause in stated.clauses]
            holders[joint(stated)] = set.intersection(*each)
    entries: dict[str, set[str]] = {}
    for entry, refs in holders.items():
        for ref in refs:
            entries.setdefault(ref, set()).add(entry)
    return entries


def state_ours(connection: sa.Connection, source: str) -> None:
    """Tell identity which entries of a source stand for accounts and groups of ours, as its scopes name them."""
    wanted: dict[str, list[Collection[str]]] = {}
    for stated in depending(connection, source, OURS).values():
        for entry in _ours(stated.deny.union(*stated.clauses)):
            wanted[entry] = [[entry]]
        if len(stated.clauses) > 1 and _ours(frozenset().union(*stated.clauses)):
            wanted[joint(stated)] = [sorted(clause) for clause in stated.clauses]
    outside.put_ours(connection, source, wanted)


def _ours(entries: Collection[str]) -> frozenset[str]:
    return frozenset(one for one in entries if one.partition(":")[0] in ("user", "group", "service"))
