"""What a source states of its scopes, as access lists of ours.

Invariants:
- whoever the list lets in holds something of each clause at the source and nothing that it denies;
- a denial of somebody whom the source did not list lets nobody in: whom it means is not known;
- no entry of ours stands in such a list by itself, so that the source's lease bounds it whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence

import sqlalchemy as sa

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


class Holders:
    """Who holds which entries of the source, worked out once for a pass."""

    def __init__(self, people: Known) -> None:
        self._people = people
        self._plain: dict[str, set[str]] = {}
        """Entries by user here."""
        self._accounts: dict[str, set[str]] = {}
        """Accounts by entry."""
        for one, theirs in people.held().items():
            self._plain.setdefault(people.principals[one], set()).update(theirs)
            for entry in theirs:
                self._accounts.setdefault(entry, set()).add(one)

    def plain(self) -> dict[str, set[str]]:
        """Return the entries of the source by user here."""
        return {ref: set(theirs) for ref, theirs in self._plain.items()}

    def together(self, scopes: Iterable[Stated]) -> dict[str, set[str]]:
        """Return by user here the entries that several clauses of scopes together make.

        One account has to meet all clauses by itself: what two accounts of a user hold is never put together, since
        the source would let neither read.
        """
        entries: dict[str, set[str]] = {}
        principals = self._people.principals
        for stated in scopes:
            if len(stated.clauses) < 2:
                continue
            each = [
                set[str]().union(*(self._accounts.get(entry, set()) for entry in clause))
                for clause in stated.clauses
            ]
            name = joint(stated)
            if not _ours(frozenset().union(*stated.clauses)):
                for one in set.intersection(*each):
                    entries.setdefault(principals[one], set()).add(name)
                continue
            for ref, one in _best(self._people, each).items():
                met = {_part(name, at) for at, meet in enumerate(each) if one in meet}
                entries.setdefault(ref, set()).update(met)
        return entries


def held(holders: Holders, scopes: Iterable[Stated]) -> dict[str, set[str]]:
    """Return all that users here hold of a source with these scopes."""
    entries = holders.plain()
    for ref, theirs in holders.together(scopes).items():
        entries.setdefault(ref, set()).update(theirs)
    return entries


def _best(people: Known, each: Sequence[Collection[str]]) -> dict[str, str]:
    """Return the account of each user that meets most clauses."""
    best: dict[str, str] = {}
    count: dict[str, int] = {}
    for one in sorted(set[str]().union(*each)):
        ref, met = people.principals[one], sum(one in meet for meet in each)
        if met > count.get(ref, 0):
            best[ref], count[ref] = one, met
    return best


def _part(name: str, at: int) -> str:
    """Return the entry of whoever meets one clause of several, some of which name entries of ours."""
    return f"part:{at}:{name}"


def ours_of(scopes: Iterable[Stated]) -> dict[str, list[Collection[str]]]:
    """Return which entries stand for accounts and groups of ours in these scopes, each with its clauses."""
    wanted: dict[str, list[Collection[str]]] = {}
    for stated in scopes:
        for entry in _ours(stated.deny.union(*stated.clauses)):
            wanted[entry] = [[entry]]
        if len(stated.clauses) > 1 and _ours(frozenset().union(*stated.clauses)):
            name = joint(stated)
            wanted[name] = [[*_ours(one), _part(name, at)] for at, one in enumerate(stated.clauses)]
    return wanted


def _ours(entries: Collection[str]) -> frozenset[str]:
    return frozenset(one for one in entries if one.partition(":")[0] in ("user", "group", "service"))
