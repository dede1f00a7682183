"""Keys by which services call the HTTP interface: made, exchanged for new ones, taken back, and checked.

Invariants:
- a key is shown once; what is stored is its digest, which is compared in constant time;
- a key that expired or was revoked is refused at the next request, as is one whose service was removed, switched
  off or made again since;
- a key opens only what its scopes name;
- a key that is bound to a certificate holds, and what was made by it, only over a connection that came with that one;
- at most one key replaces another, however many rotate it at the same moment;
- each change commits with its entry in the log, and no entry holds more of a key than its id.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from muniment.foundation import thumbprint
from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database, metadata
from muniment.foundation.duration import spelled
from muniment.foundation.errors import BadInput, Conflict, Denied, Unauthenticated
from muniment.foundation.ids import Ids
from muniment.governance.audit.entry import Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.audit.repeats import Repeats
from muniment.governance.identity import api_key_format
from muniment.governance.identity.directory import account_since
from muniment.governance.identity.principal import Actor, Principal
from muniment.governance.identity.scopes import checked_scopes

LIFE = timedelta(days=90)
LONGEST_LIFE = timedelta(days=400)
OVERLAP = timedelta(hours=24)
_TOUCH_EVERY = timedelta(minutes=5)
_STRANGER = Actor("anonymous", "http")
_NO_DIGEST = "0" * 64

api_key = sa.Table(
    "api_key",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("since", sa.Integer, nullable=False),
    sa.Column("created_at", sa.Text, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("expires_at", sa.Text, nullable=False),
    sa.Column("last_used_at", sa.Text),
    sa.Column("revoked_at", sa.Text),
    sa.Column("replaces", sa.Text, unique=True),
    sa.Column("certificate", sa.Text),
)

Permit = Callable[[sa.Connection], Mapping[str, str]]
"""Returns the decision for the log that lets somebody change keys; raises where policy does not."""


def operated(_connection: sa.Connection) -> Mapping[str, str]:
    """Permit whoever can open the keys, who is not asked."""
    return {}


State = Literal["active", "replaced", "expired", "revoked", "inactive"]


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key; its secret is not."""

    id: str
    principal: Principal
    scopes: frozenset[str]
    created_at: str
    created_by: str
    expires_at: str
    last_used_at: str | None
    """Of its last use, or up to five minutes before it."""
    revoked_at: str | None
    replaces: str | None
    replaced_by: str | None
    state: State
    """`replaced`: works until it expires. `inactive`: its service was removed, switched off or made again."""
    certificate: str | None = None
    """Thumbprint of the client certificate that it is bound to; None: it holds over any connection."""


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key, with the text that its service sends: it cannot be had again."""

    key: ApiKey
    text: str = field(repr=False)
    replaced_until: str = ""
    """When the key that it replaces ends."""


class ApiKeys:
    """The API keys of one workspace."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        clock: Clock,
        ids: Ids,
        repeats: Repeats,
        tenant: str = "",
    ) -> None:
        """`repeats` records what anybody could cause without end, by a key's id alone; `tenant` new keys name."""
        self._database = database
        self._audit = audit
        self._clock = clock
        self._ids = ids
        self._repeats = repeats
        self._tenant = tenant

    def create(
        self,
        service: Principal,
        scopes: Collection[str],
        by: Actor,
        life: timedelta = LIFE,
        certificate: str | None = None,
        permit: Permit = operated,
    ) -> IssuedKey:
        """Make a key for an active service; raises BadInput for another account, scope or life, and as `permit`.

        `certificate` is the thumbprint of the one it is bound to (see `thumbprint.stated`).
        """
        if service.kind != "service":
            raise BadInput(
                f"{service.ref} is a person; API keys are for services.",
                fix=f"Use `muniment token --as {service.name}`, or make a service in the directory.",
            )
        held = checked_scopes(scopes)
        if not timedelta(seconds=1) <= life <= LONGEST_LIFE:
            raise BadInput(
                f"A key cannot live {spelled(life)}.",
                fix=f"Choose 1s to {LONGEST_LIFE.days}d.",
            )
        with self._database.write() as connection:
            stated = permit(connection)
            since = account_since(connection, service)
            if since is None:
                raise BadInput(f"{service.ref} is no active account.", fix="See `muniment directory list`.")
            made = self._insert(connection, service, held, since, by, life, certificate)
            self._audit.append(connection, [Entry("api_key.created", by, {**_about(made.key), **stated})])
        return made

    def rotate(
        self, given: str, by: Actor, overlap: timedelta = OVERLAP, permit: Permit = operated
    ) -> IssuedKey:
        """Make a key like one that works in place of it, bound as it is, which then ends after `overlap`.

        Raises Conflict for a key that was rotated before or no longer works, and as `permit`.
        """
        if not timedelta() <= overlap <= LONGEST_LIFE:
            raise BadInput(
                f"Keys cannot overlap for {spelled(overlap)}.", fix=f"Choose 0 to {LONGEST_LIFE.days}d."
            )
        with self._database.write() as connection:
            stated = permit(connection)
            old, since = self._existing(connection, given)
            if old.replaced_by is not None:
                raise Conflict(
                    f"{old.id} was rotated before.", fix=f"Rotate {old.replaced_by}, or create a new key."
                )
            if old.state != "active" or since is None:
                raise Conflict(f"{old.id} is {old.state}.", fix="Create a new key.")
            life = datetime.fromisoformat(old.expires_at) - datetime.fromisoformat(old.created_at)
            made = self._insert(
                connection, old.principal, old.scopes, since, by, life, old.certificate, old.id
            )
            ends = min(old.expires_at, timestamp(self._clock.now() + overlap))
            connection.execute(sa.update(api_key).where(api_key.c.id == old.id).values(expires_at=ends))
            about = {**_about(made.key), **stated, "replaces": old.id, "replaced_expires": ends}
            self._audit.append(connection, [Entry("api_key.rotated", by, about)])
        return replace(made, replaced_until=ends)

    def revoke(self, given: str, by: Actor, permit: Permit = operated) -> ApiKey:
        """End a key from the next request on, named by its id or by the whole key; again changes nothing."""
        with self._database.write() as connection:
            stated = permit(connection)
            found, _ = self._existing(connection, given)
            if found.revoked_at is None:
                at = timestamp(self._clock.now())
                connection.execute(sa.update(api_key).where(api_key.c.id == found.id).values(revoked_at=at))
                about = {**stated, "key": found.id, "for": found.principal.ref}
                self._audit.append(connection, [Entry("api_key.revoked", by, about)])
                found, _ = self._existing(connection, found.id)
        return found

    def listing(self, service: Principal | None = None) -> list[ApiKey]:
        """Return the keys, of one service or of all, oldest first."""
        query = _KEYS.order_by(api_key.c.created_at, api_key.c.id)
        if service is not None:
            query = query.where(api_key.c.service == service.name)
        with self._database.read() as connection:
            return [self._read(connection, row)[0] for row in connection.execute(query).all()]

    def latest(self, count: int) -> list[ApiKey]:
        """Return the newest keys, those that have neither ended nor been revoked before all others."""
        ended = sa.or_(
            api_key.c.revoked_at.is_not(None), api_key.c.expires_at <= timestamp(self._clock.now())
        )
        order = (sa.case((ended, 1), else_=0), api_key.c.created_at.desc(), api_key.c.id)
        with self._database.read() as connection:
            rows = connection.execute(_KEYS.order_by(*order).limit(count)).all()
            return [self._read(connection, row)[0] for row in rows]

    def verify(self, text: str, certificate: bytes | None = None) -> ApiKey:
        """Return the key that this text is; raises Unauthenticated for anything but one that works now.

        `certificate` is that of the connection, in DER, whose key the connection has proven.
        """
        key_id = api_key_format.id_in(text)
        if key_id is None:
            raise Unauthenticated("This API key was mistyped or cut short.", fix="Copy it again, whole.")
        with self._database.read() as connection:
            row = connection.execute(_KEYS.where(api_key.c.id == key_id)).first()
            proven = hmac.compare_digest(_NO_DIGEST if row is None else row.digest, _digest(text))
            found = None if row is None else self._read(connection, row)[0]
        if found is None:
            raise _no_such_key()
        if not proven:
            self._repeats.record(_refusal(_STRANGER, found, {"reason": "secret"}))
            raise _no_such_key()
        if found.state not in ("active", "replaced"):
            self._repeats.record(_refusal(_STRANGER, found, {"reason": found.state}))
            raise _no_such_key() if found.state == "inactive" else _ended(found.state)
        self.require_certificate(found, certificate)
        self._touch(found)
        return found

    def require_certificate(self, key: ApiKey, certificate: bytes | None) -> None:
        """Refuse a connection without the certificate that the key is bound to; raises Unauthenticated."""
        if key.certificate is None:
            return
        came_with = "" if certificate is None else thumbprint.of(certificate)
        if not hmac.compare_digest(key.certificate, came_with):
            self._repeats.record(_refusal(_STRANGER, key, {"reason": "certificate"}))
            raise Unauthenticated(
                "This API key holds only over a connection with its client certificate.",
                fix="Connect straight to this server with that certificate.",
            )

    def working(self, key_id: str) -> ApiKey | None:
        """Return the key of an id where it works now, for what was made by it; None otherwise."""
        with self._database.read() as connection:
            row = connection.execute(_KEYS.where(api_key.c.id == key_id)).first()
            found = None if row is None else self._read(connection, row)[0]
        if found is None or found.state not in ("active", "replaced"):
            return None
        self._touch(found)
        return found

    def permit(self, key: ApiKey, needed: Sequence[str], by: Actor) -> None:
        """Refuse what the key's scopes do not name, and what names no scope; raises Denied."""
        if not needed:
            self._audit.record([_refusal(by, key, {"reason": "scope", "scope": None})])
            raise Denied("API keys do not open this.", fix="Use a token of an account that may.")
        missing = next((scope for scope in needed if scope not in key.scopes), None)
        if missing is not None:
            self._audit.record([_refusal(by, key, {"reason": "scope", "scope": missing})])
            raise Denied(
                f"This API key does not have the scope '{missing}'.",
                fix="Ask whoever made it for one that has.",
            )

    def _insert(
        self,
        connection: sa.Connection,
        service: Principal,
        held: frozenset[str],
        since: int,
        by: Actor,
        life: timedelta,
        certificate: str | None,
        replaces: str | None = None,
    ) -> IssuedKey:
        key_id, now = api_key_format.new_id(self._ids), self._clock.now()
        secret = self._ids.random_bytes(api_key_format.SECRET_BYTES)
        text = api_key_format.written(key_id, secret, self._tenant)
        connection.execute(
            sa.insert(api_key).values(
                id=key_id,
                digest=_digest(text),
                service=service.name,
                scopes=" ".join(sorted(held)),
                since=since,
                created_at=timestamp(now),
                created_by=by.ref,
                expires_at=timestamp(now + life),
                replaces=replaces,
                certificate=certificate,
            )
        )
        return IssuedKey(self._existing(connection, key_id)[0], text)

    def _existing(self, connection: sa.Connection, given: str) -> tuple[ApiKey, int | None]:
        key_id = given if api_key_format.is_id(given) else api_key_format.id_in(given)
        if key_id is None:
            # What stands there may be most of a key, so it is not repeated.
            raise BadInput(
                "That is no id of an API key.", fix="An id begins with key_: `muniment api-key list`."
            )
        row = connection.execute(_KEYS.where(api_key.c.id == key_id)).first()
        if row is None:
            raise BadInput(f"There is no API key {key_id}.", fix="See `muniment api-key list`.")
        return self._read(connection, row)

    def _read(self, connection: sa.Connection, row: sa.Row[Any]) -> tuple[ApiKey, int | None]:
        """Return the key of a row as it is now, and since when its service is active."""
        principal = Principal("service", row.service)
        since = account_since(connection, principal)
        key = ApiKey(
            row.id,
            principal,
            frozenset(row.scopes.split()),
            row.created_at,
            row.created_by,
            row.expires_at,
            row.last_used_at,
            row.revoked_at,
            row.replaces,
            row.replaced_by,
            self._state(row, since),
            row.certificate,
        )
        return key, since

    def _state(self, row: sa.Row[Any], since: int | None) -> State:
        if row.revoked_at is not None:
            return "revoked"
        if row.expires_at <= timestamp(self._clock.now()):
            return "expired"
        if since is None or since != row.since:
            return "inactive"
        return "active" if row.replaced_by is None else "replaced"

    def _touch(self, key: ApiKey) -> None:
        now = self._clock.now()
        before = timestamp(now - _TOUCH_EVERY)
        if key.last_used_at is not None and key.last_used_at > before:
            return
        due = sa.or_(api_key.c.last_used_at.is_(None), api_key.c.last_used_at <= before)
        with self._database.write() as connection:
            connection.execute(
                sa.update(api_key).where(api_key.c.id == key.id, due).values(last_used_at=timestamp(now))
            )


_newer = api_key.alias("newer")
_KEYS = sa.select(api_key, _newer.c.id.label("replaced_by")).select_from(
    api_key.outerjoin(_newer, _newer.c.replaces == api_key.c.id)
)


def _refusal(by: Actor, key: ApiKey, why: dict[str, Json]) -> Entry:
    return Entry("api_key.refused", by, {"key": key.id, "for": key.principal.ref, **why})


def _about(key: ApiKey) -> dict[str, Json]:
    return {
        "key": key.id,
        "for": key.principal.ref,
        "scopes": sorted(key.scopes),
        "expires": key.expires_at,
        **({"certificate": key.certificate} if key.certificate else {}),
    }


def _no_such_key() -> Unauthenticated:
    return Unauthenticated("The API key does not hold.")


def _ended(state: str) -> Unauthenticated:
    """What only somebody who has the whole key is told."""
    return Unauthenticated(f"This API key is {state}.", fix="Ask whoever made it for a new one.")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()
