"""A workspace with a shop, whose support may use tools and whose leads approve."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from tests.simulators.shop import MANIFESTS, Shop

from muniment.actions.action import Action
from muniment.actions.approvals import Approver
from muniment.actions.context import Context
from muniment.actions.labels import Integrity, Label
from muniment.actions.proposals import Call, Outcome
from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.governance.identity.principal import OPERATOR, Actor, Principal

ALICE, BOB, CAROL = (Principal("user", name) for name in ("alice", "bob", "carol"))
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
TAINTED = Context(Label(Integrity.UNTRUSTED))


class Office:
    """A workspace with a shop, whose support may use tools and whose leads approve."""

    def __init__(self, workspace: Workspace, shop: Shop, clock: FixedClock) -> None:
        self.workspace = workspace
        self.shop = shop
        self.clock = clock

    def propose(self, who: Principal = ALICE, context: Context | None = None, **arguments: object) -> Outcome:
        given = {"order": "A-1", "amount": "20.00"} | arguments
        return self.workspace.actions.propose(who, Actor(who.ref, "http"), Call("refund", given), context)

    def waiting(self, **arguments: object) -> Action:
        found = self.propose(**arguments).action
        assert found is not None and found.state == "waiting"
        return found

    def approve(self, made: Action, who: Principal = BOB, signed_in: datetime | None = None) -> Action:
        actions, approvals = self.workspace.actions, self.workspace.approvals
        by = Actor(who.ref, "web")
        shown = approvals.show(made.id, who, by)
        self.clock.advance(seconds=7)
        approver = Approver(who, by, signed_in or self.clock.now())
        return actions.approve(made.id, shown.action.digest, shown.ticket, approver)

    def reject(self, made: Action, reason: str, who: Principal = BOB) -> Action:
        by = Actor(who.ref, "web")
        shown = self.workspace.approvals.show(made.id, who, by)
        return self.workspace.approvals.reject(
            made.id, shown.action.digest, shown.ticket, reason, Approver(who, by, self.clock.now())
        )

    def effects(self) -> list[dict[str, object]]:
        return [arguments for _, _, arguments in self.shop.effects]

    def entries(self, kind: str) -> int:
        return len(self.workspace.audit.query(kind=kind, limit=1000))


def shown(office: Office, made: Action, who: Principal = BOB) -> tuple[str, Approver]:
    by = Actor(who.ref, "web")
    shown = office.workspace.approvals.show(made.id, who, by)
    return shown.ticket, Approver(who, by, office.clock.now())


def approved(office: Office, **arguments: object) -> Action:
    """Return an action that a lead has approved and nobody has carried out."""
    made = office.waiting(**arguments)
    office.workspace.approvals.approve(made.id, made.digest, *shown(office, made))
    return made


def opened(make_workspace: Callable[..., Workspace], clock: FixedClock) -> Office:
    """Return the office, with its tools and roles."""
    workspace = make_workspace(directory=PEOPLE, clock=clock)
    shop = Shop()
    workspace.running = shop.running()
    for manifest in MANIFESTS:
        workspace.tools.add(manifest, None, OPERATOR)
    workspace.roles.grant("tool-user", "group:support", "they help", OPERATOR)
    workspace.roles.grant("approver", "group:leads", "they lead", OPERATOR)
    return Office(workspace, shop, clock)
