"""Making the directory what a file states, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from muniment.foundation.errors import BadInput
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
from muniment.governance.identity.nesting import check_nesting
from muniment.governance.identity.provisioned import name_of, provisioned

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


def replace(
    connection: sa.Connection, stated: DirectoryFile, revision: int, *, take_over: bool = False
) -> DirectoryChange:
    """Replace users, groups and services by those of a file.

    What an identity provider provisioned stays, and raises BadInput where the file states it too; with `take_over`
    it goes as well.
    """
    before = everything(connection)
    since = _since(connection)
    if take_over:
        connection.execute(sa.delete(provisioned))
    _check_apart(connection, stated)
    _write(connection, stated, since, revision)
    check_nesting(connection)
    return _difference(before, everything(connection), stated.warnings)


def provisioned_groups(connection: sa.Connection) -> frozenset[str]:
    """Return the names of the groups that an identity provider provisioned."""
    query = sa.select(provisioned.c.ref).where(provisioned.c.kind == "group")
    return frozenset(name_of(ref) for ref in connection.execute(query).scalars())


def _check_apart(connection: sa.Connection, stated: DirectoryFile) -> None:
    refs = frozenset(connection.execute(sa.select(provisioned.c.ref)).scalars())
    named = [*(f"user:{name}" for name in stated.users), *(f"group:{name}" for name in stated.groups)]
    both = sorted(refs.intersection(named))
    if both:
        more = f", and {len(both) - 1} more" if len(both) > 1 else ""
        raise BadInput(
            f"{both[0]}{more} of the file: the identity provider provisions it.",
            fix="Take it out of the file, or import with --take-over to end provisioning.",
        )
    known = {f"group:{name}" for name in stated.groups} | refs
    for name, account in [*stated.users.items(), *stated.services.items()]:
        for group in account.groups:
            if f"group:{group}" not in known:
                raise BadInput(f"'{name}' is in '{group}', which is gone.", fix="Import the file again.")


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
    theirs = sa.select(provisioned.c.ref)
    connection.execute(sa.delete(directory_membership).where(directory_membership.c.member.not_in(theirs)))
    for table, prefix in ((directory_user, "user:"), (directory_group, "group:")):
        connection.execute(sa.delete(table).where((sa.literal(prefix) + table.c.name).not_in(theirs)))
    connection.execute(sa.delete(directory_service))
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
