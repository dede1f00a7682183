"""Calls to a key service: a few bytes each way, within a bounded time, tried again once."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from muniment.foundation.egress import Egress, Reply, Unreached, origin_of
from muniment.foundation.errors import BadInput
from muniment.foundation.key_provider import KeyUnreachable

TRIES = 2
MAX_REPLY_BYTES = 1 << 20
_FIX = "See that it runs and can be reached from here; nothing can be read until it answers."


class KeyEndpoint:
    """One key service, by one address."""

    def __init__(self, place: str, egress: Egress, timeout_seconds: float) -> None:
        """`place` names the service in errors."""
        self._place = place
        self._egress = egress
        self._seconds = timeout_seconds

    def call(
        self,
        method: str,
        url: str,
        headers: Callable[[], Mapping[str, str]],
        body: bytes,
        passing: Callable[[Reply], bool],
    ) -> Reply:
        """Return the first reply that is not a `passing` failure; raises KeyUnreachable after the last try."""
        said = ""
        for _ in range(TRIES):
            try:
                reply = self._egress.exchange(method, url, headers(), body, self._seconds)
            except Unreached as error:
                said = f"no answer ({error})"
                continue
            if not passing(reply):
                return reply
            said = f"answered {reply.status}"
        raise KeyUnreachable(
            f"The key service {self._place} cannot be used now: {said}, {TRIES} tries of at most "
            f"{self._seconds:g} s each.",
            fix=_FIX,
        )


def origin_for_keys(url: str, setting: str) -> str:
    """Return the origin of a key service; raises BadInput for one over which keys would travel in clear."""
    scheme, host, port = origin_of(url)
    if scheme != "https" and host not in ("localhost", "127.0.0.1", "::1"):
        raise BadInput(f"{setting} is not https.", fix="Keys would cross the network in clear: use https.")
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
