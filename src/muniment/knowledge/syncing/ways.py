"""How an account here comes to what it holds at a source, in words: the account there, the groups between.

Only what is mirrored is told; whether it counts is for the lease, the list and policy.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from muniment.governance.identity.outside import KIND, outside_ours
from muniment.knowledge.sources.connector import EVERYONE_THERE, Stated, account, team
from muniment.knowledge.syncing import people, scopes
from muniment.knowledge.syncing.people import Known
from muniment.knowledge.syncing.scopes import PEOPLE

_OURS = ("user", "group", "service")


@dataclass(slots=True)
class _There:
    """What is mirrored of one source."""

    known: Known
    above: Mapping[str, tuple[str, ...]]
    """Groups by the entry of a direct member."""
    accounts: Mapping[str, tuple[str, ...]]
    """Accounts there by user here."""
    joint: dict[str, Stated] = field(default_factory=dict[str, Stated])
    """Scopes of several clauses, by the entry that these make."""
    ours: dict[str, list[list[str]]] = field(default_factory=dict[str, list[list[str]]])
    """Clauses of entries that stand for ours."""


class Ways:
    """Ways to entries spelled `outside:SOURCE:ENTRY`, as of one snapshot."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._sources: dict[str, _There] = {}

    def way(self, ref: str, entry: str, held: Collection[str] = ()) -> tuple[str, ...]:
        """Return the shortest way from an account here to an entry; empty where none is known.

        `held` is what the account holds here, which counts for entries that are ours.
        """
        source, name = _parts(entry)
        there = self._of(source)
        return self._way(there, source, ref, name, held)

    def said(self, entry: str) -> str:
        """Return an entry in words; one that is not of a source as it stands."""
        source, name = _parts(entry)
        return self._said(self._of(source), source, name) if source else entry

    def _way(self, there: _There, source: str, ref: str, name: str, held: Collection[str]) -> tuple[str, ...]:
        if name.partition(":")[0] in _OURS:
            return (ref, f"{name} here, whom {source} names") if name in {ref, *held} else ()
        if name in there.joint or name in there.ours:
            return self._through_each(there, source, ref, name, held)
        for one in there.accounts.get(ref, ()):
            if steps := self._climbed(there, one, name):
                return (ref, *(self._said(there, source, step) for step in steps))
        return ()

    def _climbed(self, there: _There, name: str, wanted: str) -> list[str]:
        """Return the steps from an account there to an entry, both named."""
        standing = there.known.accounts[name]
        if not standing.active:
            return []
        first = account(name)
        came: dict[str, str] = {first: ""}
        if not standing.guest:
            came[EVERYONE_THERE] = first
        front = list(came)
        while front and wanted not in came:
            following: list[str] = []
            for member in front:
                for above in there.above.get(member, ()):
                    if above not in came:
                        came[above] = member
                        following.append(above)
            front = following
        steps: list[str] = []
        at = wanted if wanted in came else ""
        while at:
            steps.append(at)
            at = came[at]
        return steps[::-1]

    def _through_each(
        self, there: _There, source: str, ref: str, name: str, held: Collection[str]
    ) -> tuple[str, ...]:
        """Return the way to an entry of several clauses: how something of each is held."""
        clauses = there.ours.get(name) or [sorted(one) for one in there.joint[name].clauses]
        steps: list[str] = []
        for clause in clauses:
            ways = [found for one in clause if (found := self._way(there, source, ref, one, held))]
            if not ways:
                return ()
            steps.append(" > ".join(min(ways, key=len)[1:]))
        return (ref, " and ".join(steps))

    def _said(self, there: _There, source: str, name: str) -> str:
        kind, _, key = name.partition(":")
        if name == EVERYONE_THERE:
            return f"everyone at {source} who is no guest"
        if kind == "account":
            found = there.known.accounts.get(key)
            return f"account {_named(key, found.name or found.email if found else '')} at {source}"
        if kind == "team":
            group = there.known.teams.get(key)
            return f"group {_named(key, group.name if group else '')} at {source}"
        if kind in _OURS:
            return f"{name} here, whom {source} names"
        if name in there.joint:
            each = [
                " or ".join(self._said(there, source, one) for one in sorted(clause))
                for clause in there.joint[name].clauses
            ]
            return " and also ".join(f"({one})" for one in each)
        return f"{name} at {source}"

    def _of(self, source: str) -> _There:
        if source not in self._sources:
            self._sources[source] = self._read(source)
        return self._sources[source]

    def _read(self, source: str) -> _There:
        known = people.stored(self._connection, source)
        above: dict[str, tuple[str, ...]] = {}
        for one in sorted(known.teams.values(), key=lambda group: group.id):
            for member in one.members:
                above[member] = (*above.get(member, ()), team(one.id))
        mine: dict[str, tuple[str, ...]] = {}
        for name, ref in sorted(known.principals.items()):
            mine[ref] = (*mine.get(ref, ()), name)
        there = _There(known, above, mine)
        for depends in (PEOPLE, scopes.OURS):
            for stated in scopes.depending(self._connection, source, depends).values():
                if len(stated.clauses) > 1:
                    there.joint[scopes.joint(stated)] = stated
        query = sa.select(outside_ours.c.entry, outside_ours.c.clauses).where(outside_ours.c.source == source)
        for row in self._connection.execute(query):
            if row.entry.partition(":")[0] not in _OURS:
                there.ours[row.entry] = json.loads(row.clauses)
        return there


def is_outside(entry: str) -> bool:
    """Return whether an entry of a list is one of a source."""
    return entry.startswith(f"{KIND}:")


def _parts(entry: str) -> tuple[str, str]:
    kind, _, rest = entry.partition(":")
    source, _, name = rest.partition(":")
    return (source, name) if kind == KIND else ("", entry)


def _named(key: str, name: str) -> str:
    return f"{name} ({key})" if name and name != key else key
