"""AZ13, LK13: to review answers of others opens no document, and what may not be reviewed looks absent."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.journeys.command import Command
from tests.postgres import BOTH

from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import MunimentError
from muniment.foundation.ids import SeededIds
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import OPERATOR, Principal

ONCALL = "How much is the on-call engineer paid for each weekend?"
CANTEEN = "When does the canteen open?"
BOB = Principal("user", "bob")
BY = Actor("user:bob", "cli")


def company(make_workspace: Callable[..., Workspace], folder: Path, name: str, hidden: int) -> Workspace:
    """Return a workspace with so many answers that rest on what bob may not read, beside one that he may."""
    made = make_workspace(name, clock=FixedClock(), ids=SeededIds(1))
    made.ingest(folder, "docs")
    made.roles.grant("evaluator", "user:bob", "reviews", OPERATOR)
    made.ask(CANTEEN, "carol")
    for _ in range(hidden):
        made.ask(ONCALL, "alice")
    return made


def observed(workspace: Workspace, set_id: str) -> list[str]:
    """Return all that bob can see of a sample, ids left out: they are random and say nothing."""
    monitoring, told = workspace.monitoring, list[str]()
    for settle in (False, True):
        while shown := monitoring.reviewing.next(set_id, BOB, BY, settle):
            told.append(json.dumps(shown.as_json()).replace(shown.item, "ITEM"))
            monitoring.reviewing.label(shown.item, BOB, BY, shown.verdicts[0], settle=settle)
    told.append(json.dumps(monitoring.agreements.of(set_id, BOB, BY).as_json()).replace(set_id, "SET"))
    return told


@BOTH
def test_two_worlds_that_differ_in_hidden_answers_are_one_to_a_reviewer(
    make_workspace: Callable[..., Workspace], folder: Path
) -> None:
    seen: list[list[str]] = []
    for hidden in (0, 3):
        workspace = company(make_workspace, folder, f"hidden{hidden}", hidden)
        drawn = workspace.monitoring.sampling.draw(20, timedelta(days=7), "Attack", None, OPERATOR)
        assert drawn.size == 1 + hidden
        seen.append(observed(workspace, drawn.id))
    assert seen[0] == seen[1]
    assert len(seen[0]) == 2 and "canteen" in seen[0][0]


def test_a_forbidden_item_and_an_absent_one_are_refused_alike(
    make_workspace: Callable[..., Workspace], folder: Path
) -> None:
    workspace = company(make_workspace, folder, "home", 1)
    workspace.roles.grant("evaluator", "user:alice", "reviews", OPERATOR)
    own = workspace.ask(CANTEEN, "bob").id
    workspace.monitoring.sampling.draw(20, timedelta(days=7), "Attack", None, OPERATOR)
    from muniment.assurance.monitoring.labels import items_about

    with workspace.database.read() as connection:
        answers = [str(one.about["answer"]) for one in workspace.audit.query(kind="answer.finished")]
        items = {one: items_about(connection, one)[0].id for one in answers}
    forbidden = [items[one] for one in answers if one == own or one == answers[1]]
    told = set[str]()
    for item in (*forbidden, "rev_none", "x\x00", ""):
        for verdict in ("right", "fine-abstention"):
            for settle in (False, True):
                with pytest.raises(MunimentError) as refused:
                    workspace.monitoring.reviewing.label(item, BOB, BY, verdict, settle=settle)
                told.add(f"{type(refused.value).__name__} {refused.value}")
    assert len(forbidden) == 2 and len(told) == 1


def test_a_role_that_ends_ends_reviewing_with_the_next_request(
    make_workspace: Callable[..., Workspace], folder: Path
) -> None:
    workspace = company(make_workspace, folder, "home", 0)
    drawn = workspace.monitoring.sampling.draw(20, timedelta(days=7), "Attack", None, OPERATOR)
    shown = workspace.monitoring.reviewing.next(drawn.id, BOB, BY)
    assert shown is not None
    workspace.roles.revoke("evaluator", "user:bob", "no more", OPERATOR)
    for attempt in (
        lambda: workspace.monitoring.reviewing.next(drawn.id, BOB, BY),
        lambda: workspace.monitoring.reviewing.label(shown.item, BOB, BY, "right"),
        lambda: workspace.monitoring.agreements.of(drawn.id, BOB, BY),
        lambda: workspace.monitoring.sampling.draw(20, timedelta(days=7), "Attack", BOB, BY),
    ):
        with pytest.raises(MunimentError) as refused:
            attempt()
        assert refused.value.code == "denied"
    assert len(workspace.audit.query(kind="policy.refused")) == 4


def test_whoever_draws_by_name_is_not_told_of_sources(tmp_path: Path, folder: Path) -> None:
    command = Command(tmp_path / "home").with_people()
    assert command("ingest", folder, "--source", "walnut-files").code == 0
    command("role", "grant", "evaluator", "bob", "--reason", "reviews")
    command("ask", ONCALL, "--as", "alice")
    drawn = command("monitor", "sample", "--size", "9", "--reason", "Attack", "--by", "bob")
    plain = command("monitor", "sample", "--size", "9", "--reason", "Attack", "--by", "bob", "--json")
    assert (drawn.code, plain.code) == (0, 0) and "walnut" not in drawn.out + drawn.err + plain.out
    assert "walnut" in command("monitor", "sample", "--size", "9", "--reason", "Attack").out
