"""What a provider publishes, fetched through the door to the network and kept for a stated time.

Invariants:
- keys are used for LIFETIME after they were fetched and not a second longer, whether the provider answers or not;
- a set that cannot be trusted replaces nothing;
- whoever calls in, the provider is asked for another key at most once in PAUSE.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from muniment.foundation.clock import Clock
from muniment.foundation.egress import Egress, Refused, Unreached
from muniment.foundation.errors import Unavailable
from muniment.governance.identity.discovery import Discovery, read_discovery
from muniment.governance.identity.issuer import Issuer
from muniment.governance.identity.key_set import KeySet, UnknownKey, read_key_set

T = TypeVar("T")

LIFETIME = 3600.0
"""Seconds that keys and description are used for."""
RENEWAL = LIFETIME / 2
"""Age from which a request tries to fetch them anew, and goes on with the old ones where that fails."""
PAUSE = 30.0
"""Least seconds between two tries while there are keys."""
PAUSE_WITHOUT = 5.0
"""Least seconds between two tries while there are none."""
FETCH_SECONDS = 5.0
LONGEST_REPLY = 1 << 20
_WAIT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Documents:
    """A provider's description and keys, of one moment."""

    discovery: Discovery
    keys: KeySet
    at: float


class Published:
    """The documents of one issuer; safe to use from several threads."""

    def __init__(self, issuer: Issuer, egress: Egress, clock: Clock) -> None:
        self.issuer = issuer
        self.egress = egress
        self._clock = clock
        self._held: Documents | None = None
        self._tried: float | None = None
        self._failure = ""
        self._lock = threading.Lock()

    def documents(self) -> Documents:
        """Return documents that hold now; raises Unavailable where the provider gives none."""
        held = self._fresh()
        if held is None:
            with self._lock:
                return self._fresh() or self._fetch(PAUSE_WITHOUT)
        if self._clock.seconds() - held.at >= RENEWAL and self._lock.acquire(blocking=False):
            try:
                self._try_anew(held)
            finally:
                self._lock.release()
        return self._fresh() or held

    def judged(self, rule: Callable[[KeySet], T]) -> T:
        """Return what a rule says with the keys that hold now, asked again with newer ones where its key is missing.

        Raises what the rule raises, and Unavailable where there are no keys.
        """
        held = self.documents()
        try:
            return rule(held.keys)
        except UnknownKey:
            return rule(self.newer(held).keys)

    def newer(self, than: Documents) -> Documents:
        """Return documents fetched after these where there are some to be had, else these."""
        if not self._lock.acquire(timeout=_WAIT_SECONDS):
            return than
        try:
            self._try_anew(than)
        finally:
            self._lock.release()
        return self._fresh() or than

    def _try_anew(self, than: Documents) -> None:
        if self._held is not than:
            return
        try:
            self._fetch(PAUSE)
        except Unavailable:
            return

    def _fresh(self) -> Documents | None:
        held = self._held
        return held if held is not None and self._clock.seconds() - held.at < LIFETIME else None

    def _fetch(self, pause: float) -> Documents:
        now = self._clock.seconds()
        if self._tried is not None and now - self._tried < pause:
            raise self._unavailable()
        try:
            discovery = read_discovery(self._get(self.issuer.discovery_url), self.issuer)
            keys = read_key_set(self._get(discovery.jwks_uri), self.issuer.algorithms)
        except (ValueError, Unreached, Refused) as error:
            self._failure = str(error)
            raise self._unavailable() from error
        finally:
            # At the end: who waited for a slow failure shall not begin another.
            self._tried = self._clock.seconds()
        self._held = Documents(discovery, keys, now)
        return self._held

    def _get(self, url: str) -> bytes:
        reply = self.egress.exchange("GET", url, {"accept": "application/json"}, b"", FETCH_SECONDS)
        if reply.status != 200:
            raise ValueError(f"{url} answers with status {reply.status}")
        return reply.body

    def _unavailable(self) -> Unavailable:
        return Unavailable(
            "Nobody can be signed in now: the identity provider does not answer as it should.",
            fix="Try again in a moment; `muniment doctor` says more to whoever runs this server.",
            detail=f"{self.issuer.name}: {self._failure}",
        )
