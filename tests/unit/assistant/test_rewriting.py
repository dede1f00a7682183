"""A follow-up that a model writes to stand alone: used where it says what was asked and no more."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.attacks.talking import talking
from tests.simulators.openai_server import is_rewriting, rewriting, serving

from muniment.assistant.rewriting import written
from muniment.governance.audit.entry import Actor
from muniment.settings import parse

ASKED = "And for contractors?"
EARLIER = ["How long is parental leave for employees?", "Who approves it?"]


def said(question: object) -> str:
    return json.dumps({"question": question})


@pytest.mark.parametrize(
    "good",
    [
        "How long is parental leave for contractors?",
        "Who approves parental leave for contractors, and how long is it?",
        "For how long are contractors on parental leave?",
    ],
)
def test_words_that_were_asked_are_taken_in_any_order(good: str) -> None:
    assert written(said(good), ASKED, EARLIER) == good
    assert written(f"Sure: {said(good)}", ASKED, EARLIER) == good


@pytest.mark.parametrize(
    "bad",
    [
        said("How long is parental leave?"),
        said("How long is parental leave for contractors in Berlin?"),
        said("How long is parental leave not for contractors?"),
        said("And for contractors?"),
        said("It is sixteen weeks for contractors on parental leave."),
        said(""),
        said(["How long is parental leave for contractors?"]),
        said("parental leave for contractors " * 40),
        json.dumps({"claims": []}),
        "How long is parental leave for contractors?",
        "<html>",
        '{"question": "How long',
        "[" * 100_000,
        "",
    ],
)
def test_what_leaves_out_adds_or_answers_is_not_taken(bad: str) -> None:
    assert written(bad, ASKED, EARLIER) is None


@given(
    st.lists(st.sampled_from(["parental", "leave", "contractors", "Berlin", "not", "it", "?", "\u200b"])),
    st.text(),
)
def test_what_is_taken_holds_all_that_was_asked_and_nothing_else(words: list[str], tail: str) -> None:
    made = written(said(" ".join(words) + tail), ASKED, EARLIER)
    if made is not None:
        assert "contractors" in made and "Berlin" not in made and "not" not in made.split()


def test_a_model_completes_a_follow_up_and_the_answer_says_which(
    make_workspace: Callable[..., Any], tmp_path: Path
) -> None:
    with talking(make_workspace, tmp_path / "notes", "model") as company:
        conversation = company.talk(["heron"])
        asked = len(company.server.bodies)
        answer = company.ask(conversation, "How high is it?")
        assert answer.standalone == "How high is it? What does the heron gauge read, asks wq000?"
        assert len(company.server.bodies) == asked + 2
        made_by = answer.lineage["rewritten_by"]
        assert made_by["prompt"].startswith("rewrite@") and made_by["model"] == answer.lineage["model"]
        explained = company.workspace.lineage.explain(company.workspace.principal("alice"), answer.id)
        assert "Rewritten by: " in explained.text() and made_by["prompt"] in explained.text()
        calls = [e for e in company.workspace.audit.tail(50) if e.kind == "model.call"]
        assert {e.about["prompt"].split("@")[0] for e in calls} == {"answer", "rewrite"}


@pytest.mark.parametrize("reply", [said("How high is the walnut?"), "no JSON", None])
def test_where_a_model_writes_nothing_of_use_the_rules_do(
    make_workspace: Callable[..., Any], tmp_path: Path, reply: str | None
) -> None:
    def mind(prompt: str) -> str:
        if not is_rewriting(prompt):
            return rewriting(prompt)
        if reply is None:
            raise BrokenPipeError
        return reply

    with talking(make_workspace, tmp_path / "notes", "model") as company:
        conversation = company.talk(["heron"])
        company.server.mind = mind
        answer = company.ask(conversation, "How high is it?")
    assert answer.standalone == "How high is it? This is about: What does the heron gauge read, asks wq000?"
    assert answer.status == "answered" and "rewritten_by" not in answer.lineage


def test_the_first_question_costs_no_further_call(make_workspace: Callable[..., Any], tmp_path: Path) -> None:
    with talking(make_workspace, tmp_path / "notes", "model") as company:
        company.talk(["heron"])
        assert len(company.server.bodies) == 1


@pytest.mark.parametrize("asked_for", ["careful", "open"])
def test_where_names_stay_back_no_earlier_question_goes_to_a_model_or_what_may_stand_in_for_it(
    make_workspace: Callable[..., Any], asked_for: str
) -> None:
    with serving(rewriting) as server:
        model = {"base_url": server.url, "model": "m"}
        models = {
            "careful": {**model, "sensitive": {"person": "redact"}},
            "open": {**model, "fallbacks": ["careful"]},
        }
        chosen = {"model": asked_for, "follow_ups": "model"}
        workspace = make_workspace(
            settings=parse({"models": models, "answers": chosen, "ingestion": {"labels": True}})
        )
        alice = workspace.principal("alice")
        by = Actor(alice.ref, "test")
        asked = workspace.dialogue.after(alice, "How long does she work?", ["Who is Jane Walnut?"], by)
        *_, last = asked
    assert last.answer.status == "abstained" and server.bodies == []
