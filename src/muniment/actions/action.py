"""A proposed call on its way: what it is, where it stands and what people decided. Types only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from muniment.actions.bound import Bound
from muniment.foundation.errors import Conflict

State = Literal[
    "waiting",
    "approved",
    "running",
    "done",
    "failed",
    "unknown",
    "rejected",
    "withdrawn",
    "expired",
    "refused",
]
"""`refused`: it was approved, but what it was approved for no longer held when it was to be carried out."""
OPEN: tuple[State, ...] = ("waiting", "approved", "running", "unknown")


@dataclass(frozen=True, slots=True)
class Decided:
    """What one person decided."""

    person: str
    on_behalf_of: str
    decision: Literal["approve", "reject"]
    reason: str
    at: str


@dataclass(frozen=True, slots=True)
class Action:
    """One proposal that may have an effect."""

    id: str
    digest: str
    bound: Bound
    risk: str
    state: State
    created_at: str
    changed_at: str
    assigned: frozenset[str]
    """Groups and people who are asked now; empty: any approver."""
    escalates_at: str = ""
    """When others are asked too; empty: never."""
    escalates_to: frozenset[str] = frozenset()
    """Who is asked too from then on."""
    decisions: tuple[Decided, ...] = ()
    result: object = None
    reason: str = ""
    """Why it was not carried out, or what went wrong."""
    undo: Mapping[str, object] | None = None
    """The call that takes it back, where there is one: its tool and arguments."""

    def as_json(self) -> dict[str, object]:
        """Return it as its requester sees it."""
        bound = self.bound
        return {
            "id": self.id,
            "digest": self.digest,
            "state": self.state,
            "tool": bound.tool,
            "arguments": bound.arguments,
            "requester": bound.requester,
            "class": self.risk,
            "approvers": bound.approvers,
            "approved_by": [one.person for one in self.decisions if one.decision == "approve"],
            "created_at": self.created_at,
            "changed_at": self.changed_at,
            "expires_at": bound.expires_at,
            "result": self.result,
            "reason": self.reason,
            "undo": self.undo,
        }


class Refused(Conflict):
    """What was approved no longer holds, so nothing was carried out."""

    code = "action-refused"
