"""The decision point: Cedar policies, always with their schema.

Invariants:
- anything but a clean Allow without errors is a deny, and a deny says why;
- `decide` never raises: an unknown action, resource or attribute is a deny;
- policies are parsed once; their version is the digest of policy and schema text.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from importlib.resources import files
from typing import Any

from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import Decision, Resource

DEFAULT_ADMIN_GROUPS = frozenset({"muniment-admins"})
_TYPES = {"user": "User", "service": "Service"}
_ADMINISTRATORS = {"type": "Group", "id": "muniment:administrators"}


class Policy:
    """The rules of one workspace."""

    def __init__(self, admin_groups: frozenset[str] = DEFAULT_ADMIN_GROUPS) -> None:
        self._admin_groups = frozenset(f"group:{group}" for group in admin_groups)
        folder = files("muniment.governance.policy")
        self.policies = (folder / "policies.cedar").read_text("utf-8")
        self.schema = (folder / "schema.cedarschema").read_text("utf-8")
        text = "\x00".join((self.policies, self.schema, *sorted(self._admin_groups)))
        self.version = "sha256:" + hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def _parsed(self) -> tuple[Any, Any]:
        import cedarpy

        return cedarpy.PolicySet.from_str(self.policies), cedarpy.Schema.from_str(self.schema)

    def decide(
        self, principal: Principal, groups: frozenset[str], action: str, resource: Resource
    ) -> Decision:
        """Return whether `principal`, who holds `groups` (its grants), may do `action` to `resource`."""
        try:
            return self._decide(principal, groups, action, resource)
        except Exception as error:
            return Decision("deny", (f"error: {type(error).__name__}",), self.version)

    def _decide(
        self, principal: Principal, groups: frozenset[str], action: str, resource: Resource
    ) -> Decision:
        import cedarpy

        policies, schema = self._parsed
        uid = {"type": _TYPES[principal.kind], "id": principal.name}
        target = {"type": resource.kind, "id": resource.id}
        parents = [] if self._admin_groups.isdisjoint(groups) else [_ADMINISTRATORS]
        entities: list[dict[str, Any]] = [
            {"uid": uid, "attrs": {}, "parents": parents},
            {"uid": _ADMINISTRATORS, "attrs": {}, "parents": []},
            {
                "uid": target,
                "attrs": {
                    name: sorted(value) if isinstance(value, frozenset) else value
                    for name, value in resource.attributes.items()
                },
                "parents": [],
            },
        ]
        request = {
            "principal": uid,
            "action": {"type": "Action", "id": action},
            "resource": target,
            "context": {"principal": principal.ref, "groups": sorted(groups)},
        }
        result = cedarpy.is_authorized(request, policies, entities, schema)
        errors = tuple(str(error) for error in result.diagnostics.errors)
        named = result.diagnostics.id_annotations_by_reason or {}
        reasons = tuple(sorted(str(named.get(reason) or reason) for reason in result.diagnostics.reasons))
        if result.decision == cedarpy.Decision.Allow and not errors:
            return Decision("allow", reasons, self.version)
        return Decision("deny", errors or reasons or ("no rule permits this",), self.version)
