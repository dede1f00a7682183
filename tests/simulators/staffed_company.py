"""A small company with somebody in every role, something for each of them to do, and its server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from tests.set_pages import Setting, set_page
from tests.simulators.proving_ground import ONCALL, PROMPT, proving_ground
from tests.simulators.served import served
from tests.simulators.shop import MANIFESTS, Shop
from tests.simulators.web_client import document_id

from muniment.actions.action import Action
from muniment.actions.proposals import Call
from muniment.app import Workspace
from muniment.app.evaluating import run_reading
from muniment.foundation.clock import FixedClock
from muniment.governance.identity.principal import OPERATOR, Actor

PEOPLE = """
[users.alice]
name = "Alice Moreau"
groups = ["engineering"]
[users.ben]
name = "Ben Adeyemi"
groups = ["staff"]
[users.bob]
name = "Bob Okafor"
[users.carol]
name = "Carol Lindqvist"
[users.dave]
name = "Dave Un"
[users.erin]
name = "Erin Walsh"
[users.frank]
name = "Frank Lys"
[users.grace]
name = "Grace Hollow"
[users.judy]
name = "Judy Stone"
[users.olga]
name = "Olga Petrova"
[users.tara]
name = "Tara Singh"
groups = ["support"]
[users.nobody]
name = "Noor Haddad"
[groups.engineering]
members_of = ["staff"]
[groups.staff]
[groups.support]
members_of = ["staff"]
[services.helpdesk]
"""
MORE_ROLES = {"contributor": "ben", "security-officer": "frank", "tool-user": "group:support"}
"""Beside those of the proving ground, where erin evaluates, carol approves, grace audits, judy curates."""
LONG = "The parcel came late.\nThe tins in it were dented.\n" * 8


@dataclass
class Company:
    """The workspace, what it acts on, and where it is served."""

    workspace: Workspace
    shop: Shop = field(default_factory=Shop)
    address: str = ""
    asked: int = 0

    def later(self, minutes: float) -> None:
        """Let time go by, in which the key above all keys was proven."""
        assert isinstance(self.workspace.clock, FixedClock)
        self.workspace.clock.advance(minutes=minutes)
        assert self.workspace.lease.renew()

    def waiting(self, reason: str = LONG) -> Action:
        """Have support ask for a refund as nobody did before, which waits for an approver."""
        tara = self.workspace.principal("tara")
        self.asked += 1
        amount = f"{20 + self.asked}.00"
        call = Call("refund", {"order": "A-1", "amount": amount, "reason": reason})
        made = self.workspace.actions.propose(tara, Actor(tara.ref, "http"), call).action
        assert made is not None and made.state == "waiting"
        return made

    def sample(self, why: str) -> str:
        """Draw answers for people to judge; return the id of the sample."""
        drawn = self.workspace.monitoring.sampling.draw(30, timedelta(days=7), why, None, OPERATOR)
        return drawn.id

    def draft(self, rule: str) -> str:
        """Write a new version of the prompt for answers; return its number as pages know it."""
        prompts = self.workspace.prompts
        live = next(
            one.prompt for one in prompts.all() if one.prompt.name == "answer" and one.stage == "live"
        )
        folder = self.workspace.home / "prompts"
        folder.mkdir(exist_ok=True)
        (folder / "answer.md").write_text(f"{live.content.rstrip()}\n{rule}\n")
        made = next(one for one in prompts.all() if one.prompt.name == "answer" and rule in one.prompt.text)
        return made.prompt.digest.removeprefix("sha256:")[:16]

    def runs(self) -> list[str]:
        """Return the ids of the runs of its suite, newest first."""
        found = run_reading(self.workspace).listing(None, OPERATOR, 9, "", "canteen").runs
        return [one.run.id for one in found]

    def document(self, path: str) -> str:
        """Return the id of a document."""
        return document_id(self.workspace, path)


@contextmanager
def staffed_company(place: Path) -> Iterator[Company]:
    """Make the company below a folder, and serve it."""
    workspace = proving_ground(place)
    (place / "people.toml").write_text(PEOPLE)
    workspace.directory.import_file(place / "people.toml", OPERATOR)
    for role, who in MORE_ROLES.items():
        workspace.roles.grant(role, who, "It is their work.", OPERATOR)
    papers = place / "papers"
    (papers / "all" / "handbook.pdf").write_bytes(
        set_page(["Parental", "leave", "lasts", "twenty", "weeks", "for", "everybody."], Setting())
    )
    (papers / "all" / "empty.md").write_text("")
    workspace.ingest(papers, "papers")
    made = Company(workspace)
    workspace.running = made.shop.running()
    for manifest in MANIFESTS:
        workspace.tools.add(manifest, None, OPERATOR)
    made.waiting()
    (workspace.home / "prompts" / "mine.md").write_text(PROMPT.format(text="Be brief and kind."))
    made.draft("Use short sentences.")
    made.sample("The first week.")
    policies = workspace.policies
    policies.activate(f"{policies.show().policies}\n// Read again in May.\n", "It was read again.", OPERATOR)
    workspace.incidents.open("user:dave", "medium", "Many questions at night.", None, OPERATOR)
    workspace.ask(ONCALL, "alice")
    try:
        with served(workspace) as made.address:
            yield made
    finally:
        workspace.close()
