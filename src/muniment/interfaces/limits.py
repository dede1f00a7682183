"""How much a caller may ask: how often, and how much at once. Who is told 429 is told which limit and for how long.

Invariants:
- a limit counts a principal, whatever credential or address it comes with; who proves nothing counts by address;
- a reached limit is in the log once in a while with its count, not once for each request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import Request

from muniment.foundation.errors import TooMany
from muniment.foundation.rate import Buckets, Rates
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.identity.principal import Principal

if TYPE_CHECKING:
    from muniment.app import Workspace

ANONYMOUS = "anonymous"
SOURCE_CALLS = 60
"""Calls of one source that are taken in a minute."""


@dataclass(frozen=True, slots=True)
class Share:
    """Whose turn it is in the queue, and how much of it one may take."""

    who: str
    most: int
    kind: str = "caller"


class Limits:
    """The limits of one server."""

    def __init__(self, workspace: Workspace, rates: Rates | None = None) -> None:
        """`rates` are counted in, where they are not of this process alone."""
        self._settings = workspace.settings.limits
        self._audit = workspace.audit
        self._repeats = workspace.repeats
        self._rates = rates or Buckets(workspace.clock)

    def admit(self, request: Request, principal: Principal, by: Principal | None = None) -> None:
        """Count a request of a principal, and let its work be queued as that one's; raises TooMany.

        Where a service does it for the principal, the request counts for both.
        """
        kind = principal.kind
        per_minute, concurrent = (
            (self._settings.service_per_minute, self._settings.service_concurrent)
            if kind == "service"
            else (self._settings.user_per_minute, self._settings.user_concurrent)
        )
        request.state.share = Share(principal.ref, concurrent, kind)
        if getattr(request.state, "counted", False):
            return
        request.state.counted = True
        counted = [(f"{kind}-requests", principal.ref, principal.ref, per_minute)]
        if by is not None:
            counted.append(("service-requests", by.ref, by.ref, self._settings.service_per_minute))
        counted.append(("tenant-requests", principal.ref, "", self._settings.tenant_per_minute))
        for limit, who, key, most in counted:
            if wait := self._rates.take(key, most):
                raise self.reached(who, limit, f"More than {most} requests in a minute.", wait)

    def check_stranger(self, request: Request) -> None:
        """Refuse an address from which too many credentials came that do not hold; raises TooMany."""
        address = _address(request)
        if wait := self._rates.wait(f"address {address}", self._settings.failures_per_minute):
            raise self.reached(
                ANONYMOUS,
                "address-failures",
                "Too many requests without a credential that holds.",
                wait,
                address,
            )

    def failed(self, request: Request) -> None:
        """Count a credential that does not hold."""
        self._rates.take(f"address {_address(request)}", self._settings.failures_per_minute)

    def admit_source(self, source: str) -> None:
        """Count a call that a source proved to be its own; raises TooMany."""
        if wait := self._rates.take(f"source {source}", SOURCE_CALLS):
            said = f"More than {SOURCE_CALLS} calls of this source in a minute."
            raise self.reached(ANONYMOUS, "source-calls", said, wait)

    def reached(self, who: str, limit: str, said: str, wait: float, address: str = "") -> TooMany:
        """Record that a limit is reached; return what its caller is told."""
        about: dict[str, Json] = {"limit": limit}
        if address:
            about["address"] = self._audit.commitment(address)
        self._repeats.record(Entry("limit.reached", Actor(who, "http"), about))
        return TooMany(limit, said, wait)


def share_of(request: Request) -> Share:
    """Return whose work this request is: the principal's, or that of all who are at its address."""
    found = getattr(request.state, "share", None)
    return found if isinstance(found, Share) else Share(f"address {_address(request)}", 16)


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"
