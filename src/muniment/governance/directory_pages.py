"""The directory as it is shown, page by page: people, services and groups, and one of them whole.

In each method `who` is whom policy is asked about `read_directory`. Raises NotPermitted, on record, where it refuses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database, storable
from muniment.foundation.errors import Denied, NotFound
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.frozen import frozen
from muniment.governance.identity.api_keys import api_key
from muniment.governance.identity.directory_tables import (
    ACCOUNTS,
    Kind,
    directory_group,
    directory_membership,
)
from muniment.governance.identity.everybody import Account, Everybody
from muniment.governance.identity.principal import EVERYONE, Principal
from muniment.governance.identity.provisioned import provisioned
from muniment.governance.identity.sessions import IDLE_LIFE, session
from muniment.governance.policy.decide import Policy
from muniment.governance.policy.decision import DIRECTORY, Resource
from muniment.governance.policy.gate import Gate
from muniment.governance.policy.roles import ROLES, RoleGrant
from muniment.governance.policy.tables import role_grant

LISTED = 50
"""Of one page."""
MEMBERS = 200
"""Members of a group that are listed."""
_ROW = directory_membership.c
_MEMBER, _GROUP = _ROW.member, _ROW.group_name


@dataclass(frozen=True, slots=True)
class ListedAccount:
    """A user or service of the list."""

    ref: str
    title: str
    active: bool
    frozen: bool
    clearance: str
    provisioned: bool
    groups: int
    """That it is directly in."""


@dataclass(frozen=True, slots=True)
class ListedGroup:
    """A group of the list."""

    name: str
    title: str
    members: int
    """Direct ones."""
    groups: tuple[str, ...]
    """That it is nested in."""
    provisioned: bool
    claimed: bool
    """Whether tokens give it; its members are then known only while they are signed in."""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list."""

    accounts: tuple[ListedAccount, ...]
    groups: tuple[ListedGroup, ...]
    found: int
    """How many there are in all."""
    behind: str
    """The name behind which the next page begins; empty where there is none."""


@dataclass(frozen=True, slots=True)
class Held:
    """A role that somebody holds."""

    role: str
    through: str
    """The member that it was given to, or an emergency."""
    way: tuple[str, ...]
    """From the account to that member; empty for an emergency."""
    given: RoleGrant | None


@dataclass(frozen=True, slots=True)
class ShownAccount:
    """A user or service, whole."""

    account: Account
    provisioned: bool
    ways: Mapping[str, tuple[str, ...]]
    """Every group that it is in, and how it comes to it."""
    roles: tuple[Held, ...]
    sessions: int
    """Open ones in browsers."""
    keys: int
    """API keys that work."""
    manages: bool
    """Whether whoever looks may switch it off or end its sessions."""
    gives: frozenset[str]
    """Roles that whoever looks may give it or take from it."""


@dataclass(frozen=True, slots=True)
class ShownGroup:
    """A group, whole."""

    name: str
    title: str
    provisioned: bool
    claimed: bool
    above: tuple[str, ...]
    """Groups that it is directly nested in."""
    members: tuple[tuple[str, str], ...]
    """Up to MEMBERS direct members and what people call them."""
    direct: int
    users: int
    """Accounts in it through all nesting that are active."""
    services: int
    roles: tuple[RoleGrant, ...]
    gives: frozenset[str]


class DirectoryPages:
    """The directory of one workspace."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        policy: Policy,
        gate: Gate,
        clock: Clock,
        claimed: frozenset[str],
    ) -> None:
        """`claimed` are the groups that providers' tokens give."""
        self._database = database
        self._audit = audit
        self._policy = policy
        self._gate = gate
        self._clock = clock
        self._claimed = claimed

    def accounts(self, kind: Kind, words: str, after: str, who: Principal, by: Actor) -> Page:
        """Return users or services whose name or title holds these words, behind a name."""
        table = ACCOUNTS[kind]
        with self._gate.recorded(by), self._database.read() as connection:
            stated = self._gate.check(connection, who, "read_directory", DIRECTORY)
            mine = _holding(table.c.name, table.c.title, words)
            number = connection.execute(
                sa.select(sa.func.count()).select_from(table).where(mine)
            ).scalar_one()
            ref = sa.literal(f"{kind}:") + table.c.name
            query = sa.select(
                table.c.name,
                table.c.title,
                table.c.active,
                table.c.clearance,
                sa.exists().where(frozen.c.kind == kind, frozen.c.name == table.c.name),
                sa.exists().where(provisioned.c.ref == ref),
                sa.select(sa.func.count()).where(ref == _MEMBER).scalar_subquery(),
            )
            rows = connection.execute(
                query.where(mine, table.c.name > after).order_by(table.c.name).limit(LISTED + 1)
            ).all()
        self._record(by, stated, {"of": kind, "searched": bool(words)})
        listed = tuple(
            ListedAccount(f"{kind}:{name}", title, active == 1, cold, clearance, theirs, int(groups))
            for name, title, active, clearance, cold, theirs, groups in rows[:LISTED]
        )
        return Page(listed, (), int(number), rows[LISTED - 1][0] if len(rows) > LISTED else "")

    def groups(self, words: str, after: str, who: Principal, by: Actor) -> Page:
        """Return groups whose name or title holds these words, behind a name."""
        table = directory_group
        with self._gate.recorded(by), self._database.read() as connection:
            stated = self._gate.check(connection, who, "read_directory", DIRECTORY)
            mine = _holding(table.c.name, table.c.title, words)
            number = connection.execute(
                sa.select(sa.func.count()).select_from(table).where(mine)
            ).scalar_one()
            query = sa.select(
                table.c.name,
                table.c.title,
                sa.select(sa.func.count()).where(_ROW.group_name == table.c.name).scalar_subquery(),
                sa.exists().where(provisioned.c.ref == sa.literal("group:") + table.c.name),
            )
            rows = connection.execute(
                query.where(mine, table.c.name > after).order_by(table.c.name).limit(LISTED + 1)
            ).all()
            above = _groups_above(connection, [f"group:{row[0]}" for row in rows])
        self._record(by, stated, {"of": "group", "searched": bool(words)})
        listed = tuple(
            ListedGroup(
                name, title, int(members), above.get(f"group:{name}", ()), theirs, name in self._claimed
            )
            for name, title, members, theirs in rows[:LISTED]
        )
        return Page((), listed, int(number), rows[LISTED - 1][0] if len(rows) > LISTED else "")

    def account(self, ref: str, who: Principal, by: Actor) -> ShownAccount:
        """Return a user or service; raises NotFound for none."""
        with self._gate.recorded(by), self._database.read() as connection:
            stated = self._gate.check(connection, who, "read_directory", DIRECTORY)
            everybody = Everybody(connection)
            account = everybody.accounts.get(ref)
            if account is None:
                raise NotFound("No such account.")
            theirs = bool(connection.execute(sa.select(sa.exists().where(provisioned.c.ref == ref))).scalar())
            found = ShownAccount(
                account=account,
                provisioned=theirs,
                ways={one: everybody.way(ref, one) for one in sorted(account.grants - {ref, EVERYONE})},
                roles=self._roles(connection, everybody, account),
                sessions=self._sessions(connection, account.principal),
                keys=self._keys(connection, account.principal),
                manages=self._may(connection, who, "manage_directory", DIRECTORY),
                gives=self._gives(connection, who, ref),
            )
        self._record(by, stated, {"of": ref})
        return found

    def group(self, name: str, who: Principal, by: Actor) -> ShownGroup:
        """Return a group; raises NotFound for none."""
        with self._gate.recorded(by), self._database.read() as connection:
            stated = self._gate.check(connection, who, "read_directory", DIRECTORY)
            query = sa.select(directory_group.c.title).where(directory_group.c.name == name)
            title: str | None = connection.execute(query).scalar() if storable(name) else None
            if title is None:
                raise NotFound("No such group.")
            ref = f"group:{name}"
            everybody = Everybody(connection)
            inside = [one for one in everybody.accounts.values() if ref in one.grants]
            direct = sa.select(sa.func.count()).where(_ROW.group_name == name)
            members = connection.execute(
                sa.select(_MEMBER).where(_ROW.group_name == name).order_by(_MEMBER).limit(MEMBERS)
            ).scalars()
            titles = {one: a.title for one, a in everybody.accounts.items()}
            given = sa.select(role_grant).where(role_grant.c.member == ref).order_by(role_grant.c.role)
            theirs = sa.select(sa.exists().where(provisioned.c.ref == ref))
            found = ShownGroup(
                name=name,
                title=title,
                provisioned=bool(connection.execute(theirs).scalar()),
                claimed=name in self._claimed,
                above=_groups_above(connection, [ref]).get(ref, ()),
                members=tuple((one, titles.get(one, "")) for one in members),
                direct=int(connection.execute(direct).scalar_one()),
                users=sum(one.principal.kind == "user" for one in inside),
                services=sum(one.principal.kind == "service" for one in inside),
                roles=tuple(_given(row) for row in connection.execute(given)),
                gives=self._gives(connection, who, ref),
            )
        self._record(by, stated, {"of": ref})
        return found

    def _roles(self, connection: sa.Connection, everybody: Everybody, account: Account) -> tuple[Held, ...]:
        try:
            standing = self._policy.standing(connection, account.principal, account.grants or None)
        except Denied:
            return ()
        rows = connection.execute(sa.select(role_grant))
        given = {(row.role, row.member): _given(row) for row in rows}
        ref = account.principal.ref
        return tuple(
            Held(role, through, everybody.way(ref, through), given.get((role, through)))
            for role in ROLES
            for through in standing.roles.get(role, ())
        )

    def _sessions(self, connection: sa.Connection, of: Principal) -> int:
        now, row = self._clock.now(), session.c
        table = ACCOUNTS[of.kind]
        since = sa.select(table.c.since).where(table.c.name == of.name, table.c.active == 1).scalar_subquery()
        query = sa.select(sa.func.count()).where(
            row.kind == of.kind,
            row.name == of.name,
            row.since == since,
            row.expires_at > timestamp(now),
            row.seen_at > timestamp(now - IDLE_LIFE),
        )
        return int(connection.execute(query).scalar_one())

    def _keys(self, connection: sa.Connection, of: Principal) -> int:
        if of.kind != "service":
            return 0
        table = ACCOUNTS[of.kind]
        since = sa.select(table.c.since).where(table.c.name == of.name, table.c.active == 1).scalar_subquery()
        row = api_key.c
        query = sa.select(sa.func.count()).where(
            row.service == of.name,
            row.since == since,
            row.revoked_at.is_(None),
            row.expires_at > timestamp(self._clock.now()),
        )
        return int(connection.execute(query).scalar_one())

    def _gives(self, connection: sa.Connection, who: Principal, member: str) -> frozenset[str]:
        standing = self._policy.standing(connection, who)
        about = {"subject": member}
        return frozenset(
            role for role in ROLES if standing.decide("grant_role", Resource("Grant", role, about)).allowed
        )

    def _may(self, connection: sa.Connection, who: Principal, action: str, resource: Resource) -> bool:
        return self._policy.standing(connection, who).decide(action, resource).allowed

    def _record(self, by: Actor, stated: Mapping[str, str], about: Mapping[str, Json]) -> None:
        self._audit.record([Entry("directory.read", by, {**stated, **about})])


def _holding(name: sa.ColumnElement[str], title: sa.ColumnElement[str], words: str) -> sa.ColumnElement[bool]:
    if not storable(words):
        return sa.false()
    if not words:
        return sa.true()
    low = words.lower()
    return sa.or_(
        title.contains(words, autoescape=True),
        sa.func.lower(name).contains(low, autoescape=True),
        sa.func.lower(title).contains(low, autoescape=True),
    )


def _groups_above(connection: sa.Connection, refs: Sequence[str]) -> dict[str, tuple[str, ...]]:
    query = sa.select(_MEMBER, _GROUP).where(_MEMBER.in_(refs)).order_by(_GROUP)
    found: dict[str, tuple[str, ...]] = {}
    for member, group in connection.execute(query):
        found[member] = (*found.get(member, ()), group)
    return found


def _given(row: sa.Row[tuple[object, ...]]) -> RoleGrant:
    return RoleGrant(row.member, row.role, row.reason, row.at, row.by)
