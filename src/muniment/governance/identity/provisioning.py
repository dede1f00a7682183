"""Users and groups that an identity provider creates, changes and removes.

Invariants:
- each change commits whole, with its entry in the log, and is felt by the next request;
- a provider changes only what it provisioned: what the directory file states is not its own to touch;
- nothing it writes gives anybody a group that administers, unless the settings leave that group to it;
- an account that is switched on again, renamed or handed to another person is a new one: no session of before holds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager

import sqlalchemy as sa

from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.foundation.errors import NotFound
from muniment.foundation.ids import Ids
from muniment.governance.audit.entry import Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity import provisioned as stored
from muniment.governance.identity.principal import Actor
from muniment.governance.identity.provisioned import (
    Narrowed,
    ProvisionedGroup,
    ProvisionedUser,
    WantedGroup,
    WantedUser,
)
from muniment.governance.identity.provisioning_change import Administers, Change


class Provisioning:
    """What identity providers provision in one workspace."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        clock: Clock,
        ids: Ids,
        guarded: Collection[str],
        claimed: Collection[str] = (),
    ) -> None:
        """`guarded` are the groups that a provider gives to nobody, `claimed` those that tokens give."""
        self._database = database
        self._audit = audit
        self._clock = clock
        self._ids = ids
        self._guarded = frozenset(guarded)
        self._claimed = frozenset(claimed)

    def user(self, identity: str) -> ProvisionedUser:
        """Return the user of an id; raises NotFound."""
        with self._database.read() as connection:
            return _user(connection, identity)

    def group(self, identity: str) -> ProvisionedGroup:
        """Return the group of an id; raises NotFound."""
        with self._database.read() as connection:
            return _group(connection, identity)

    def users(
        self, narrowed: Narrowed, start: int = 0, most: int = stored.MOST_SEARCHED
    ) -> tuple[int, list[ProvisionedUser]]:
        """Return how many users there are, and those from place `start` on, ordered by name."""
        with self._database.read() as connection:
            return (
                stored.count(connection, "user", narrowed),
                stored.users(connection, narrowed, start, most),
            )

    def groups(
        self, narrowed: Narrowed, start: int = 0, most: int = stored.MOST_SEARCHED, members: bool = True
    ) -> tuple[int, list[ProvisionedGroup]]:
        """Return how many groups there are, and those from place `start` on, ordered by name."""
        with self._database.read() as connection:
            return (
                stored.count(connection, "group", narrowed),
                stored.groups(connection, narrowed, start, most, members),
            )

    def create_user(self, wanted: WantedUser, by: Actor) -> ProvisionedUser:
        """Make a user; raises BadInput for a name that cannot be used, and Taken."""
        with self._change(by) as change:
            return _user(change.connection, change.create_user(wanted))

    def change_user(
        self, identity: str, edit: Callable[[ProvisionedUser], WantedUser], by: Actor
    ) -> ProvisionedUser:
        """Make a user what `edit` makes of it; what `edit` raises changes nothing."""
        with self._change(by) as change:
            before = _user(change.connection, identity)
            change.change_user(before, edit(before))
            return _user(change.connection, identity)

    def remove_user(self, identity: str, check: Callable[[ProvisionedUser], None], by: Actor) -> None:
        """Remove a user unless `check` raises."""
        with self._change(by) as change:
            found = _user(change.connection, identity)
            check(found)
            change.remove_user(found)

    def create_group(self, wanted: WantedGroup, by: Actor) -> ProvisionedGroup:
        """Make a group; raises BadInput for a name or member that cannot be used, Taken and Administers."""
        with self._change(by) as change:
            return _group(change.connection, change.create_group(wanted))

    def change_group(
        self, identity: str, edit: Callable[[ProvisionedGroup], WantedGroup], by: Actor
    ) -> ProvisionedGroup:
        """Make a group what `edit` makes of it; what `edit` raises changes nothing."""
        with self._change(by) as change:
            before = _group(change.connection, identity)
            change.change_group(before, edit(before))
            return _group(change.connection, identity)

    def remove_group(self, identity: str, check: Callable[[ProvisionedGroup], None], by: Actor) -> None:
        """Remove a group unless `check` raises; its members stay."""
        with self._change(by) as change:
            found = _group(change.connection, identity)
            check(found)
            change.remove_group(found)

    @contextmanager
    def _change(self, by: Actor) -> Generator[Change]:
        try:
            with self._database.write() as connection:
                now = timestamp(self._clock.now())
                change = Change(connection, now, self._ids, self._guarded, self._claimed, by)
                yield change
                self._audit.append(connection, change.entries)
        except Administers as refused:
            about = {"reason": "administers", "of": refused.detail}
            self._audit.record([Entry("directory.provisioning_refused", by, about)])
            raise


def _user(connection: sa.Connection, identity: str) -> ProvisionedUser:
    found = stored.users(connection, Narrowed(ids=frozenset({identity})), most=1)
    if not found:
        raise NotFound("There is no such user.")
    return found[0]


def _group(connection: sa.Connection, identity: str) -> ProvisionedGroup:
    found = stored.groups(connection, Narrowed(ids=frozenset({identity})), most=1)
    if not found:
        raise NotFound("There is no such group.")
    return found[0]
