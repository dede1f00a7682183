"""What a person decided of an action, sealed: a row that was altered or made elsewhere counts for nothing."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from muniment.actions import store
from muniment.actions.bound import Bound
from muniment.foundation.canonical import canonical
from muniment.foundation.errors import Denied, Unauthenticated
from muniment.foundation.keys import Keyring
from muniment.governance.identity.directory import account_since
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decide import Policy
from muniment.governance.policy.decision import Resource

VIEW_SECONDS = 3600
"""How long what somebody was shown can be decided on."""
_SEALED = ("action", "person", "since", "on_behalf_of", "decision", "reason", "at", "seconds", "digest")


class Seals:
    """Seals of one workspace."""

    def __init__(self, keyring: Keyring) -> None:
        self._key = keyring.object_key("tokens", b"", {"key": "approval-seals"})

    def _mac(self, kind: str, value: object) -> str:
        return hmac.new(self._key, canonical([kind, value]), hashlib.sha256).hexdigest()

    def seal(self, values: dict[str, Any]) -> str:
        """Return the seal of a decision."""
        return self._mac("decision", [values[name] for name in _SEALED])

    def holds(self, row: sa.Row[Any]) -> bool:
        """Return whether a stored decision is as it was made."""
        made = self.seal({name: getattr(row, name) for name in _SEALED})
        return hmac.compare_digest(made.encode(), str(row.seal).encode(errors="surrogatepass"))

    def ticket(self, person: str, digest: str, at: datetime) -> str:
        """Return what proves that a person was shown an action at this time."""
        when = str(int(at.timestamp()))
        return f"{when}.{self._mac('view', [person, digest, when])}"

    def shown_for(self, ticket: str, person: str, digest: str, now: datetime) -> int:
        """Return for how many seconds an action was shown; raises Unauthenticated for a ticket that does not hold."""
        when, _, mac = ticket.partition(".")
        right = self._mac("view", [person, digest, when])
        if not when.isdecimal() or not mac.isascii() or not hmac.compare_digest(mac, right):
            raise Unauthenticated("You were not shown this action.", fix="Open it, then decide.")
        seconds = int(now.timestamp()) - int(when)
        if not 0 <= seconds <= VIEW_SECONDS:
            raise Unauthenticated("It is too long since you were shown this action.", fix="Open it again.")
        return seconds


def approval_resource(action: str, bound: Bound, risk: str, assigned: frozenset[str]) -> Resource:
    """Return an action as policies of approving speak of it."""
    return Resource(
        "Approval",
        action,
        {"requester": bound.requester, "tool": bound.tool, "class": risk, "assigned": assigned},
    )


def standing_approvals(
    connection: sa.Connection, policy: Policy, seals: Seals, row: sa.Row[Any], bound: Bound
) -> list[str]:
    """Return who approved exactly this action and still may; each on behalf of somebody else."""
    counted: dict[str, str] = {}
    for one in store.decision_rows(connection, row.id):
        if one.decision != "approve" or one.digest != row.digest or not seals.holds(one):
            continue
        kind, _, name = one.person.partition(":")
        if kind != "user":
            continue
        person = Principal("user", name)
        if account_since(connection, person) != one.since:
            continue
        try:
            standing = policy.standing(connection, person)
        except Denied:
            continue
        target = approval_resource(row.id, bound, row.risk, frozenset())
        if standing.decide("approve", target).allowed:
            counted.setdefault(one.on_behalf_of or one.person, one.person)
    return sorted(set(counted.values()))
