"""The whole directory as it is shown."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from muniment.governance.identity.directory_tables import (
    ACCOUNTS,
    Kind,
    directory_group,
    directory_membership,
)
from muniment.governance.identity.provisioned import provisioned


@dataclass(frozen=True, slots=True)
class DirectoryAccount:
    """A user or service and the groups that it is directly in."""

    name: str
    title: str
    groups: tuple[str, ...]
    active: bool
    clearance: str
    """Empty: without a ceiling."""
    provisioned: bool = False
    """Whether it comes from an identity provider, not from the directory file."""


@dataclass(frozen=True, slots=True)
class DirectoryGroup:
    """A group, the groups that it is nested in, and its direct members as refs."""

    name: str
    title: str
    members_of: tuple[str, ...]
    members: tuple[str, ...]
    provisioned: bool = False


@dataclass(frozen=True, slots=True)
class DirectoryListing:
    """The whole directory, each part ordered by name."""

    users: tuple[DirectoryAccount, ...]
    groups: tuple[DirectoryGroup, ...]
    services: tuple[DirectoryAccount, ...]


def everything(connection: sa.Connection) -> DirectoryListing:
    """Return everything as of the connection's snapshot."""
    groups_of: dict[str, list[str]] = {}
    members: dict[str, list[str]] = {}
    for member, group in connection.execute(sa.select(directory_membership)):
        groups_of.setdefault(member, []).append(group)
        members.setdefault(group, []).append(member)
    theirs = frozenset(connection.execute(sa.select(provisioned.c.ref)).scalars())

    def accounts(kind: Kind) -> tuple[DirectoryAccount, ...]:
        table = ACCOUNTS[kind]
        rows = connection.execute(sa.select(table.c.name, table.c.title, table.c.active, table.c.clearance))
        return tuple(
            DirectoryAccount(
                name,
                title,
                tuple(sorted(groups_of.get(f"{kind}:{name}", ()))),
                bool(active),
                ceiling,
                f"{kind}:{name}" in theirs,
            )
            for name, title, active, ceiling in sorted(rows)
        )

    groups = tuple(
        DirectoryGroup(
            name,
            title,
            tuple(sorted(groups_of.get(f"group:{name}", ()))),
            tuple(sorted(members.get(name, ()))),
            f"group:{name}" in theirs,
        )
        for name, title in sorted(
            connection.execute(sa.select(directory_group.c.name, directory_group.c.title))
        )
    )
    return DirectoryListing(accounts("user"), groups, accounts("service"))
