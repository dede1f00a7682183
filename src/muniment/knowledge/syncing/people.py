"""Who is who: accounts and groups of a source, and which users here they are.

Invariants:
- an account that is not known to be one user here is nobody; two that would be one by `match` are nobody;
- a guest is a user here only where the operator's table says so;
- groups count through all nesting; a circle adds nobody.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from muniment.knowledge.sources.connector import EVERYONE_THERE, Account, People, Team, account, team
from muniment.knowledge.sources.source_settings import SourceSettings
from muniment.knowledge.syncing.tables import source_account, source_team


@dataclass(frozen=True, slots=True)
class Known:
    """All accounts and groups of a source at one moment."""

    accounts: Mapping[str, Account] = field(default_factory=dict[str, Account])
    teams: Mapping[str, Team] = field(default_factory=dict[str, Team])
    principals: Mapping[str, str] = field(default_factory=dict[str, str])
    """`user:NAME` by account."""

    def knows(self, entry: str) -> bool:
        """Return whether an entry of the source is one that it listed."""
        kind, _, name = entry.partition(":")
        if kind == "account":
            return name in self.accounts
        return entry == EVERYONE_THERE or (kind == "team" and name in self.teams)

    def held(self) -> dict[str, set[str]]:
        """Return the entries of the source that each account holds which is active and a user here."""
        above: dict[str, set[str]] = defaultdict(set)
        for one in self.teams.values():
            for member in one.members:
                above[member].add(team(one.id))
        found: dict[str, set[str]] = {}
        for one in self.principals:
            standing = self.accounts[one]
            if standing.active:
                begin = [account(one), *([] if standing.guest else [EVERYONE_THERE])]
                found[one] = _reached(begin, above)
        return found

    def digest(self) -> str:
        """Return what moves when anything of it does."""
        said = [
            sorted([a.id, a.name, a.email, a.active, a.guest] for a in self.accounts.values()),
            sorted([t.id, t.name, sorted(t.members)] for t in self.teams.values()),
            sorted(self.principals.items()),
        ]
        return hashlib.sha256(json.dumps(said).encode("ascii")).hexdigest()


def _reached(begin: Sequence[str], above: Mapping[str, set[str]]) -> set[str]:
    reached = set(begin)
    front = list(begin)
    while front:
        more = above.get(front.pop(), set()) - reached
        reached |= more
        front.extend(more)
    return reached


def known(parts: Iterable[People], settings: SourceSettings) -> Known:
    """Return the accounts and groups that a source lists; an id that comes twice is taken as it came last."""
    accounts: dict[str, Account] = {}
    teams: dict[str, Team] = {}
    for part in parts:
        accounts |= {one.id: one for one in part.accounts}
        teams |= {one.id: one for one in part.teams}
    return Known(accounts, teams, _principals(accounts, settings))


def _principals(accounts: Mapping[str, Account], settings: SourceSettings) -> dict[str, str]:
    found: dict[str, str] = {}
    names = Counter(_matched(one, settings) for one in accounts.values())
    for one in accounts.values():
        stated = {settings.accounts[key] for key in (one.id, one.name, one.email) if key in settings.accounts}
        matched = _matched(one, settings)
        if len(stated) == 1:
            found[one.id] = f"user:{stated.pop()}"
        elif not stated and matched and names[matched] == 1 and not one.guest:
            found[one.id] = f"user:{matched}"
    return found


def _matched(one: Account, settings: SourceSettings) -> str:
    return {"name": one.name, "email": one.email, "table": ""}[settings.match]


def stored(connection: sa.Connection, source: str) -> Known:
    """Return what was last stored of a source's accounts and groups."""
    rows = connection.execute(sa.select(source_account).where(source_account.c.source == source)).all()
    accounts = {
        row.id: Account(row.id, row.name, row.email, bool(row.active), bool(row.guest)) for row in rows
    }
    groups = connection.execute(sa.select(source_team).where(source_team.c.source == source))
    teams = {row.id: Team(row.id, tuple(json.loads(row.members)), row.name) for row in groups}
    return Known(accounts, teams, {row.id: row.principal for row in rows if row.principal})


def store(connection: sa.Connection, source: str, people: Known) -> None:
    """Replace what is stored of a source's accounts and groups."""
    connection.execute(sa.delete(source_account).where(source_account.c.source == source))
    connection.execute(sa.delete(source_team).where(source_team.c.source == source))
    accounts = [
        {
            "source": source,
            "id": one.id,
            "name": one.name,
            "email": one.email,
            "active": int(one.active),
            "guest": int(one.guest),
            "principal": people.principals.get(one.id, ""),
        }
        for one in people.accounts.values()
    ]
    teams = [
        {"source": source, "id": one.id, "name": one.name, "members": json.dumps(sorted(one.members))}
        for one in people.teams.values()
    ]
    if accounts:
        connection.execute(sa.insert(source_account), accounts)
    if teams:
        connection.execute(sa.insert(source_team), teams)
