"""What a draft would change: the decisions that the log holds, taken again on who holds what now.

Both the policy in force and the draft judge the same people, groups and roles, those of now, so that what differs
is the draft's doing alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import get_args

from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.foundation.errors import Denied
from muniment.governance.audit.entry import Json, StoredEntry
from muniment.governance.audit.log import AuditLog
from muniment.governance.audit.recent import newest
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decide import Policy
from muniment.governance.policy.decision import Decision, Kind, Resource
from muniment.governance.policy.rules import Rules

KINDS = (
    "search.request",
    "search.refused",
    "answer.request",
    "answer.refused",
    "document.read",
    "document.refused",
    "lineage.read",
    "model.call",
    "policy.refused",
    "policy.activated",
    "policy.rolled_back",
)
"""Entries that state a decision: `principal`, `action` and `resource`."""

Described = Callable[[Resource], Resource | None]
"""Gives a resource with its attributes of now, or None where it is gone."""


@dataclass(frozen=True, slots=True)
class Change:
    """A decision of the log that would come out differently."""

    seq: int
    at: str
    principal: str
    action: str
    resource: str
    before: str
    after: str
    reasons: tuple[str, ...]

    def as_json(self) -> dict[str, Json]:
        """Return it as one JSON object."""
        return {
            "seq": self.seq,
            "at": self.at,
            "principal": self.principal,
            "action": self.action,
            "resource": self.resource,
            "before": self.before,
            "after": self.after,
            "reasons": list(self.reasons),
        }


@dataclass(frozen=True, slots=True)
class Replayed:
    """Decisions of some days, taken again."""

    decisions: int
    changes: tuple[Change, ...]
    gone: int
    """Decisions of accounts or about things that there are no more."""
    cut: bool = False
    """Whether there were more, older ones, which were not looked at."""


class Replay:
    """Takes decisions of one workspace again."""

    def __init__(
        self, database: Database, audit: AuditLog, policy: Policy, clock: Clock, described: Described
    ) -> None:
        self._database = database
        self._audit = audit
        self._policy = policy
        self._clock = clock
        self._described = described

    def changes(
        self, draft: Rules, span: timedelta, most: int | None = None, seconds: float | None = None
    ) -> Replayed:
        """Return which decisions of the last `span` the draft would take differently, oldest first.

        With `most`, only so many of the newest entries are looked at; with `seconds`, only as long.
        """
        ends = None if seconds is None else time.monotonic() + seconds
        since = timestamp(self._clock.now() - span)
        entries, cut = self._entries(since, most)
        judged: dict[_Asked, tuple[Decision, Decision] | None] = {}
        changes: list[Change] = []
        gone = decisions = 0
        for entry in reversed(entries):
            if ends is not None and time.monotonic() > ends:
                cut = True
                break
            asked = _asked(entry)
            if asked is None:
                continue
            decisions += 1
            if asked not in judged:
                judged[asked] = self._both(*asked, draft)
            both = judged[asked]
            if both is None:
                gone += 1
            elif both[0].effect != both[1].effect:
                before, after = both
                changes.append(
                    Change(entry.seq, entry.at, *asked[:3], before.effect, after.effect, after.reasons)
                )
        return Replayed(decisions, tuple(reversed(changes)), gone, cut)

    def _entries(self, since: str, most: int | None) -> tuple[Sequence[StoredEntry], bool]:
        if most is None:
            return self._audit.since(since, KINDS), False
        with self._database.read() as connection:
            found = newest(self._audit, connection, KINDS, most + 1)
        within = [one for one in found if one.at >= since]
        return within[:most][::-1], len(within) > most

    def _both(
        self, who: str, action: str, about: str, sensitivity: str, draft: Rules
    ) -> tuple[Decision, Decision] | None:
        kind, _, name = who.partition(":")
        of, _, what = about.partition(":")
        if kind not in ("user", "service") or of not in get_args(Kind):
            return None
        stated = {"sensitivity": sensitivity} if sensitivity else {}
        resource = self._described(Resource(of, what, stated))  # pyright: ignore[reportArgumentType]
        if resource is None:
            return None
        try:
            with self._database.read() as connection:
                now = self._policy.standing(connection, Principal(kind, name))
        except Denied:
            return None
        return now.decide(action, resource), replace(now, rules=draft).decide(action, resource)


_Asked = tuple[str, str, str, str]
"""Who, the action, the resource, and the sensitivity of what was sent to it."""


def _asked(entry: StoredEntry) -> _Asked | None:
    found = [entry.about.get(name) for name in ("principal", "action", "resource", "sensitivity")]
    who, action, about, sensitivity = (one if isinstance(one, str) else "" for one in found)
    return (who, action, about, sensitivity) if who and action and about else None
