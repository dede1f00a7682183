"""Who exists and which groups they are in.

Invariants:
- names compare byte for byte;
- an import replaces all that no identity provider provisioned, or nothing, in one transaction with its audit entry;
- a frozen account is as one that is switched off, until that ends: then it is the same account;
- `grants` answers from the caller's snapshot alone: nothing is remembered between calls;
- an account that went away or was switched off and came back is a new one: `since` differs, so that no
  credential of the earlier one works.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from muniment.foundation import revisions
from muniment.foundation.database import Database, storable
from muniment.foundation.errors import BadInput, Denied
from muniment.foundation.worded import Worded
from muniment.governance.audit.entry import Entry
from muniment.governance.frozen import frozen
from muniment.governance.identity.directory_file import read_directory_file
from muniment.governance.identity.directory_import import DirectoryChange, provisioned_groups, replace
from muniment.governance.identity.directory_listing import DirectoryListing, everything
from muniment.governance.identity.directory_tables import (
    ACCOUNTS,
    Kind,
    directory_group,
    directory_membership,
    directory_service,
    directory_user,
)
from muniment.governance.identity.groups import MAX_DEPTH
from muniment.governance.identity.outside import held_outside
from muniment.governance.identity.principal import EVERYONE, Actor, Principal
from muniment.governance.identity.provisioned import name_of, name_of_external_id, provisioned

_SINCE = {
    kind: sa.select(table.c.since).where(table.c.name == sa.bindparam("name"))
    for kind, table in ACCOUNTS.items()
}
_ANY_SINCE = {kind: Worded(query) for kind, query in _SINCE.items()}
_ACTIVE_SINCE = {
    kind: Worded(
        _SINCE[kind].where(
            table.c.active == 1, ~sa.exists().where(frozen.c.kind == kind, frozen.c.name == table.c.name)
        )
    )
    for kind, table in ACCOUNTS.items()
}


class Appends(Protocol):
    """The part of the audit log that a change of the directory needs."""

    def append(self, connection: sa.Connection, entries: Sequence[Entry]) -> object:
        """Write entries inside the caller's transaction."""
        ...


class Directory:
    """Changes and lists the people, services and groups of one workspace."""

    def __init__(self, database: Database, audit: Appends, claimed: frozenset[str] = frozenset()) -> None:
        """`claimed` are the groups that providers' tokens give."""
        self._database = database
        self._audit = audit
        self._claimed = claimed

    def import_file(self, path: Path, by: Actor, *, take_over: bool = False) -> DirectoryChange:
        """Make the directory what the file states; raises BadInput, and changes nothing, for a bad file.

        What an identity provider provisioned stays beside it; with `take_over` it goes.
        """
        with self._database.read() as connection:
            beside = frozenset[str]() if take_over else provisioned_groups(connection)
        stated = read_directory_file(path, beside)
        for kind, accounts in (("user", stated.users), ("service", stated.services)):
            for name, account in accounts.items():
                if found := sorted(account.groups & self._claimed):
                    raise _second_source(found[0], f"{kind}:{name}")
        with self._database.write() as connection:
            revision = revisions.bump(connection, "directory")
            change = replace(connection, stated, revision, take_over=take_over)
            about = {"revision": revision, "file": stated.digest, **change.about()}
            self._audit.append(connection, [Entry("directory.imported", by, about)])
        return change

    def remove_member(self, group: str, member: str, by: Actor) -> None:
        """Take a direct member (`alice`, `service:bot`, `group:sales`) out of a group, at once."""
        ref = member if member.startswith("group:") else self.principal(member).ref
        name = group.removeprefix("group:")
        row = directory_membership.c
        with self._database.write() as connection:
            removed = connection.execute(
                sa.delete(directory_membership).where(row.member == ref, row.group_name == name)
            ).rowcount
            if not removed:
                direct = _column(connection, sa.select(row.group_name).where(row.member == ref))
                raise BadInput(
                    f"{ref} is not a direct member of the group '{name}'.",
                    fix=f"Its own groups: {', '.join(direct)}." if direct else "It is in no group.",
                )
            revision = revisions.bump(connection, "directory")
            about = {"revision": revision, "group": f"group:{name}", "member": ref}
            self._audit.append(connection, [Entry("directory.member_removed", by, about)])

    def listing(self) -> DirectoryListing:
        """Return everything, each part ordered by name."""
        with self._database.read() as connection:
            return everything(connection)

    def require_one_source(self) -> None:
        """Refuse a group that tokens give and that has members by another source; raises BadInput naming both."""
        row = directory_membership.c
        people = sa.and_(row.member.not_like("group:%"), row.group_name.in_(sorted(self._claimed)))
        theirs = provisioned.c.ref.in_([f"group:{name}" for name in sorted(self._claimed)])
        with self._database.read() as connection:
            found = connection.execute(sa.select(row.group_name, row.member).where(people).limit(1)).first()
            if found is not None:
                raise _second_source(found.group_name, found.member)
            ref = connection.execute(sa.select(provisioned.c.ref).where(theirs).limit(1)).scalar()
        if ref is not None:
            raise _second_source(name_of(ref), "SCIM")

    def knows(self, entry: str) -> bool:
        """Return whether an entry of an access list, such as `group:people`, names somebody or everyone."""
        kind, _, name = entry.partition(":")
        table = {"user": directory_user, "service": directory_service, "group": directory_group}.get(kind)
        if entry == EVERYONE or table is None or not storable(name):
            return entry == EVERYONE
        if kind == "group" and name in self._claimed:
            return True
        with self._database.read() as connection:
            query = sa.select(sa.exists().where(table.c.name == name))
            return bool(connection.execute(query).scalar())

    def principal(self, name: str) -> Principal:
        """Return whom `alice`, `user:alice` or `service:bot` names, active or not, or raise BadInput."""
        kind: Kind = "service" if name.startswith("service:") else "user"
        bare = name.removeprefix(f"{kind}:")
        with self._database.read() as connection:
            if account_since(connection, Principal(kind, bare), active_only=False) is not None:
                return Principal(kind, bare)
            users = _column(connection, sa.select(directory_user.c.name))
            services = _column(connection, sa.select(directory_service.c.name))
        known = [*users, *(f"service:{service}" for service in services)]
        raise BadInput(f"No {kind} named '{bare}'.", fix=_closest(name, bare, known))

    def provisioned_user(self, external_id: str) -> Principal | None:
        """Return the user whom an identity provider knows by its own id, active or not."""
        with self._database.read() as connection:
            name = name_of_external_id(connection, external_id)
        return None if name is None else Principal("user", name)

    def title(self, principal: Principal) -> str:
        """Return what people call this account; its bare name where the directory has no other."""
        table = ACCOUNTS[principal.kind]
        with self._database.read() as connection:
            found = connection.execute(
                sa.select(table.c.title).where(table.c.name == principal.name)
            ).scalar()
        return found or principal.name

    def principals(self) -> list[Principal]:
        """Return the active users, then the active services, each ordered by name."""
        with self._database.read() as connection:
            return active_principals(connection)

    def active_since(self, principal: Principal) -> int | None:
        """Return the directory revision since which the account is active, or None when it is not."""
        with self._database.read() as connection:
            return account_since(connection, principal)


def active_principals(connection: sa.Connection) -> list[Principal]:
    """Return the active users, then the active services, each ordered by name."""
    found: list[Principal] = []
    for kind, table in ACCOUNTS.items():
        query = sa.select(table.c.name).where(table.c.active == 1).order_by(table.c.name)
        found += [Principal(kind, name) for name in _column(connection, query)]
    return found


def account_since(connection: sa.Connection, principal: Principal, *, active_only: bool = True) -> int | None:
    """Return the directory revision at which this account became active, or None for no such account."""
    if principal.kind not in ACCOUNTS or not storable(principal.name):
        return None
    query = (_ACTIVE_SINCE if active_only else _ANY_SINCE)[principal.kind]
    rows = query.rows(connection, name=principal.name)
    return rows[0][0] if rows else None


_CLEARANCE = {
    kind: Worded(sa.select(table.c.clearance).where(table.c.name == sa.bindparam("name")))
    for kind, table in ACCOUNTS.items()
}


def clearance(connection: sa.Connection, principal: Principal) -> str:
    """Return up to which sensitivity this account may read, empty for any; raises Denied for no such account."""
    rows = _CLEARANCE[principal.kind].rows(connection, name=principal.name)
    if not rows:
        raise Denied("No such active account.", detail=f"principal {principal.ref!r}")
    return rows[0][0]


def _closure(begins: sa.ColumnElement[bool], depth: int = 1) -> sa.Select[str, int, str | None]:
    """Groups reached from members, the longest way to each, and whether each exists."""
    row = directory_membership.c
    held = (
        sa.select(row.group_name, sa.literal(depth).label("depth")).where(begins).cte("held", recursive=True)
    )
    above = sa.select(row.group_name, held.c.depth + 1).where(
        row.member == "group:" + held.c.group_name, held.c.depth <= MAX_DEPTH
    )
    held = held.union(above)
    return (
        sa.select(held.c.group_name, sa.func.max(held.c.depth), sa.func.max(directory_group.c.name))
        .select_from(held.outerjoin(directory_group, directory_group.c.name == held.c.group_name))
        .group_by(held.c.group_name)
    )


_CLOSURE = Worded(_closure(directory_membership.c.member == sa.bindparam("ref")))
_ABOVE_CLAIMED = _closure(directory_membership.c.member.in_(sa.bindparam("refs", expanding=True)), 2)
_MANY = 100
_NESTING = sa.select(directory_membership.c.member.distinct()).where(
    directory_membership.c.member >= "group:", directory_membership.c.member < "group;"
)
_IS_PROVISIONED = sa.select(sa.exists().where(provisioned.c.ref == sa.bindparam("ref")))


def groups_above(connection: sa.Connection, ref: str) -> frozenset[str]:
    """Return the names of the groups that a user, service or group is in, through all nesting."""
    return frozenset(group for group, _, _ in _CLOSURE.rows(connection, ref=ref))


def grants(connection: sa.Connection, principal: Principal) -> frozenset[str]:
    """Return every spelling under which an access list can name this principal.

    That is itself, its groups through all nesting, those that its token gives among them, everyone, and what it holds
    at outside sources that can be relied on now. Raises
    Denied for an unknown or inactive account, and when a group is missing, nested in a circle or deeper than
    MAX_DEPTH, or the token's groups cannot be known: a deny entry might then be missed, so nothing at all is granted.
    """
    if account_since(connection, principal) is None:
        raise Denied("No such active account.", detail=f"principal {principal.ref!r}")
    claimed = sorted(f"group:{name}" for name in _given_by_token(connection, principal))
    held = {EVERYONE, principal.ref, *claimed}
    reached = list(_CLOSURE.rows(connection, ref=principal.ref))
    begin = claimed
    if len(claimed) > _MANY:
        # Binding thousands of names costs far more than reading which groups nest at all.
        nesting = frozenset(connection.execute(_NESTING).scalars())
        begin = [ref for ref in claimed if ref in nesting]
    if begin:
        reached += connection.execute(_ABOVE_CLAIMED, {"refs": begin})
    for group, depth, known in reached:
        if depth > MAX_DEPTH:
            raise Denied(
                "Your groups cannot be worked out.",
                fix="Ask whoever runs the directory to check how groups are nested.",
                detail=f"{principal.ref!r} reaches {group!r} in a circle or more than {MAX_DEPTH} deep",
            )
        if known is None:
            raise Denied(
                "Your groups cannot be worked out.",
                fix="Ask whoever runs the directory to check which groups exist.",
                detail=f"{principal.ref!r} is in {group!r}, which does not exist",
            )
        held.add(f"group:{group}")
    return frozenset(held | held_outside(connection, principal.ref, held))


def _given_by_token(connection: sa.Connection, principal: Principal) -> frozenset[str]:
    """Return the groups that the principal's token gives; none to whom SCIM provisioned."""
    if principal.claimed == frozenset():
        return frozenset()
    if connection.execute(_IS_PROVISIONED, {"ref": principal.ref}).scalar():
        return frozenset()
    if principal.claimed is None:
        raise Denied(
            "Your groups cannot be worked out.",
            fix="Ask whoever runs the identity provider to state fewer groups in tokens, or to provision over SCIM.",
            detail=f"the token of {principal.ref!r} states groups that cannot be known",
        )
    return principal.claimed


def _second_source(group: str, source: str) -> BadInput:
    return BadInput(
        f"The group '{group}' is given by tokens, and by another source: {source}.",
        fix="Take its members out there, or take it out of identity.issuers.NAME.groups.",
    )


def _column(connection: sa.Connection, query: sa.Select[str]) -> list[str]:
    return sorted(connection.execute(query).scalars())


def _closest(name: str, bare: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    if f"service:{bare}" in known:
        close = [f"service:{bare}"]
    if close:
        return f"Did you mean {' or '.join(close)}?"
    return "Run `muniment directory list` to see who exists." if known else "Run `muniment directory import`."
