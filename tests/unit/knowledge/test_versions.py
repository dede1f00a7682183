"""Ranking settings are numbered, never change, take effect with the next search and can be taken back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from muniment import app
from muniment.app import Workspace
from muniment.foundation.errors import BadInput, Tampered
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge.retrieval.lexical import LexicalSettings
from muniment.knowledge.retrieval.versions import Constants, Learned, Version, ranking_settings, ranking_use

FIGURES = {"cases": 30, "ndcg@10_before": 0.5, "ndcg@10_after": 0.6}


def learned(title: float = 4.0) -> Learned:
    constants = Constants(lexical=replace(LexicalSettings(), title=title))
    return Learned(constants, "house", "sha256:abc", FIGURES)


@pytest.fixture
def ready(workspace: Workspace, folder: Path) -> Workspace:
    workspace.ingest(folder, "docs")
    return workspace


def used(workspace: Workspace) -> str:
    return str(workspace.search("canteen", "carol").index["settings"])


def test_a_version_is_felt_by_the_next_search_and_named_by_it_and_by_an_answer(ready: Workspace) -> None:
    assert used(ready) == "0 as shipped"
    before = ready.search("on call", "alice").passages[0].score
    made = ready.rankings.apply(learned(), Version(0), OPERATOR)
    found = ready.search("on call", "alice")
    assert found.index["settings"] == f"1@{made.constants.digest}"
    assert found.index["lexical"] == learned().constants.lexical.name
    assert found.passages[0].score != before
    answer = ready.ask("When does the canteen open?", "carol")
    assert answer.lineage["index"]["settings"] == f"1@{made.constants.digest}"


def test_an_earlier_version_comes_back_whole(ready: Workspace) -> None:
    before = ready.search("on call", "alice").passages
    first = ready.rankings.apply(learned(4.0), Version(0), OPERATOR)
    second = ready.rankings.apply(learned(5.0), first, OPERATOR)
    assert [version.number for version in ready.rankings.all()] == [0, 1, 2]
    ready.rankings.use(1, OPERATOR)
    assert used(ready) == first.name and ready.rankings.in_use() == first
    ready.rankings.use(0, OPERATOR)
    assert ready.search("on call", "alice").passages == before
    third = ready.rankings.apply(learned(6.0), Version(0), OPERATOR)
    assert third.number == 3 and second in ready.rankings.all()


def test_a_version_says_when_by_whom_and_from_what(ready: Workspace) -> None:
    ready.rankings.apply(learned(), Version(0), OPERATOR)
    kept = ready.rankings.all()[1]
    assert (kept.suite, kept.suite_digest, kept.figures) == ("house", "sha256:abc", FIGURES)
    assert kept.by == "operator" and kept.at.startswith("20") and kept.constants.lexical.title == 4.0


def test_making_and_using_are_in_the_log(ready: Workspace) -> None:
    made = ready.rankings.apply(learned(), Version(0), OPERATOR)
    ready.rankings.use(0, OPERATOR)
    ready.rankings.use(0, OPERATOR)
    [making] = ready.audit.query(kind="ranking.made")
    assert making.about == {
        "number": 1,
        "digest": made.constants.digest,
        "suite": "sha256:abc",
        "figures": FIGURES,
    }
    first, second = ready.audit.query(kind="ranking.used")
    assert (first.about["number"], first.about["before"]) == (1, 0)
    assert (second.about["number"], second.about["before"]) == (0, 1)


def test_a_number_that_is_not_there_changes_nothing(ready: Workspace) -> None:
    with pytest.raises(BadInput, match="no ranking settings 7"):
        ready.rankings.use(7, OPERATOR)
    assert used(ready) == "0 as shipped" and not ready.audit.query(kind="ranking.used")


def test_another_process_feels_it_too(ready: Workspace) -> None:
    other = app.open(ready.home, embedder=lambda: None)
    try:
        assert used(other) == "0 as shipped"
        made = ready.rankings.apply(learned(), Version(0), OPERATOR)
        assert used(other) == made.name
        ready.rankings.use(0, OPERATOR)
        assert used(other) == "0 as shipped"
    finally:
        other.close()


ALTERED = json.dumps({**Constants().plain, "dense": 0.1})


@pytest.mark.parametrize("settings", [ALTERED, '{"dense": 1}', "{}", "[]", "nonsense"])
def test_an_altered_version_is_not_searched_with_and_can_be_left(
    make_workspace: Callable[..., Workspace], folder: Path, settings: str
) -> None:
    workspace = make_workspace()
    workspace.ingest(folder, "docs")
    workspace.rankings.apply(learned(), Version(0), OPERATOR)
    with workspace.database.write() as connection:
        connection.execute(sa.update(ranking_settings).values(settings=settings))
    with pytest.raises(Tampered, match="Ranking settings 1"):
        workspace.search("canteen", "carol")
    workspace.rankings.use(0, OPERATOR)
    assert used(workspace) == "0 as shipped"


def test_a_version_whose_entry_cannot_be_written_is_not_made(
    ready: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(ready.audit, "append", full)
        with pytest.raises(OSError, match="disk full"):
            ready.rankings.apply(learned(), Version(0), OPERATOR)
    assert ready.rankings.in_use().number == 0 and len(ready.rankings.all()) == 1
    with ready.database.read() as connection:
        assert not connection.execute(sa.select(ranking_use)).all()
