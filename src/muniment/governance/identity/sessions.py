"""Browser sessions, and the one-time sign-in links that open them in local use.

Invariants:
- only digests of secrets are stored; a link works once, even when two try it at the same moment;
- a session ends with its time, with idleness, on sign-out, and at the next request after its account changed,
  whoever vouched for it is no longer trusted, or the rule that gave it groups is another;
- when somebody proved who they are stands in the secret of a session that an issuer vouched for, so that its holder
  cannot change it: its digest is stored. Where the issuer did not say, it counts as never.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database, metadata
from muniment.foundation.errors import BadInput, Denied, Unauthenticated
from muniment.foundation.ids import Ids
from muniment.governance.audit.entry import Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.claimed import LOCAL, GroupRule
from muniment.governance.identity.directory import Directory, account_since
from muniment.governance.identity.issuer import UserMatch
from muniment.governance.identity.principal import Actor, Principal
from muniment.governance.identity.provisioned import name_of_external_id

LINK_LIFE = timedelta(minutes=15)
SESSION_LIFE = timedelta(hours=12)
IDLE_LIFE = timedelta(hours=2)
_TOUCH_EVERY = timedelta(minutes=5)
_PROVED = "~"
"""Stands before that time, and in no secret otherwise."""
_NEVER = datetime.fromtimestamp(0, UTC)

signin_link = sa.Table(
    "signin_link",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("since", sa.Integer, nullable=False),
    sa.Column("expires_at", sa.Text, nullable=False),
)
session = sa.Table(
    "session",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("since", sa.Integer, nullable=False),
    sa.Column("csrf", sa.Text, nullable=False),
    sa.Column("expires_at", sa.Text, nullable=False),
    sa.Column("seen_at", sa.Text, nullable=False),
    sa.Column("issuer", sa.Text, nullable=False, server_default=""),
    sa.Column("group_rule", sa.Text, nullable=False, server_default=""),
    sa.Column("claimed", sa.Text, nullable=False, server_default="[]"),
)


@dataclass(frozen=True, slots=True)
class Session:
    """An open browser session."""

    secret: str
    """What the cookie holds."""
    csrf: str
    """What every form of this session must send along."""
    principal: Principal
    expires: datetime
    proved: datetime
    """When they proved who they are, as far as is known; going on with a session does not move it."""


class Sessions:
    """The sign-in links and sessions of one workspace."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        audit: AuditLog,
        clock: Clock,
        ids: Ids,
        trusted: Mapping[str, GroupRule],
    ) -> None:
        """`trusted` are the issuers, or LOCAL, whose sessions hold, and which groups they give."""
        self._database = database
        self._directory = directory
        self._audit = audit
        self._clock = clock
        self._ids = ids
        self._trusted = trusted

    def create_link(self, principal: Principal, by: Actor) -> str:
        """Return the secret of a one-time link that works for 15 minutes.

        Raises BadInput for no account, and Denied where people sign in through a provider.
        """
        self._require_local()
        since = self._directory.active_since(principal)
        if since is None:
            raise BadInput(f"{principal.ref} is no active account.", fix="See `muniment directory list`.")
        secret = self._ids.secret()
        with self._database.write() as connection:
            now = self._clock.now()
            connection.execute(sa.delete(signin_link).where(signin_link.c.expires_at <= timestamp(now)))
            connection.execute(
                sa.insert(signin_link).values(
                    digest=_digest(secret),
                    kind=principal.kind,
                    name=principal.name,
                    since=since,
                    expires_at=timestamp(now + LINK_LIFE),
                )
            )
            self._audit.append(connection, [Entry("signin.link_created", by, {"for": principal.ref})])
        return secret

    def redeem(self, secret: str) -> Session:
        """Use up a link and open its session; raises Unauthenticated for any link that does not work."""
        self._require_local()
        with self._database.write() as connection:
            now = self._clock.now()
            link = connection.execute(
                sa.delete(signin_link).where(signin_link.c.digest == _digest(secret)).returning(signin_link)
            ).first()
            principal = None if link is None else Principal(link.kind, link.name)
            holds = (
                link is not None
                and principal is not None
                and link.expires_at > timestamp(now)
                and account_since(connection, principal) == link.since
            )
            if link is None or principal is None or not holds:
                raise Unauthenticated("This sign-in link does not work (any more).", fix="Ask for a new one.")
            return self._opened(connection, principal, link.since, LOCAL, [])

    def open(
        self,
        principal: Principal,
        issuer: str,
        name: str,
        match: UserMatch = "name",
        proved: int | None = None,
    ) -> Session:
        """Open a session for whom an issuer, known here by a name, vouched.

        With another `match` the principal's name is the id that the issuer knows the user by. `proved` is when the
        user proved to the issuer who they are, in seconds since 1970; None: it did not say. Raises Unauthenticated
        where the directory has no such active account.
        """
        with self._database.write() as connection:
            if match == "external_id":
                known = name_of_external_id(connection, principal.name)
                principal = replace(principal, name=known or "")
            since = account_since(connection, principal)
            if since is None or issuer not in self._trusted:
                raise Unauthenticated("You have no account here.", detail="no active account")
            signed_in = Entry("signin.signed_in", Actor(principal.ref, "web"), {"issuer": name})
            return self._opened(connection, principal, since, issuer, [signed_in], proved)

    def _require_local(self) -> None:
        if LOCAL not in self._trusted:
            raise Denied(
                "There are no sign-in links here: people sign in through the identity provider.",
                fix='Open /signin, or set identity.mode = "local".',
            )

    def _opened(
        self,
        connection: sa.Connection,
        principal: Principal,
        since: int,
        issuer: str,
        entries: list[Entry],
        proved: int | None = None,
    ) -> Session:
        now = self._clock.now()
        secret = self._ids.secret() + ("" if proved is None else f"{_PROVED}{proved}")
        expires = now + SESSION_LIFE
        opened = Session(secret, self._ids.secret(), principal, expires, _proved(secret, issuer, expires))
        connection.execute(
            sa.insert(session).values(
                digest=_digest(opened.secret),
                kind=principal.kind,
                name=principal.name,
                since=since,
                csrf=opened.csrf,
                expires_at=timestamp(opened.expires),
                seen_at=timestamp(now),
                issuer=issuer,
                group_rule=self._trusted[issuer].digest,
                claimed=json.dumps(None if principal.claimed is None else sorted(principal.claimed)),
            )
        )
        expires = {"expires": timestamp(opened.expires)}
        entries = [*entries, Entry("session.created", Actor(principal.ref, "web"), expires)]
        self._audit.append(connection, entries)
        return opened

    def session(self, secret: str) -> Session | None:
        """Return the session that a cookie opens now, or None."""
        now = self._clock.now()
        with self._database.read() as connection:
            row = connection.execute(sa.select(session).where(session.c.digest == _digest(secret))).first()
            rule = None if row is None else self._trusted.get(row.issuer)
            if row is None or rule is None or rule.digest != row.group_rule:
                return None
            claimed: list[str] | None = json.loads(row.claimed)
            principal = Principal(row.kind, row.name, None if claimed is None else frozenset(claimed))
            if row.expires_at <= timestamp(now) or row.seen_at <= timestamp(now - IDLE_LIFE):
                return None
            if account_since(connection, principal) != row.since:
                return None
        if row.seen_at <= timestamp(now - _TOUCH_EVERY):
            with self._database.write() as connection:
                connection.execute(
                    sa.update(session).where(session.c.digest == row.digest).values(seen_at=timestamp(now))
                )
        expires = datetime.fromisoformat(row.expires_at)
        return Session(secret, row.csrf, principal, expires, _proved(secret, row.issuer, expires))

    def end(self, secret: str) -> None:
        """Close a session; one that is not open stays closed."""
        with self._database.write() as connection:
            row = connection.execute(
                sa.delete(session).where(session.c.digest == _digest(secret)).returning(session)
            ).first()
            if row is not None:
                actor = Actor(Principal(row.kind, row.name).ref, "web")
                self._audit.append(connection, [Entry("session.ended", actor, {})])


def _proved(secret: str, issuer: str, expires: datetime) -> datetime:
    """Return when the holder of a session proved who they are: by its link, else as its secret says."""
    opened = expires - SESSION_LIFE
    if issuer == LOCAL:
        return opened
    stated = secret.partition(_PROVED)[2]
    return min(opened, datetime.fromtimestamp(int(stated), UTC)) if stated else _NEVER


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
