"""AZ10: emergency access ends by itself, no clock brings it back, nobody approves their own, all of it loud."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.attacks.worlds import memory_folder
from tests.conftest import DIRECTORY

from muniment import app
from muniment.app import Workspace
from muniment.foundation.clock import Clock
from muniment.foundation.errors import BadInput, Conflict, Denied
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import OPERATOR, Principal
from muniment.governance.policy.decision import WORKSPACE
from muniment.governance.policy.emergency import Emergency
from muniment.governance.policy.gate import NotPermitted

HOUR = timedelta(hours=1)
WHY = "the disk is full"
ALICE, BOB, CAROL = (Principal("user", name) for name in ("alice", "bob", "carol"))


class TwoClocks(Clock):
    """A wall clock that can be set, and a stopwatch that only runs."""

    def __init__(self) -> None:
        self.wall = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
        self.watch = 0.0

    def now(self) -> datetime:
        return self.wall

    def seconds(self) -> float:
        return self.watch

    def run(self, span: timedelta) -> None:
        """Let time pass."""
        self.wall += span
        self.watch += span.total_seconds()

    def set_wall(self, span: timedelta) -> None:
        """Set the wall clock forward or back."""
        self.wall += span


@pytest.fixture
def time() -> TwoClocks:
    return TwoClocks()


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    with memory_folder() as folder:
        made = app.create(folder / "template", clock=TwoClocks(), embedder=lambda: None)
        (folder / "people.toml").write_text(DIRECTORY)
        made.directory.import_file(folder / "people.toml", OPERATOR)
        made.roles.grant("approver", "carol", "second person", OPERATOR)
        made.close()
        yield folder / "template"


@pytest.fixture
def workspace(template: Path, time: TwoClocks) -> Iterator[Workspace]:
    home = template.parent / "home"
    shutil.copytree(template, home)
    made = app.open(home, clock=time, embedder=lambda: None)
    yield made
    made.close()
    shutil.rmtree(home)


def asked(workspace: Workspace, role: str = "contributor", span: timedelta = HOUR) -> Emergency:
    return workspace.emergencies.request(ALICE, role, span, WHY, ALICE, Actor(ALICE.ref, "cli"))


def begun(workspace: Workspace, role: str = "contributor", span: timedelta = HOUR) -> Emergency:
    made = asked(workspace, role, span)
    return workspace.emergencies.approve(made.id, CAROL, Actor(CAROL.ref, "cli"))


def roles(workspace: Workspace, who: Principal = ALICE) -> set[str]:
    with workspace.database.read() as connection:
        return set(workspace.policy.standing(connection, who).roles)


def test_it_gives_nothing_before_approval_and_ends_by_itself_on_record(
    workspace: Workspace, time: TwoClocks
) -> None:
    waiting = asked(workspace)
    assert (waiting.state, roles(workspace)) == ("waiting", {"reader"})
    made = workspace.emergencies.approve(waiting.id, CAROL, Actor(CAROL.ref, "cli"))
    assert (made.state, roles(workspace)) == ("in force", {"reader", "contributor"})
    workspace.search("x", ALICE)
    assert workspace.audit.query(kind="search.request")[-1].about["emergencies"] == made.id
    time.run(HOUR - timedelta(seconds=1))
    assert "contributor" in roles(workspace)
    time.run(timedelta(seconds=1))
    assert roles(workspace) == {"reader"}
    assert workspace.emergencies.end_overdue() == 1
    assert workspace.emergencies.end_overdue() == 0
    steps = [workspace.audit.query(kind=f"emergency.{step}") for step in ("requested", "approved", "ended")]
    assert [len(step) for step in steps] == [1, 1, 1]
    assert steps[2][0].about["ended_by"] == "time"
    assert WHY not in repr(steps)


def test_a_clock_set_back_gives_nothing_back(workspace: Workspace, time: TwoClocks) -> None:
    begun(workspace)
    assert "contributor" in roles(workspace)
    for _ in range(4):
        time.run(timedelta(minutes=20))
        time.set_wall(timedelta(minutes=-20))
        if time.watch >= HOUR.total_seconds():
            assert roles(workspace) == {"reader"}
    assert workspace.emergencies.listing()[0].state == "ended"


def test_a_clock_set_ahead_ends_it_for_good(workspace: Workspace, time: TwoClocks) -> None:
    begun(workspace)
    time.set_wall(timedelta(days=400))
    assert roles(workspace) == {"reader"}
    time.set_wall(timedelta(days=-400))
    assert roles(workspace) == {"reader"}


def test_one_that_ended_on_record_stays_ended_in_every_process(workspace: Workspace, time: TwoClocks) -> None:
    begun(workspace)
    time.run(HOUR)
    assert workspace.emergencies.end_overdue() == 1
    time.set_wall(timedelta(minutes=-59))
    other = app.open(workspace.home, clock=time, embedder=lambda: None)
    assert roles(other) == roles(workspace) == {"reader"}
    other.close()


def test_before_its_beginning_it_gives_nothing(workspace: Workspace, time: TwoClocks) -> None:
    begun(workspace)
    time.set_wall(timedelta(days=-1))
    assert roles(workspace) == {"reader"}
    assert workspace.emergencies.end_overdue() == 0


def test_a_request_lapses(workspace: Workspace, time: TwoClocks) -> None:
    waiting = asked(workspace)
    time.run(timedelta(hours=24))
    with pytest.raises(Conflict, match="lapsed"):
        workspace.emergencies.approve(waiting.id, CAROL, Actor(CAROL.ref, "cli"))


def test_nobody_approves_their_own_and_nobody_without_the_right(workspace: Workspace) -> None:
    workspace.roles.grant("approver", "alice", "also", OPERATOR)
    waiting = asked(workspace)
    for who in (ALICE, BOB, Principal("service", "helpdesk")):
        with pytest.raises(NotPermitted):
            workspace.emergencies.approve(waiting.id, who, Actor(who.ref, "cli"))
    refused = workspace.audit.query(kind="policy.refused")
    assert [entry.actor for entry in refused] == ["user:alice", "user:bob", "service:helpdesk"]
    assert {entry.about["action"] for entry in refused} == {"approve_emergency"}
    assert "contributor" not in roles(workspace)


def test_nobody_asks_for_another(workspace: Workspace) -> None:
    with pytest.raises(NotPermitted):
        workspace.emergencies.request(ALICE, "operator", HOUR, WHY, BOB, Actor(BOB.ref, "cli"))


def test_it_lifts_no_forbid_and_opens_no_document(workspace: Workspace, folder: Path) -> None:
    workspace.ingest(folder, "docs")
    before = {one.document for one in workspace.search("the", ALICE, k=50).passages}
    for role in ("contributor", "security-officer"):
        begun(workspace, role)
    assert {one.document for one in workspace.search("the", ALICE, k=50).passages} == before
    workspace.roles.grant("operator", "bob", "runs it", OPERATOR)
    with pytest.raises(Conflict, match="operator and security-officer"):
        workspace.emergencies.request(BOB, "security-officer", HOUR, WHY, BOB, Actor(BOB.ref, "cli"))
    reader = workspace.emergencies.request(BOB, "reader", HOUR, WHY, BOB, Actor(BOB.ref, "cli"))
    workspace.emergencies.approve(reader.id, CAROL, Actor(CAROL.ref, "cli"))
    with pytest.raises(Denied):
        workspace.search("the", BOB)


def test_it_ends_with_the_account_and_is_not_of_one_made_again(workspace: Workspace, tmp_path: Path) -> None:
    begun(workspace)
    file = tmp_path / "people.toml"
    file.write_text("[users.bob]\n[users.carol]\n")
    workspace.directory.import_file(file, OPERATOR)
    file.write_text(DIRECTORY)
    workspace.directory.import_file(file, OPERATOR)
    assert roles(workspace) == {"reader"}


def test_it_is_ended_by_whom_it_is_for_and_again_changes_nothing(workspace: Workspace) -> None:
    made = begun(workspace)
    with pytest.raises(NotPermitted):
        workspace.emergencies.end(made.id, BOB, Actor(BOB.ref, "cli"))
    assert workspace.emergencies.end(made.id, ALICE, Actor(ALICE.ref, "cli")).state == "ended"
    assert workspace.emergencies.end(made.id, None, OPERATOR).ended_by == ALICE.ref
    assert roles(workspace) == {"reader"}
    assert len(workspace.audit.query(kind="emergency.ended")) == 1
    with pytest.raises(Conflict, match="is ended"):
        workspace.emergencies.approve(made.id, CAROL, Actor(CAROL.ref, "cli"))


@pytest.mark.parametrize(
    ("role", "span", "says"),
    [
        ("operator", timedelta(hours=9), "cannot last 9h"),
        ("operator", timedelta(seconds=1), "cannot last 1s"),
        ("king", HOUR, "no role"),
        ("service", HOUR, "for people"),
    ],
)
def test_what_cannot_be_asked_for_is_named(
    workspace: Workspace, role: str, span: timedelta, says: str
) -> None:
    with pytest.raises(BadInput, match=says):
        asked(workspace, role, span)


def test_a_rule_decides_with_it_only_while_it_lasts(workspace: Workspace, time: TwoClocks) -> None:
    begun(workspace, "operator")
    with workspace.database.read() as connection:
        standing = workspace.policy.standing(connection, ALICE)
    assert standing.decide("administer", WORKSPACE).allowed
    assert standing.decide("search", WORKSPACE).reasons == ("operators-read-nothing",)
    time.run(HOUR)
    with workspace.database.read() as connection:
        later = workspace.policy.standing(connection, ALICE)
    assert not later.decide("administer", WORKSPACE).allowed
    assert later.decide("search", WORKSPACE).allowed
