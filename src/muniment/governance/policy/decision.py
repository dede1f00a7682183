"""What a decision is about and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Attribute = str | bool | int | frozenset[str]


@dataclass(frozen=True, slots=True)
class Resource:
    """What an action is done to."""

    kind: Literal["Workspace", "Model", "Answer"]
    id: str
    attributes: Mapping[str, Attribute] = field(default_factory=dict[str, Attribute])


WORKSPACE = Resource("Workspace", "workspace")


@dataclass(frozen=True, slots=True)
class Decision:
    """Allow or deny, the rules that said so, and the version of the rules."""

    effect: Literal["allow", "deny"]
    reasons: tuple[str, ...]
    policy: str

    @property
    def allowed(self) -> bool:
        """Return whether the action may go on."""
        return self.effect == "allow"
