"""A workspace with a shop, whose support may use its tools and whose leads approve in their browsers."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.simulators.shop import MANIFESTS, Shop
from tests.simulators.web_client import Browser

from muniment.actions.action import Action
from muniment.actions.bound import Agent, Evidence, Origin
from muniment.actions.context import Context
from muniment.actions.proposals import Call
from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.governance.identity.principal import OPERATOR, Actor, Principal

PEOPLE = """
[users.alice]
name = "Alice Moreau"
groups = ["support"]
[users.bob]
name = "Bob Okafor"
groups = ["leads"]
[users.carol]
name = "Carol Lindqvist"
groups = ["leads"]
[users.dave]
name = "Dave Un"
[groups.support]
[groups.leads]
"""
ALICE = Principal("user", "alice")


class Desk:
    """Where support asks and leads decide."""

    def __init__(self, make_workspace: Callable[..., Workspace], clock: FixedClock, **options: Any) -> None:
        self.workspace = make_workspace(directory=PEOPLE, clock=clock, **options)
        self.clock = clock
        self.shop = Shop()
        self.workspace.running = self.shop.running()
        for manifest in MANIFESTS:
            self.workspace.tools.add(manifest, None, OPERATOR)
        self.workspace.roles.grant("tool-user", "group:support", "they help", OPERATOR)
        self.workspace.roles.grant("approver", "group:leads", "they lead", OPERATOR)

    def waiting(
        self,
        tool: str = "refund",
        agent: Agent | None = None,
        origins: Mapping[str, Origin] | None = None,
        evidence: tuple[Evidence, ...] = (),
        context: Context | None = None,
        **arguments: object,
    ) -> Action:
        """Propose something that waits for a lead."""
        given = ({"order": "A-1", "amount": "20.00"} if tool == "refund" else {}) | arguments
        call = Call(tool, given, agent=agent or Agent(), evidence=evidence, origins=origins)
        found = self.workspace.actions.propose(ALICE, Actor(ALICE.ref, "http"), call, context).action
        assert found is not None and found.state == "waiting"
        return found

    def browser(self, name: str) -> Browser:
        """Sign somebody in."""
        return Browser(self.workspace).sign_in(name)

    def effects(self) -> list[dict[str, object]]:
        """Return the arguments of all that was done."""
        return [arguments for _, _, arguments in self.shop.effects]


def hidden(page: str) -> dict[str, str]:
    """Return the hidden fields of a page's forms."""
    return {
        name: html.unescape(value)
        for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page)
    }
