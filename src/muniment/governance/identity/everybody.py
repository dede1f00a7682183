"""What every account is granted, worked out from one look at the directory, for questions about everybody.

Invariant: an account has here exactly the grants that `directory.grants` gives it, and none where that raises. Groups
that tokens state are known only while somebody is signed in, and are not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from muniment.governance.frozen import frozen
from muniment.governance.identity.directory_tables import (
    ACCOUNTS,
    directory_group,
    directory_membership,
)
from muniment.governance.identity.groups import MAX_DEPTH
from muniment.governance.identity.outside import HeldOutside
from muniment.governance.identity.principal import EVERYONE, Principal

State = Literal["active", "inactive", "frozen", "unclear"]
"""`unclear`: its groups cannot be worked out, so that nothing is granted."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user or service with what counts for access lists."""

    principal: Principal
    title: str
    state: State
    clearance: str
    """Empty: without a ceiling."""
    grants: frozenset[str]
    """Empty where nothing is granted."""


class Everybody:
    """Every account of the directory, as of one snapshot."""

    def __init__(self, connection: sa.Connection) -> None:
        self._outside = HeldOutside(connection)
        self._above: dict[str, list[str]] = {}
        for member, group in connection.execute(sa.select(directory_membership)):
            self._above.setdefault(member, []).append(group)
        self._groups = frozenset(connection.execute(sa.select(directory_group.c.name)).scalars())
        self._reached: dict[tuple[str, ...], frozenset[str] | None] = {}
        cold = {(row.kind, row.name) for row in connection.execute(sa.select(frozen.c.kind, frozen.c.name))}
        found: dict[str, Account] = {}
        for kind, table in ACCOUNTS.items():
            columns = (table.c.name, table.c.title, table.c.active, table.c.clearance)
            for name, title, active, clearance in connection.execute(
                sa.select(*columns).order_by(table.c.name)
            ):
                switch: State = "inactive" if active != 1 else "frozen" if (kind, name) in cold else "active"
                found[f"{kind}:{name}"] = self._account(Principal(kind, name), title, switch, clearance)
        self.accounts: Mapping[str, Account] = found
        """By ref, users before services, each ordered by name."""

    def way(self, ref: str, entry: str) -> tuple[str, ...]:
        """Return the shortest way from an account to a group of its grants, both named; empty where there is none."""
        if entry in (ref, EVERYONE):
            return (ref, entry) if entry != ref else (ref,)
        came: dict[str, str] = {}
        front = [ref]
        while front and entry not in came:
            following: list[str] = []
            for member in front:
                for group in sorted(self._above.get(member, ())):
                    above = f"group:{group}"
                    if above not in came:
                        came[above] = member
                        following.append(above)
            front = following
        if entry not in came:
            return ()
        way = [entry]
        while way[-1] != ref:
            way.append(came[way[-1]])
        return tuple(reversed(way))

    def _account(self, principal: Principal, title: str, switch: State, clearance: str) -> Account:
        if switch != "active":
            return Account(principal, title, switch, clearance, frozenset())
        reached = self._groups_of(tuple(sorted(self._above.get(principal.ref, ()))))
        if reached is None:
            return Account(principal, title, "unclear", clearance, frozenset())
        held = reached | {principal.ref}
        return Account(principal, title, "active", clearance, held | self._outside.of(principal.ref, held))

    def _groups_of(self, direct: tuple[str, ...]) -> frozenset[str] | None:
        """Return what these give; None where a group does not exist, or they nest too deep or in a circle."""
        if direct not in self._reached:
            self._reached[direct] = self._climbed(direct)
        return self._reached[direct]

    def _climbed(self, direct: tuple[str, ...]) -> frozenset[str] | None:
        held: set[str] = set()
        level = set(direct)
        for _ in range(MAX_DEPTH):
            if not level:
                break
            held |= level
            level = {above for group in level for above in self._above.get(f"group:{group}", ())}
        if level or not held <= self._groups:
            return None
        return frozenset({EVERYONE, *(f"group:{group}" for group in held)})
