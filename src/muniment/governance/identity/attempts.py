"""Sign-ins through a provider that have begun and not come back yet.

Invariants:
- an attempt is used once, within its life, by the browser that began it;
- only digests are stored: what the provider must repeat, and what proves us to it, follow from the browser's cookie
  and the attempt's name together;
- what an attempt is for stands in its name, so that nobody who passes the name on can change it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database, metadata
from muniment.foundation.errors import Unavailable
from muniment.foundation.ids import Ids

ATTEMPT_LIFE = timedelta(minutes=10)
MOST_ATTEMPTS = 10_000
"""Attempts that may be open at once: anybody can begin one."""
_ANEW = "~anew"
"""Behind the name of an attempt that asks for more; its mark stands in no secret."""

signin_attempt = sa.Table(
    "signin_attempt",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("browser", sa.Text, nullable=False),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("expires_at", sa.Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sign-in, as the browser that began it holds it."""

    state: str
    """Goes to the provider and back."""
    browser: str = field(repr=False)
    """What the cookie holds."""

    @property
    def anew(self) -> bool:
        """Return whether the person is to prove who they are, though the provider may know."""
        return self.state.endswith(_ANEW)

    @property
    def nonce(self) -> str:
        """Return what the ID token must repeat."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """Return what proves that whoever exchanges the code also asked for it (RFC 7636)."""
        return self._derived("verifier")

    @property
    def challenge(self) -> str:
        """Return the verifier's digest, which the provider is told first."""
        return _text(hashlib.sha256(self.verifier.encode()).digest())

    def _derived(self, purpose: str) -> str:
        message = f"{purpose}:{self.state}".encode(errors="surrogatepass")
        key = self.browser.encode(errors="surrogatepass")
        return _text(hmac.new(key, message, hashlib.sha256).digest())


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt that was used up."""

    issuer: str
    """The issuer's name in the settings."""
    problem: str
    """Why it does not hold; empty where it does."""
    began: datetime


class Attempts:
    """The attempts of one workspace."""

    def __init__(self, database: Database, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids

    def begin(self, issuer: str, anew: bool = False) -> Attempt:
        """Return a new attempt with an issuer; raises Unavailable where too many are open."""
        attempt = Attempt(self._ids.secret() + (_ANEW if anew else ""), self._ids.secret())
        with self._database.write() as connection:
            now = self._clock.now()
            connection.execute(sa.delete(signin_attempt).where(signin_attempt.c.expires_at <= timestamp(now)))
            waiting = connection.execute(sa.select(sa.func.count()).select_from(signin_attempt)).scalar() or 0
            if waiting >= MOST_ATTEMPTS:
                raise Unavailable("Too many sign-ins have begun.", fix="Try again in ten minutes.")
            connection.execute(
                sa.insert(signin_attempt).values(
                    digest=_digest(attempt.state),
                    browser=_digest(attempt.browser),
                    issuer=issuer,
                    expires_at=timestamp(now + ATTEMPT_LIFE),
                )
            )
        return attempt

    def end(self, attempt: Attempt) -> Ended | None:
        """Use an attempt up, whether it holds or not; None where there is none of that name."""
        with self._database.write() as connection:
            row = connection.execute(
                sa.delete(signin_attempt)
                .where(signin_attempt.c.digest == _digest(attempt.state))
                .returning(signin_attempt)
            ).first()
            if row is None:
                return None
            began = datetime.fromisoformat(row.expires_at) - ATTEMPT_LIFE
            if row.expires_at <= timestamp(self._clock.now()):
                return Ended(row.issuer, "expired", began)
            same = hmac.compare_digest(row.browser, _digest(attempt.browser))
            return Ended(row.issuer, "" if same else "another browser", began)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
