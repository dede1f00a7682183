"""What an identity provider provisioned: users and groups, as they are stored and as they are read.

An account lies in the directory's own tables; beside it, here, lies what only its provider needs: an id that never
changes, the provider's own id, and what else it said. Whatever has no row here comes from the directory file.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import sqlalchemy as sa

from muniment.foundation.database import metadata, storable
from muniment.governance.audit.entry import Json
from muniment.governance.identity.directory_tables import directory_membership, directory_user

Provided = Literal["user", "group"]
MOST_SEARCHED = 10_000
"""Users or groups that are looked through for one question; what narrows by id or name looks at fewer."""

provisioned = sa.Table(
    "provisioned",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("ref", sa.Text, nullable=False, unique=True),
    sa.Column("external_id", sa.Text),
    sa.Column("attributes", sa.Text, nullable=False),
    sa.Column("created_at", sa.Text, nullable=False),
    sa.Column("modified_at", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.UniqueConstraint("kind", "external_id"),
)


@dataclass(frozen=True, slots=True)
class Member:
    """A provisioned user or group, inside another one or around it."""

    kind: Provided
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class WantedUser:
    """What a provider says of a user."""

    name: str
    title: str
    active: bool
    external_id: str | None
    attributes: Mapping[str, Json]
    """What else it says; kept for it, never read here."""


@dataclass(frozen=True, slots=True)
class WantedGroup:
    """What a provider says of a group."""

    name: str
    external_id: str | None
    members: frozenset[str]
    """Ids of provisioned users and groups."""
    attributes: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Stored:
    """What a row says of its resource."""

    id: str
    kind: Provided
    name: str
    external_id: str | None
    attributes: Mapping[str, Json]
    created_at: str
    modified_at: str
    version: int


@dataclass(frozen=True, slots=True)
class ProvisionedUser(Stored):
    """A user, and the groups that it is directly in."""

    active: bool
    groups: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class ProvisionedGroup(Stored):
    """A group and its direct members, as far as they are provisioned too."""

    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Which rows a question is about, as far as the database can tell; None and empty: all."""

    ids: frozenset[str] | None = None
    names: frozenset[str] | None = None
    external_ids: frozenset[str] | None = None


def name_of(ref: str) -> str:
    """Return the bare name of a ref such as `user:alice`."""
    return ref.partition(":")[2]


def _condition(kind: Provided, narrowed: Narrowed) -> sa.ColumnElement[bool]:
    row = provisioned.c
    terms: list[sa.ColumnElement[bool]] = [row.kind == kind]
    for column, given, prefix in (
        (row.id, narrowed.ids, ""),
        (row.ref, narrowed.names, f"{kind}:"),
        (row.external_id, narrowed.external_ids, ""),
    ):
        if given is not None:
            terms.append(column.in_([prefix + value for value in sorted(given) if storable(value)]))
    return sa.and_(*terms)


def count(connection: sa.Connection, kind: Provided, narrowed: Narrowed) -> int:
    """Return how many there are."""
    return connection.execute(
        sa.select(sa.func.count()).select_from(provisioned).where(_condition(kind, narrowed))
    ).scalar_one()


def users(
    connection: sa.Connection, narrowed: Narrowed, start: int = 0, most: int = MOST_SEARCHED
) -> list[ProvisionedUser]:
    """Return users ordered by name, from place `start` on."""
    rows = _rows(connection, "user", narrowed, start, most)
    refs = [row.ref for row in rows]
    active = _active(connection, [name_of(ref) for ref in refs])
    around = _members(connection, directory_membership.c.member, refs)
    return [
        ProvisionedUser(
            **_stored(row), active=active.get(name_of(row.ref), False), groups=tuple(around.get(row.ref, ()))
        )
        for row in rows
    ]


def groups(
    connection: sa.Connection,
    narrowed: Narrowed,
    start: int = 0,
    most: int = MOST_SEARCHED,
    members: bool = True,
) -> list[ProvisionedGroup]:
    """Return groups ordered by name, from place `start` on; without `members`, as if they had none."""
    rows = _rows(connection, "group", narrowed, start, most)
    names = [name_of(row.ref) for row in rows]
    inside = _members(connection, directory_membership.c.group_name, names) if members else {}
    return [ProvisionedGroup(**_stored(row), members=tuple(inside.get(name_of(row.ref), ()))) for row in rows]


def refs_of(connection: sa.Connection, ids: Collection[str]) -> dict[str, str]:
    """Return the refs of those ids that there are."""
    found: dict[str, str] = {}
    for part in parts([one for one in ids if storable(one)]):
        query = sa.select(provisioned.c.id, provisioned.c.ref).where(provisioned.c.id.in_(part))
        found.update((one, ref) for one, ref in connection.execute(query))
    return found


def name_of_external_id(connection: sa.Connection, external_id: str) -> str | None:
    """Return the name of the user whom a provider knows by its own id."""
    row = provisioned.c
    query = sa.select(row.ref).where(row.kind == "user", row.external_id == external_id)
    found = connection.execute(query).scalar() if storable(external_id) else None
    return None if found is None else name_of(found)


def _rows(
    connection: sa.Connection, kind: Provided, narrowed: Narrowed, start: int, most: int
) -> Sequence[sa.Row[Any]]:
    query = sa.select(provisioned).where(_condition(kind, narrowed)).order_by(provisioned.c.ref)
    return connection.execute(query.offset(start).limit(most)).all()


def _stored(row: sa.Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": row.kind,
        "name": name_of(row.ref),
        "external_id": row.external_id,
        "attributes": cast("Mapping[str, Json]", json.loads(row.attributes)),
        "created_at": row.created_at,
        "modified_at": row.modified_at,
        "version": row.version,
    }


def _active(connection: sa.Connection, names: Sequence[str]) -> dict[str, bool]:
    found: dict[str, bool] = {}
    for part in parts(names):
        query = sa.select(directory_user.c.name, directory_user.c.active).where(
            directory_user.c.name.in_(part)
        )
        found.update((name, active == 1) for name, active in connection.execute(query))
    return found


def _members(
    connection: sa.Connection, side: sa.Column[str], given: Sequence[str]
) -> dict[str, list[Member]]:
    """Return the provisioned other side of the memberships whose `side` is one of `given`."""
    row = directory_membership.c
    inward = side is row.group_name
    other = row.member if inward else sa.literal("group:") + row.group_name
    found: dict[str, list[Member]] = {}
    for part in parts(given):
        query = (
            sa.select(side, provisioned.c.kind, provisioned.c.id, provisioned.c.ref)
            .select_from(directory_membership.join(provisioned, provisioned.c.ref == other))
            .where(side.in_(part))
            .order_by(provisioned.c.ref)
        )
        for at, kind, identity, ref in connection.execute(query):
            found.setdefault(at, []).append(Member(kind, identity, name_of(ref)))
    return found


def parts(values: Sequence[str], size: int = 500) -> Iterable[Sequence[str]]:
    """Split what goes into one statement: a database takes only so many parameters."""
    return (values[at : at + size] for at in range(0, len(values), size))
