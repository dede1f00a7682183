"""Why somebody may or may not do something: the rules that said so, and what of the asker counted."""

from __future__ import annotations

from dataclasses import dataclass

from muniment.governance.audit.entry import Json
from muniment.governance.policy.decision import Decision, Resource
from muniment.governance.policy.rules import NOTHING_PERMITS, Standing


@dataclass(frozen=True, slots=True)
class Reasoning:
    """A decision, taken apart."""

    decision: Decision
    standing: Standing
    permitted_by: tuple[str, ...]
    """Rules that permit it, also where another forbids it."""
    forbidden_by: tuple[str, ...]

    def as_json(self) -> dict[str, Json]:
        """Return it as one JSON object."""
        standing = self.standing
        return {
            "principal": standing.principal.ref,
            "action": self.decision.action,
            "resource": self.decision.resource,
            "effect": self.decision.effect,
            "reasons": list(self.decision.reasons),
            "permitted_by": list(self.permitted_by),
            "forbidden_by": list(self.forbidden_by),
            "roles": {role: list(through) for role, through in sorted(standing.roles.items())},
            "groups": sorted(standing.groups - {standing.principal.ref}),
            "administrator": standing.administrator,
            "policy": self.decision.policy,
        }


def reasoned(standing: Standing, action: str, resource: Resource) -> Reasoning:
    """Return the decision with every rule that permits it and every rule that forbids it."""
    decision = standing.decide(action, resource)
    if decision.allowed:
        return Reasoning(decision, standing, decision.reasons, ())
    permits = standing.rules.permitting(standing, action, resource)
    permitted = permits.reasons if permits.allowed else ()
    undecided = decision.failed or decision.reasons == (NOTHING_PERMITS,)
    return Reasoning(decision, standing, permitted, () if undecided else decision.reasons)
