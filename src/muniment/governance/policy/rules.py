"""One text of Cedar policies, parsed once with the schema, and what it says.

Invariants:
- anything but a clean Allow without errors is a deny, and a deny says why;
- `decide` never raises: an unknown action, resource or attribute is a deny;
- a version is the digest of the text: the same text always has the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Literal

from muniment.foundation.errors import Tampered
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import Attribute, Decision, Resource
from muniment.governance.policy.nesting import too_deep
from muniment.governance.policy.slices import Answer, Slice, Slices
from muniment.governance.policy.vocabulary import parsed_schema, schema

LONGEST = 256 << 10
"""Bytes of a policy text."""
LONGEST_REASON = 300
NOTHING_PERMITS = "no rule permits this"
RESERVED = "muniment:"
"""Begins the names of groups that no directory can give."""
ADMINISTRATORS = f"{RESERVED}administrators"
_TYPES = {"user": "User", "service": "Service"}


@cache
def shipped() -> str:
    """Return the policy text that ships."""
    return (files("muniment.governance.policy") / "policies.cedar").read_text("utf-8")


def version_of(policies: str) -> str:
    """Return the version of a text: `sha256:` and its digest."""
    return "sha256:" + hashlib.sha256(policies.encode(errors="surrogatepass")).hexdigest()


class Rules:
    """One version of the policies."""

    def __init__(self, policies: str, version: str = "", broken: str = "") -> None:
        """`broken` says why these rules cannot be used; they then allow nothing."""
        self.policies = policies
        self.version = version or version_of(policies)
        self.broken = broken

    @cached_property
    def _parsed(self) -> Slices:
        return Slices(self.policies)

    @cached_property
    def _permits(self) -> Slices:
        return Slices(self.policies, permits_only=True)

    def problems(self) -> list[str]:
        """Return what does not fit: bad syntax, what the schema does not know, rules without an id of their own."""
        import cedarpy

        if len(self.policies.encode(errors="surrogatepass")) > LONGEST:
            return [f"It is longer than {LONGEST >> 10} KiB."]
        if (line := too_deep(self.policies)) is not None:
            return [f"It nests too deep at line {line}: write it as several rules."]
        try:
            text = json.loads(cedarpy.policies_to_json_str(self.policies))
        except Exception as error:
            return [str(error)]
        names = [one.get("annotations", {}).get("id") or "" for one in text["staticPolicies"].values()]
        found = [
            f"Two rules have the id {name!r}."
            for name in sorted({n for n in names if n and names.count(n) > 1})
        ]
        found += [f"{names.count('')} of {len(names)} rules have no @id."] if "" in names else []
        found += ["Templates are not used here: write each rule out."] if text["templates"] else []
        result = cedarpy.validate_policies(self.policies, schema())
        return found + [str(error) for error in result.errors]

    def forbids(self) -> dict[str, object]:
        """Return the rules that forbid, by id; raises ValueError for a text that does not parse."""
        import cedarpy

        found = json.loads(cedarpy.policies_to_json_str(self.policies))["staticPolicies"].values()
        return {one["annotations"]["id"]: one for one in found if one["effect"] == "forbid"}

    def decide(self, standing: Standing, action: str, resource: Resource) -> Decision:
        """Return whether whoever stands so may do `action` to `resource`."""
        return self._decide(lambda: self._parsed, standing, action, resource)

    def permitting(self, standing: Standing, action: str, resource: Resource) -> Decision:
        """Return what would be decided if no rule forbade anything; only to explain a decision."""
        return self._decide(lambda: self._permits, standing, action, resource)

    def forget(self) -> None:
        """Let every decision be worked out anew."""
        self._parsed.forget()

    def _decide(
        self, slices: Callable[[], Slices], standing: Standing, action: str, resource: Resource
    ) -> Decision:
        try:
            if self.broken:
                raise Tampered(self.broken)
            allowed, reasons, failed = _asked(slices().of(action), standing, action, resource)
        except Exception as error:
            allowed, reasons, failed = False, (f"error: {type(error).__name__}",), True
        effect: Literal["allow", "deny"] = "allow" if allowed else "deny"
        ref = getattr(resource, "ref", "")
        return Decision(effect, reasons, self.version, str(action)[:64], str(ref)[:128], failed)


@dataclass(frozen=True, slots=True)
class Standing:
    """A principal with all that counts for decisions, as of one snapshot; valid for one request."""

    principal: Principal
    groups: frozenset[str]
    """Its grants: itself, its groups through all nesting, and everyone."""
    rules: Rules
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Roles held, and by which member (`group:sales`) or emergency (`emg_…`) each."""
    administrator: bool = False
    emergencies: tuple[str, ...] = ()
    """Emergency access that lasts now."""
    frozen_models: frozenset[str] = frozenset()
    """Endpoints that nobody may use now."""

    @property
    def policy(self) -> str:
        """Return the version of the rules in force."""
        return self.rules.version

    def decide(self, action: str, resource: Resource) -> Decision:
        """Return whether this principal may do `action` to `resource`; the one place that says so."""
        decision = self.rules.decide(self, action, resource)
        return replace(decision, emergencies=self.emergencies) if self.emergencies else decision


def _asked(rules: Slice, standing: Standing, action: str, resource: Resource) -> Answer:
    principal = standing.principal
    uid = {"type": _TYPES[principal.kind], "id": principal.name}
    target = {"type": resource.kind, "id": resource.id}
    attributes = {
        name: sorted(value) if isinstance(value, frozenset) else value
        for name, value in resource.attributes.items()
    }
    entities: list[dict[str, Any]] = [
        {"uid": uid, "attrs": {}, "parents": _parents(standing, rules.groups)},
        {"uid": target, "attrs": attributes, "parents": []},
    ]
    texts = (principal.ref, *_texts(resource.attributes.values()))
    request = {
        "principal": uid,
        "action": {"type": "Action", "id": action},
        "resource": target,
        "context": {"principal": principal.ref, "groups": rules.asked_of(standing.groups, texts)},
    }
    # The question as the engine reads it: what is the same here, it cannot tell apart.
    question = json.dumps([request, entities])
    return rules.remembered.answer(question, lambda: _answered(rules, request, entities))


def _answered(rules: Slice, request: dict[str, Any], entities: list[dict[str, Any]]) -> Answer:
    import cedarpy

    result = cedarpy.is_authorized(request, rules.policies, entities, parsed_schema())
    errors = tuple(str(error)[-LONGEST_REASON:] for error in result.diagnostics.errors)
    reasons = _named(result.diagnostics.id_annotations_by_reason, result.diagnostics.reasons)
    if result.decision == cedarpy.Decision.Allow and not errors:
        return True, reasons, False
    return False, errors or reasons or (NOTHING_PERMITS,), bool(errors)


def _texts(values: Iterable[Attribute]) -> Iterable[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, frozenset):
            yield from value


def _parents(standing: Standing, named: frozenset[str]) -> list[dict[str, str]]:
    parents = [{"type": "Role", "id": role} for role in standing.roles]
    parents += [
        {"type": "Group", "id": group}
        for group in named
        if f"group:{group}" in standing.groups and not group.startswith(RESERVED)
    ]
    if standing.administrator:
        parents.append({"type": "Group", "id": ADMINISTRATORS})
    return parents


def _named(names: Mapping[str, str] | None, reasons: Collection[str]) -> tuple[str, ...]:
    known = names or {}
    return tuple(sorted(str(known.get(reason) or reason) for reason in reasons))
