"""What became of an action, as moments in order: reckoned from what is stored of it, and nothing of what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from muniment.actions.action import Action

MomentKind = Literal[
    "asked",
    "escalated",
    "escalates",
    "approve",
    "reject",
    "expires",
    "approved",
    "running",
    "done",
    "failed",
    "unknown",
    "withdrawn",
    "expired",
    "refused",
]


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened, or that will unless somebody decides before."""

    kind: MomentKind
    at: str
    person: str = ""
    on_behalf_of: str = ""
    to_come: bool = False


def history(action: Action, now: datetime) -> Sequence[Moment]:
    """Return the moments of an action, the first one first."""
    bound = action.bound
    found = [Moment("asked", action.created_at, bound.requester)]
    found += [Moment(one.decision, one.at, one.person, one.on_behalf_of) for one in action.decisions]
    over = action.state not in ("waiting", "approved")
    ended = bound.expires_at if action.state == "expired" else action.changed_at
    if action.escalates_at and (not over or action.escalates_at <= ended):
        past = datetime.fromisoformat(action.escalates_at) <= now
        found.append(Moment("escalated" if past else "escalates", action.escalates_at, to_come=not past))
    if action.state == "waiting":
        found.append(Moment("expires", bound.expires_at, to_come=True))
    elif action.state != "rejected":
        found.append(Moment(action.state, ended))
    return sorted(found, key=lambda one: (one.at, one.kind != "asked"))
