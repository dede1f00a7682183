"""Whoever may run a suite reads its runs, without a path that they may not read; to all others there are none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.simulators.embedder import HashedEmbedder
from tests.simulators.stored_runs import asked

from muniment.app import Workspace
from muniment.app.evaluating import run_reading, run_store
from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.readable_paths import LEFT_OUT, as_readable
from muniment.assurance.evaluation.results import CaseResult
from muniment.foundation.errors import Denied, NotFound
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import OPERATOR
from muniment.governance.policy.rules import shipped
from muniment.knowledge.retrieval.visibility import visible
from muniment.knowledge.tables import document

ONCALL = "engineering/oncall.md"
QUESTION = "How much is the on-call engineer paid for each weekend?"
CAROL = Actor("user:carol", "http")
BOB = Actor("user:bob", "http")


@pytest.fixture
def workspace(make_workspace: Callable[..., Workspace], folder: Path) -> Workspace:
    made = make_workspace(embedder=lambda: HashedEmbedder())
    made.ingest(folder, "docs")
    made.roles.grant("evaluator", "user:bob", "runs suites", OPERATOR)
    return made


@pytest.fixture
def named(workspace: Workspace, folder: Path) -> Workspace:
    (folder / "night shifts.md").write_text("# Night shifts\n\nNobody sleeps.\n")
    (folder / "all/lost and found.txt").write_text("Umbrellas.\n")
    workspace.ingest(folder, "docs")
    with workspace.database.write() as connection:
        # Of a source whose paths are not like those of files.
        connection.execute(
            sa.update(document).where(document.c.path == "night shifts.md").values(path="Night shifts")
        )
    return workspace


def paid(asker: str = "alice") -> Case:
    return Case("c1", asker, QUESTION, gains={ONCALL: 1})


def entries(workspace: Workspace, kind: str) -> list[dict[str, object]]:
    return [dict(one.about) for one in workspace.audit.since("", [kind])]


def test_the_operator_reads_a_run_whole_and_on_record(workspace: Workspace) -> None:
    run = asked(workspace, paid())
    read = run_reading(workspace).read(None, OPERATOR, run.id[:12])
    assert read.run == run and read.left_out == 0
    assert entries(workspace, "evaluation.shown")[-1]["run"] == run.id


def test_a_reader_sees_no_path_that_they_may_not_read_and_how_many_there_are(workspace: Workspace) -> None:
    run = asked(workspace, paid())
    assert run.results[0].detail["cited"] == [ONCALL]
    read = run_reading(workspace).read(workspace.principal("bob"), BOB, run.id)
    (result,) = read.run.results
    assert "engineering" not in str(result) and result.detail["ranked"] == ["all/canteen.txt"]
    assert result.detail["left_out"] == read.left_out >= 2 and result.scores == run.results[0].scores
    shown = entries(workspace, "evaluation.shown")[-1]
    assert shown["left_out"] == read.left_out and shown["principal"] == "user:bob"


def test_a_path_shows_again_once_it_may_be_read_and_not_where_it_was_removed(
    workspace: Workspace, folder: Path
) -> None:
    run, reading, bob = asked(workspace, paid()), run_reading(workspace), workspace.principal("bob")
    (folder / "engineering/access.toml").write_text('allow = ["group:everyone"]\n')
    workspace.ingest(folder, "docs")
    assert reading.read(bob, BOB, run.id).run.results[0].detail["cited"] == [ONCALL]
    (folder / ONCALL).unlink()
    workspace.ingest(folder, "docs")
    assert reading.read(bob, BOB, run.id).run.results[0].detail["cited"] == []


def test_to_who_may_not_run_suites_a_run_is_as_absent_as_one_that_is_not(workspace: Workspace) -> None:
    run, reading = asked(workspace, paid()), run_reading(workspace)
    said: list[str] = []
    for given_id in (run.id, run.id[:-1] + "x"):
        with pytest.raises(NotFound) as refused:
            reading.read(workspace.principal("carol"), CAROL, given_id)
        said.append(refused.value.public.replace(given_id, "ID"))
    assert said[0] == said[1]
    assert [one["asked"] for one in entries(workspace, "evaluation.refused")] == [run.id, given_id]
    with pytest.raises(Denied):
        reading.listing(workspace.principal("carol"), CAROL)
    assert not entries(workspace, "evaluation.shown") and not entries(workspace, "evaluation.listed")


def test_a_list_is_the_same_denial_where_there_are_no_runs(workspace: Workspace) -> None:
    with pytest.raises(Denied):
        run_reading(workspace).listing(workspace.principal("carol"), CAROL)
    assert run_reading(workspace).listing(workspace.principal("bob"), BOB).runs == ()


def test_runs_are_listed_newest_first_page_by_page(workspace: Workspace) -> None:
    made = [asked(workspace, paid(), suite=f"suite{at}").id for at in range(3)]
    reading, bob = run_reading(workspace), workspace.principal("bob")
    first = reading.listing(bob, BOB, limit=2)
    then = reading.listing(bob, BOB, limit=2, after=first.after)
    listed = [one.run.id for one in (*first.runs, *then.runs)]
    assert sorted(listed) == sorted(made) and len(first.runs) == 2 and then.after == ""
    assert listed == [one.id for one, _ in run_store(workspace).listing(9)]
    with pytest.raises(NotFound):
        reading.listing(bob, BOB, after="eval_none")


def test_policy_may_let_somebody_read_the_runs_of_one_suite_alone(workspace: Workspace) -> None:
    mine, other = asked(workspace, paid(), suite="mine"), asked(workspace, paid(), suite="other")
    rule = """
@id("one-suite")
permit (principal == User::"carol", action == Action::"run_suite", resource == Suite::"mine");
"""
    workspace.policies.activate(shipped() + rule, "One suite is Carol's", OPERATOR)
    reading, carol = run_reading(workspace), workspace.principal("carol")
    assert reading.read(carol, CAROL, "mine").run.id == mine.id
    assert [one.run.id for one in reading.listing(carol, CAROL).runs] == [mine.id]
    for hidden in (other.id, "other"):
        with pytest.raises(NotFound):
            reading.read(carol, CAROL, hidden)


SAID = st.lists(
    st.sampled_from(
        [ONCALL, "engineering/secret/keys.md", "Night shifts", "'sales/prices.csv'", "was", "shown",
         "all/canteen.txt", "all/lost and found.txt", "gone/away.md", "a model.", "Readme",
         "oncall.md,", f"({ONCALL})"]
    ),
    max_size=8,
)  # fmt: skip


@given(texts=st.lists(SAID, min_size=1, max_size=3))
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_text_of_a_result_names_what_its_reader_may_not_read(
    named: Workspace, texts: list[list[str]]
) -> None:
    said = [" ".join(words) for words in texts]
    result = CaseResult("c1", "sha256:0", "user:alice", "?", (), 1.0, "failed", {},
                        detail={"steps": {"1": said}}, error=said[0])  # fmt: skip
    with named.database.read() as connection:
        (seen,), left_out = as_readable(connection, visible(connection, named.principal("bob")), [result])
    shown, given_text = str((seen.error, seen.detail["steps"])), str((result.error, result.detail["steps"]))
    assert not any(path in shown for path in ("oncall.md", "keys.md", "away.md", "Night", "shifts"))
    for path in ("sales/prices.csv", "all/canteen.txt", "all/lost and found.txt", "Readme", "a model."):
        assert shown.count(path) == given_text.count(path)
    assert left_out == shown.count(LEFT_OUT) == seen.detail.get("left_out", 0)
