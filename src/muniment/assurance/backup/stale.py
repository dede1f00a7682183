"""What a restored workspace must not bring back to life.

What was ended after the backup was made cannot be known from it. So whatever may be had anew is ended: sessions,
links, sign-ins on their way, emergency access, and the tokens of people. Keys of services are ended where asked.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.revisions import bump, revision
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.api_keys import api_key
from muniment.governance.identity.attempts import signin_attempt
from muniment.governance.identity.directory_tables import directory_service, directory_user
from muniment.governance.identity.sessions import session, signin_link
from muniment.governance.policy.tables import emergency_access


@dataclass(frozen=True, slots=True)
class Ended:
    """What was ended at a restore, and what was not."""

    sessions: int
    signins: int
    """One-time links and sign-ins on their way."""
    emergencies: int
    keys: int
    keys_left: int
    """Keys of services that work again, some of which may have been revoked after the backup."""


def end_stale(connection: sa.Connection, clock: Clock, by: Actor, revoke_keys: bool) -> Ended:
    """End what may have been ended since, inside the caller's write transaction."""
    now = timestamp(clock.now())
    sessions = connection.execute(sa.delete(session)).rowcount
    signins = sum(connection.execute(sa.delete(table)).rowcount for table in (signin_link, signin_attempt))
    emergencies = connection.execute(
        sa.update(emergency_access)
        .where(emergency_access.c.ended_at.is_(None))
        .values(ended_at=now, ended_by=by.ref)
    ).rowcount
    _renew_accounts(connection, clock, services=revoke_keys)
    works = (api_key.c.revoked_at.is_(None), api_key.c.expires_at > now)
    keys = 0
    if revoke_keys:
        keys = connection.execute(sa.update(api_key).where(*works).values(revoked_at=now)).rowcount
    left = connection.execute(sa.select(sa.func.count()).select_from(api_key).where(*works)).scalar_one()
    return Ended(sessions, signins, emergencies, keys, left)


def _renew_accounts(connection: sa.Connection, clock: Clock, services: bool) -> None:
    """Let every account count as made now, which no token of before names.

    The counter jumps to the time in seconds: further than the changes of the workspace that went on, whose tokens
    name their counter's values.
    """
    reached = max(bump(connection, "directory"), int(clock.now().timestamp()))
    counter = sa.update(revision).where(revision.c.name == "directory")
    connection.execute(counter.values(value=reached))
    for table in (directory_user, directory_service) if services else (directory_user,):
        connection.execute(sa.update(table).values(since=reached))
