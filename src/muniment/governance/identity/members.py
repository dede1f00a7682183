"""Who is in groups, through all nesting, as far as the directory knows: groups that tokens give are not known."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from muniment.governance.identity.directory import active_principals
from muniment.governance.identity.directory_tables import directory_membership
from muniment.governance.identity.principal import EVERYONE, Principal

_AT_ONCE = 500


def users_in(connection: sa.Connection, refs: Collection[str]) -> frozenset[Principal]:
    """Return the active users that these name: themselves, or members of these groups."""
    seen: set[str] = set()
    front = sorted(refs)
    row = directory_membership.c
    while front:
        seen.update(front)
        groups = [one.partition(":")[2] for one in front if one.startswith("group:")]
        below: set[str] = set()
        for at in range(0, len(groups), _AT_ONCE):
            named = row.group_name.in_(groups[at : at + _AT_ONCE])
            below.update(connection.execute(sa.select(row.member).where(named)).scalars())
        front = sorted(below - seen)
    active = [one for one in active_principals(connection) if one.kind == "user"]
    return frozenset(one for one in active if EVERYONE in seen or one.ref in seen)
