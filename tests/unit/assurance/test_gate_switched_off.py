"""An evaluation notices that the gate of citations is switched off, from what is shown alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.simulators.openai_server import Simulator, answering, claim, serving, telling

from muniment.app.evaluating import subject
from muniment.assistant.gate import Evidence, Failure, Gate, Verified
from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.graders.grade import graded
from muniment.governance.audit.entry import Actor
from muniment.inference.messages import Draft
from muniment.knowledge.passage import Passage
from muniment.settings import parse

CASE = Case("c", "alice", "What is a week on call paid?", gains={"pay.md": 1}, facts=(("EUR 310",),))
TRUE = "A week on call is paid EUR 310."


class Open(Gate):
    """Lets everything pass, with some words of the first passage as its evidence."""

    def check(self, draft: Draft, passages: Sequence[Passage]) -> Verified | Failure:
        start, first = passages[0].span[0], passages[0]
        return Verified(draft.text, (Evidence(first, (start, start + len(TRUE)), first.text[: len(TRUE)]),))


@pytest.fixture
def put(make_workspace: Callable[..., Any], tmp_path: Path) -> Callable[..., dict[str, float]]:
    def put_to(server: Simulator, gate: Gate | None = None) -> dict[str, float]:
        models = {"m": {"base_url": server.url, "model": "m"}}
        workspace = make_workspace(settings=parse({"models": models, "answers": {"model": "m"}}))
        (tmp_path / "notes").mkdir()
        (tmp_path / "notes" / "access.toml").write_text('allow = ["user:alice"]\n')
        (tmp_path / "notes" / "pay.md").write_text(f"{TRUE}\n")
        workspace.ingest(tmp_path / "notes", "notes")
        if gate is not None:
            workspace.evidence_gate = gate
        seen = subject(workspace, Actor("operator", "test")).observe(CASE)
        return dict(graded(CASE, seen))

    return put_to


def test_what_passes_the_gate_is_faithful(put: Callable[..., dict[str, float]]) -> None:
    with serving(answering) as server:
        scores = put(server)
    assert scores["faithfulness"] == scores["citation_precision"] == scores["all_facts"] == 1.0


def test_what_the_gate_throws_away_is_not_answered(put: Callable[..., dict[str, float]]) -> None:
    with serving(telling(claim("A week on call is paid EUR 990.", (1, TRUE)))) as server:
        scores = put(server)
    assert scores["answered"] == 0.0 and "faithfulness" not in scores


def test_without_the_gate_the_same_answer_is_unfaithful(put: Callable[..., dict[str, float]]) -> None:
    false = claim("A week on call is paid EUR 990.", (1, TRUE))
    with serving(telling(false, claim("Globex owns the canteen.", (1, "invented words")))) as server:
        scores = put(server, Open())
    assert scores["answered"] == 1.0 and scores["faithfulness"] == 0.0
