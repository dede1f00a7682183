"""Making the directory what a file states, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from muniment.governance.audit.entry import Json
from muniment.governance.identity.directory_file import Account, DirectoryFile
from muniment.governance.identity.directory_listing import DirectoryListing, everything
from muniment.governance.identity.directory_tables import (
    ACCOUNTS,
    Kind,
    directory_group,
    directory_membership,
    directory_service,
    directory_user,
)

LOGGED_NAMES = 200
"""Names per list that an audit entry of an import spells out; the counts are always whole."""


@dataclass(frozen=True, slots=True)
class DirectoryChange:
    """What an import changed; `added`, `removed` and `changed` hold refs such as `group:sales`."""

    users: int
    groups: int
    services: int
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    def about(self) -> dict[str, Json]:
        """Return what the log says of it."""
        counts = {"users": self.users, "groups": self.groups, "services": self.services}
        return {
            **counts,
            **_logged("added", self.added),
            **_logged("removed", self.removed),
            **_logged("changed", self.changed),
        }


def replace(connection: sa.Connection, stated: DirectoryFile, revision: int) -> DirectoryChange:
    """Replace users, groups and services by those of a file."""
    before = everything(connection)
    _write(connection, stated, _since(connection), revision)
    return _difference(before, everything(connection), stated.warnings)


def _since(connection: sa.Connection) -> dict[str, int]:
    """Return since when each account that is active now has been, by ref."""
    return {
        f"{kind}:{name}": since
        for kind, table in ACCOUNTS.items()
        for name, since in connection.execute(
            sa.select(table.c.name, table.c.since).where(table.c.active == 1)
        )
    }


def _write(connection: sa.Connection, stated: DirectoryFile, since: Mapping[str, int], revision: int) -> None:
    for table in (directory_membership, directory_user, directory_service, directory_group):
        connection.execute(sa.delete(table))
    memberships: list[dict[str, str]] = []
    accounts: tuple[tuple[Kind, Mapping[str, Account]], ...] = (
        ("user", stated.users),
        ("service", stated.services),
    )
    for kind, named in accounts:
        rows = [
            {
                "name": name,
                "title": account.title,
                "active": int(account.active),
                "clearance": account.clearance,
                "since": since.get(f"{kind}:{name}", revision),
            }
            for name, account in named.items()
        ]
        _insert(connection, ACCOUNTS[kind], rows)
        for name, account in named.items():
            memberships += _memberships(f"{kind}:{name}", account.groups)
    for name, group in stated.groups.items():
        memberships += _memberships(f"group:{name}", group.members_of)
    _insert(connection, directory_group, [{"name": n, "title": g.title} for n, g in stated.groups.items()])
    _insert(connection, directory_membership, memberships)


def _memberships(member: str, groups: Collection[str]) -> list[dict[str, str]]:
    return [{"member": member, "group_name": group} for group in sorted(groups)]


def _insert(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, object]]) -> None:
    if rows:
        connection.execute(sa.insert(table), list(rows))


def _difference(
    before: DirectoryListing, after: DirectoryListing, warnings: tuple[str, ...]
) -> DirectoryChange:
    old, new = _by_ref(before), _by_ref(after)
    return DirectoryChange(
        len(after.users),
        len(after.groups),
        len(after.services),
        tuple(sorted(new.keys() - old.keys())),
        tuple(sorted(old.keys() - new.keys())),
        tuple(sorted(ref for ref in new.keys() & old.keys() if new[ref] != old[ref])),
        warnings,
    )


def _by_ref(listing: DirectoryListing) -> dict[str, tuple[object, ...]]:
    """Return what is stated about each ref: a group changes when its own nesting does, not its members."""
    stated: dict[str, tuple[object, ...]] = {}
    for kind, accounts in (("user", listing.users), ("service", listing.services)):
        stated |= {f"{kind}:{a.name}": (a.title, a.groups, a.active, a.clearance) for a in accounts}
    return stated | {f"group:{g.name}": (g.title, g.members_of) for g in listing.groups}


def _logged(what: str, refs: Sequence[str]) -> dict[str, Json]:
    return {what: list(refs[:LOGGED_NAMES]), f"{what}_count": len(refs)}
