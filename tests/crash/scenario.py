"""A company's life with one workspace, step by step through the real rooms, and what each step leaves to be found.

A step may be done again after it was cut short: it goes on from what it finds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.conftest import DIRECTORY
from tests.crash.till import Till
from tests.simulators.embedder import HashedEmbedder
from tests.simulators.office import ALICE, BOB
from tests.simulators.shop import MANIFESTS

from muniment import app
from muniment.actions.action import Action
from muniment.actions.approvals import Approver
from muniment.actions.proposals import Call
from muniment.app import Workspace
from muniment.foundation.clock import Clock
from muniment.foundation.errors import Conflict, Unavailable
from muniment.foundation.workflows import engine
from muniment.foundation.workflows.definition import Definition, Steps, workflow
from muniment.foundation.workflows.runs import ENDED
from muniment.governance.identity.principal import OPERATOR, Actor
from muniment.knowledge import library
from muniment.knowledge.ingestion import indexing

Facts = dict[str, Any]
SOURCE = "docs"
PEOPLE = ("alice", "bob", "carol")
FIRST = {
    "engineering/access.toml": 'allow = ["group:engineering"]\n',
    "engineering/oncall.md": "# On call\n\nThe on-call engineer is paid 300 crowns for each weekend.\n",
    "engineering/keys.md": "# Key ceremony\n\nThe key ceremony is held in the walnut room.\n",
    "all/access.toml": 'allow = ["group:everyone"]\n',
    "all/canteen.txt": "The canteen opens at eight and closes at three.\n",
    "all/parking.txt": "The canteen lends a key to the parking place on each weekend.\n",
}
LATER = {
    **FIRST,
    "all/canteen.txt": "The canteen opens at nine on each weekend, and lends no key.\n",
    "all/holidays.txt": "On a holiday the canteen opens at ten.\n",
}
del LATER["all/parking.txt"]
MANIFESTS_OF_ACCESS = {"engineering/access.toml", "all/access.toml"}
BY = Actor(ALICE.ref, "http")
ROLES = {("tool-user", ALICE.ref), ("approver", BOB.ref)}


class Moved(Clock):
    """The wall clock, moved forward."""

    moved = timedelta()

    def now(self) -> datetime:
        return super().now() + self.moved


class Stage:
    """Where the scenario is played: a folder on the failing disk, and what lies outside of it."""

    def __init__(self, base: Path, tell: Callable[[str], None] = lambda _: None) -> None:
        self.disk = base / "disk"
        self.home = self.disk / "home"
        self.kept = self.disk / "kept"
        self.restored = self.disk / "restored"
        self.documents = base / "documents"
        self.people = base / "people.toml"
        self.kek = base / "kek"
        self.till = Till(base / "effects", tell)
        self.clock = Moved()
        self.workspace: Workspace | None = None
        self.patience = 60.0
        """Seconds to wait for a run that is worked on."""

    def open(self) -> Workspace:
        self.workspace = self._furnished(app.open(self.home, clock=self.clock, embedder=_embedder))
        return self.workspace

    def create(self) -> Workspace:
        self.workspace = self._furnished(app.create(self.home, clock=self.clock, embedder=_embedder))
        return self.workspace

    def _furnished(self, made: Workspace) -> Workspace:
        made.running = self.till  # type: ignore[assignment]
        runs = engine.Workflows(
            made.database, [self._order()], made.home / "workflows.place", Clock(), made.ids, 0.02
        )
        made.__dict__["workflows"] = runs
        return made

    def _order(self) -> Definition:
        @workflow("order")
        def order(steps: Steps, given: Mapping[str, Any]) -> Mapping[str, Any]:
            did = [steps.do(name, self.till.once, f"{steps.run}/{name}") for name in given["names"]]
            steps.tell(did=len(did))
            return {"did": did}

        return order

    def close(self) -> None:
        if self.workspace is not None:
            self.workspace.close()
            self.workspace = None

    def write_documents(self, files: Mapping[str, str]) -> None:
        for path in self.documents.rglob("*.*"):
            if str(path.relative_to(self.documents)) not in files:
                path.unlink()
        for name, text in files.items():
            path = self.documents / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists() or path.read_text() != text:
                path.write_text(text)

    @property
    def ever(self) -> set[str]:
        """Return the digests of all that ever lay in the documents."""
        return {sha256(text.encode()).hexdigest() for text in (*FIRST.values(), *LATER.values())}

    @property
    def action(self) -> Action | None:
        assert self.workspace is not None
        found = self.workspace.actions.mine(ALICE)
        assert len(found) <= 1, "it was proposed twice"
        return found[0] if found else None

    def seen(self) -> dict[str, list[list[str]]]:
        """Return what each of the people finds."""
        assert self.workspace is not None
        found = {who: self.workspace.search("canteen key weekend", who, k=50).passages for who in PEOPLE}
        return {who: sorted([one.path, one.text] for one in passages) for who, passages in found.items()}


def _embedder() -> HashedEmbedder:
    return HashedEmbedder(32)


@dataclass(frozen=True)
class Step:
    """One thing that somebody does, and what has to be there once they were told that it is done."""

    name: str
    do: Callable[[Stage, Workspace], Facts]
    check: Callable[[Stage, Workspace, Facts], None]
    prepare: Callable[[Stage], None] = lambda _: None
    """What happens outside the disk before it."""


def _begin(stage: Stage) -> None:
    stage.disk.mkdir(parents=True, exist_ok=True)
    stage.people.write_text(DIRECTORY)
    stage.write_documents(FIRST)


def _people(stage: Stage, workspace: Workspace) -> Facts:
    workspace.directory.import_file(stage.people, OPERATOR)
    return {}


def _people_there(_: Stage, workspace: Workspace, __: Facts) -> None:
    assert {one.name for one in workspace.directory.listing().users} == set(PEOPLE)


def _tools(_: Stage, workspace: Workspace) -> Facts:
    for manifest in MANIFESTS:
        workspace.tools.add(manifest, None, OPERATOR)
    for role, member in ROLES:
        workspace.roles.grant(role, member, "they work", OPERATOR)
    return {}


def _tools_there(_: Stage, workspace: Workspace, __: Facts) -> None:
    found = {(one.role, one.member) for one in workspace.roles.listing()}
    assert found >= ROLES, found
    assert {"refund", "get_order"} <= {one.manifest.name for one in workspace.tools.listing()}


def _ingest(stage: Stage, workspace: Workspace) -> Facts:
    indexing.BATCH_DOCUMENTS = 2
    workspace.ingest(stage.documents, SOURCE)
    return {}


def _ingested(_: Stage, workspace: Workspace, __: Facts) -> None:
    assert _paths(workspace) >= set(FIRST) & set(LATER) - MANIFESTS_OF_ACCESS


def _ingested_again(_: Stage, workspace: Workspace, __: Facts) -> None:
    assert _paths(workspace) == set(LATER) - MANIFESTS_OF_ACCESS
    assert not list(workspace.segments.folder.glob("*.partial"))


def _paths(workspace: Workspace) -> set[str]:
    with workspace.database.read() as connection:
        return {one.path for one in library.documents(connection)}


def _access(_: Stage, workspace: Workspace) -> Facts:
    workspace.access.set(f"{SOURCE}/engineering/keys.md", ["user:carol"], ["user:alice"], OPERATOR)
    return {}


def _access_set(_: Stage, workspace: Workspace, __: Facts) -> None:
    found = [one.access.allow for one in workspace.access.show(f"{SOURCE}/engineering/keys.md")]
    assert found == [frozenset({"user:carol"})], found


def _ask(_: Stage, workspace: Workspace) -> Facts:
    answer = workspace.ask("When does the canteen open?", "alice")
    assert answer.status == "answered"
    return {"answer": answer.id}


def _asked(_: Stage, workspace: Workspace, facts: Facts) -> None:
    workspace.lineage.explain(ALICE, facts["answer"], BY)


def _propose(stage: Stage, workspace: Workspace) -> Facts:
    if stage.action is None:
        given = {"order": "A-1", "amount": "20.00"}
        assert workspace.actions.propose(ALICE, BY, Call("refund", given)).action is not None
    made = stage.action
    assert made is not None
    return {"action": made.id}


def _proposed(stage: Stage, _: Workspace, facts: Facts) -> None:
    assert stage.action is not None and stage.action.id == facts["action"]
    assert stage.action.state not in ("refused", "expired")


def _approve(stage: Stage, workspace: Workspace) -> Facts:
    made = stage.action
    assert made is not None
    if made.state == "waiting":
        by = Actor(BOB.ref, "web")
        shown = workspace.approvals.show(made.id, BOB, by)
        stage.clock.moved += timedelta(seconds=30)
        approver = Approver(BOB, by, workspace.clock.now())
        workspace.approvals.approve(made.id, shown.action.digest, shown.ticket, approver)
    return {}


def _approved(stage: Stage, _: Workspace, __: Facts) -> None:
    assert stage.action is not None
    assert stage.action.state in ("approved", "running", "done", "unknown"), stage.action.state


def _act(stage: Stage, workspace: Workspace) -> Facts:
    made = stage.action
    assert made is not None
    if made.state == "approved":
        made = workspace.execution.run(made.id, BY)
    return {"state": made.state}


def _acted(stage: Stage, _: Workspace, facts: Facts) -> None:
    assert stage.action is not None
    assert facts["state"] in (stage.action.state, "running"), (facts, stage.action.state)


def check_effects(stage: Stage, workspace: Workspace) -> None:
    """Each effect is there once at most, and what is said of it is true."""
    notes = stage.till.notes()
    assert len(notes) == len(set(notes)), f"done twice: {notes}"
    made = stage.action
    if made is None:
        return
    effects = notes.count(made.digest)
    if made.state == "running":
        # Whoever claimed it is no more.
        stage.clock.moved += timedelta(hours=1)
        assert workspace.claims.overdue() == 1
        stage.clock.moved -= timedelta(hours=1)
        made = stage.action
        assert made is not None and made.state == "unknown"
    expected = {"done": (1,), "unknown": (0, 1)}.get(made.state, (0,))
    assert effects in expected, f"it is {made.state}, and was done {effects} times"


def _order(stage: Stage, workspace: Workspace) -> Facts:
    engine._TRY_AGAIN = 0.02
    run = workspace.workflows.start("order", "first", {"names": ["reserve", "charge", "ship"]})
    workspace.workflows.launch()
    deadline = time.monotonic() + stage.patience
    while (found := workspace.workflows.run(run)).state not in ENDED:
        if time.monotonic() > deadline:
            raise Unavailable(f"The run is {found.state}.")
        time.sleep(0.01)
    assert found.result is not None, found.why
    return {"run": run, "did": found.result["did"]}


def _ordered(stage: Stage, workspace: Workspace, facts: Facts) -> None:
    workspace.workflows.prepare()
    found = workspace.workflows.run(facts["run"])
    assert found.result == {"did": facts["did"]}
    assert set(facts["did"]) <= set(stage.till.notes())


def _rotate(_: Stage, workspace: Workspace) -> Facts:
    return {"left": workspace.key_custody.rotate(OPERATOR).left}


def _rotated(_: Stage, workspace: Workspace, __: Facts) -> None:
    assert workspace.audit.query(kind="keys.rewrapped")


def _back_up(stage: Stage, workspace: Workspace) -> Facts:
    if not stage.kept.exists():
        workspace.backups.make(stage.kept, OPERATOR, lambda *_: None)
    return {}


def _backed_up(stage: Stage, workspace: Workspace, _: Facts) -> None:
    assert app.check_backup(stage.kept, workspace.keyring, lambda *_: None).findings == ()


def _restore(stage: Stage, _: Workspace) -> Facts:
    if not stage.restored.exists():
        app.restore(stage.kept, stage.restored, lambda *_: None, kek=stage.kek)
    return {}


def _restored(stage: Stage, _: Workspace, __: Facts) -> None:
    copy = app.open(stage.restored, embedder=_embedder)
    try:
        assert copy.audit.verify().findings == ()
        assert len(copy.audit.query(kind="workspace.restored")) == 1
        assert copy.search("canteen", "alice").passages
    finally:
        copy.close()


def _nothing(_: Stage, __: Workspace) -> Facts:
    return {}


def _no_more(_: Stage, __: Workspace, ___: Facts) -> None:
    pass


STEPS = (
    Step("init", _nothing, _no_more, _begin),
    Step("directory", _people, _people_there),
    Step("tools", _tools, _tools_there),
    Step("ingest", _ingest, _ingested),
    Step("access", _access, _access_set),
    Step("ingest again", _ingest, _ingested_again, lambda stage: stage.write_documents(LATER)),
    Step("ask", _ask, _asked),
    Step("propose", _propose, _proposed),
    Step("approve", _approve, _approved),
    Step("act", _act, _acted),
    Step("workflow", _order, _ordered),
    Step("rotate", _rotate, _rotated),
    Step("backup", _back_up, _backed_up, lambda stage: _copy_key(stage)),
    Step("restore", _restore, _restored),
)
NAMES = tuple(step.name for step in STEPS)
OF = {step.name: step for step in STEPS}


def _copy_key(stage: Stage) -> None:
    stage.kek.write_bytes((stage.home / "keys" / "kek").read_bytes())
    os.chmod(stage.kek, 0o600)
    people = stage.kek.with_name("subjects.key")
    people.write_bytes((stage.home / "keys" / "subjects.key").read_bytes())
    os.chmod(people, 0o600)


def begin(stage: Stage) -> Workspace:
    """Make the workspace, or go on with one whose making was cut short."""
    try:
        return stage.create()
    except Conflict:
        return stage.open()
