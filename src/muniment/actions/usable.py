"""The tools that somebody may use. Any other looks as if there were none."""

from __future__ import annotations

from collections.abc import Sequence

from muniment.actions.registry import Tool, Tools, resource_of
from muniment.foundation.database import Database
from muniment.foundation.errors import NotFound
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decide import Policy


class UsableTools:
    """What each may use of the tools of one workspace, as of the moment that they ask."""

    def __init__(self, database: Database, policy: Policy, tools: Tools) -> None:
        self._database = database
        self._policy = policy
        self._tools = tools

    def of(self, principal: Principal) -> Sequence[Tool]:
        """Return the tools that a principal may use, by name; raises Denied for an inactive account."""
        with self._database.read() as connection:
            standing = self._policy.standing(connection, principal)
            return [
                one
                for one in self._tools.all(connection)
                if standing.decide("use_tool", resource_of(one.manifest)).allowed
            ]

    def get(self, principal: Principal, name: str) -> Tool:
        """Return one of them; raises NotFound for any other name."""
        found = next((one for one in self.of(principal) if one.manifest.name == name), None)
        if found is None:
            raise NotFound("There is no such tool.", fix="See `muniment tools list`.")
        return found
