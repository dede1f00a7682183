"""What a decision is about and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Attribute = str | bool | int | frozenset[str]
Kind = Literal[
    "Workspace",
    "Source",
    "Collection",
    "Model",
    "Tool",
    "Prompt",
    "Suite",
    "Release",
    "Answer",
    "Approval",
    "Audit",
    "Keys",
    "Directory",
    "Settings",
    "Policy",
    "Grant",
    "Emergency",
]


@dataclass(frozen=True, slots=True)
class Resource:
    """What an action is done to."""

    kind: Kind
    id: str
    attributes: Mapping[str, Attribute] = field(default_factory=dict[str, Attribute])

    @property
    def ref(self) -> str:
        """Return `Kind:id`, as the log and the command line spell it."""
        return f"{self.kind}:{self.id}"


WORKSPACE = Resource("Workspace", "workspace")
AUDIT = Resource("Audit", "audit")
KEYS = Resource("Keys", "keys")
DIRECTORY = Resource("Directory", "directory")
SETTINGS = Resource("Settings", "settings")
POLICY = Resource("Policy", "policy")


@dataclass(frozen=True, slots=True)
class Decision:
    """Allow or deny, the rules that said so, and the version of the rules."""

    effect: Literal["allow", "deny"]
    reasons: tuple[str, ...]
    policy: str
    action: str = ""
    resource: str = ""
    failed: bool = False
    """Whether it is a deny because something could not be worked out."""
    emergencies: tuple[str, ...] = ()
    """Emergency access that whoever asked had then."""

    @property
    def allowed(self) -> bool:
        """Return whether the action may go on."""
        return self.effect == "allow"

    def stated(self) -> dict[str, str]:
        """Return what the log keeps of it, enough to ask again later."""
        loud = {"emergencies": " ".join(self.emergencies)} if self.emergencies else {}
        return {
            **loud,
            "effect": self.effect,
            "action": self.action,
            "resource": self.resource,
            "policy": self.policy,
        }
