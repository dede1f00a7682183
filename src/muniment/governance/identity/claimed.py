"""Groups that a provider's token states, in place of SCIM: which value of which claim gives which group.

The one precedence:
- a group has one source: a group that a claim gives has no members by the directory file or SCIM, though it may nest
  in groups of the directory, as any group may;
- of a user provisioned over SCIM the directory knows the groups, and what a token states is passed over;
- of anybody else it counts beside the groups of the directory, for as long as the token or session lasts;
- where a token states groups that cannot be known, nothing at all is granted: a deny entry might be missed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

LOCAL = ""
"""Vouches for somebody in place of an issuer: whoever runs this workspace."""
MOST_VALUES = 20_000
"""Values that one claim may hold; more of them cannot be known."""


@dataclass(frozen=True, slots=True)
class GroupRule:
    """What an operator says of the groups that one issuer states."""

    claim: str = ""
    """Empty: its tokens state none."""
    groups: Mapping[str, str] = field(default_factory=dict)
    """The group that each value gives, byte for byte; any other value gives none."""

    @property
    def digest(self) -> str:
        """Return what tells this rule from another; empty for none."""
        if not self.claim:
            return ""
        said = json.dumps([self.claim, sorted(self.groups.items())])
        return hashlib.sha256(said.encode(errors="surrogatepass")).hexdigest()

    def given(self, claims: Mapping[str, object]) -> frozenset[str] | None:
        """Return the groups that a token gives; None where it states some that cannot be known.

        A claim that is not there gives none: providers leave it out where somebody is in no group.
        """
        if not self.claim:
            return frozenset()
        if self._elsewhere(claims):
            return None
        value = claims.get(self.claim, [])
        values = cast("list[object]", value) if isinstance(value, list) else [value]
        if len(values) > MOST_VALUES or not all(isinstance(one, str) for one in values):
            return None
        return frozenset(self.groups[one] for one in cast("list[str]", values) if one in self.groups)

    def _elsewhere(self, claims: Mapping[str, object]) -> bool:
        """Return whether the token leaves its groups to be asked for (OpenID Connect Core, section 5.6.2)."""
        named = claims.get("_claim_names", {})
        if not isinstance(named, dict) or self.claim in named:
            return True
        return self.claim == "groups" and claims.get("hasgroups", False) is not False
