"""Why somebody may or may not do something: the rules that said so, and what of the asker counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.directory import Directory
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decide import Policy
from muniment.governance.policy.decision import POLICY, Attribute, Decision, Resource
from muniment.governance.policy.gate import Gate
from muniment.governance.policy.rules import NOTHING_PERMITS, Standing
from muniment.governance.policy.vocabulary import action_named, resource_named


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


class Explaining:
    """Explains decisions of one workspace to whoever may read its policy, on record."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        directory: Directory,
        policy: Policy,
        gate: Gate,
        described: Callable[[Resource], Resource | None],
    ) -> None:
        """`described` gives a resource with its attributes of now, or None where there is no such thing."""
        self._database = database
        self._audit = audit
        self._directory = directory
        self._policy = policy
        self._gate = gate
        self._described = described

    def why(
        self, name: str, action: str, about: str, stated: Mapping[str, str], who: Principal, by: Actor
    ) -> Reasoning:
        """Return why an account may or may not do something; `stated` is what the resource has, where it has no more.

        Raises BadInput for no account, action or resource, Denied where the account counts for nothing, and
        NotPermitted where policy does not let `who` read it.
        """
        with self._gate.recorded(by), self._database.read() as connection:
            permitted = self._gate.check(connection, who, "read_policy", POLICY)
        principal, done = self._directory.principal(name), action_named(action)
        resource = self._resource(about, stated)
        with self._database.read() as connection:
            found = reasoned(self._policy.standing(connection, principal), done, resource)
        asked = {
            "of": principal.ref,
            "asked": done,
            "about": resource.ref[:128],
            "gave": found.decision.effect,
        }
        self._audit.record([Entry("policy.explained", by, {**permitted, **asked})])
        return found

    def _resource(self, about: str, stated: Mapping[str, str]) -> Resource:
        attributes: dict[str, Attribute] = {
            name: frozenset(value.split(",")) if name in _SETS else value for name, value in stated.items()
        }
        named = resource_named(about)
        described = self._described(named)
        if described is None and not stated:
            raise BadInput(f"There is no {named.kind.lower()} '{named.id}'.", fix="Check its name.")
        known = described or named
        return Resource(known.kind, known.id, {**attributes, **known.attributes})


_SETS = frozenset({"allowed_groups", "assigned"})
"""Attributes that are several texts, which stand here with commas between."""
