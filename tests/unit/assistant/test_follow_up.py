"""Follow-ups become questions that stand alone, and questions that stand alone are left alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.assistant.follow_up import standalone

LEAVE = "How long is parental leave?"
ON_CALL = "How much am I paid for a week on call?"
CASES = Path(__file__).resolve().parents[3] / "evals" / "follow-ups" / "cases.jsonl"


@pytest.mark.parametrize(
    ("earlier", "question", "made"),
    [
        (LEAVE, "And for contractors?", "How long is parental leave for contractors?"),
        (LEAVE, "What about sick leave?", "How long is sick leave?"),
        ("What may a hotel cost in Velm?", "what about Berlin?", "What may a hotel cost in Berlin?"),
        ("What may a hotel cost in Velm?", "ok, and in Berlin?", "What may a hotel cost in Berlin?"),
        ("What is the price of a Tarn 3?", "And of a Heron?", "What is the price of a Heron?"),
        ("How soon is a P1 answered?", "And a P2?", "How soon is a P2 answered?"),
        ("When does the reception open?", "What about the canteen?", "When does the canteen open?"),
        ("What is the notice period?", "How long is it?", "How long is the notice period?"),
        (LEAVE, "Is it the same for fathers?", "How long is parental leave for fathers?"),
        (LEAVE, "Who approves it?", "Who approves parental leave?"),
        (ON_CALL, "Who approves it?", f"Who approves it? This is about: {ON_CALL}"),
        (
            "What does an express repair cost?",
            "And a normal one?",
            "And a normal one? This is about: What does an express repair cost?",
        ),
        (LEAVE, "Why?", f"Why? This is about: {LEAVE}"),
        (LEAVE, "Who approves?", f"Who approves? This is about: {LEAVE}"),
        (LEAVE, "Thanks! Can I split them?", "Can I split parental leave?"),
    ],
)
def test_what_points_back_is_completed(earlier: str, question: str, made: str) -> None:
    assert standalone(question, [earlier]) == made


@pytest.mark.parametrize(
    "question",
    [
        "Is it allowed to work from home?",
        "Who is the CEO?",
        "What does parking cost per month at my site?",
        "What do visitors have to sign when they come?",
        "If a customer returns a probe, who pays for it?",
        "Which is the policy that covers travel?",
        "How long does it take to book a room?",
        "Is there a canteen?",
        "Contractors?",
        "Wer genehmigt das?",
        "",
        "???",
    ],
)
def test_what_may_well_mean_what_it_says_is_left_alone(question: str) -> None:
    assert standalone(question, [LEAVE]) == question


def test_a_chain_is_completed_from_the_last_question_that_stood_alone() -> None:
    asked = [LEAVE, "And for contractors?", "Who approves it?"]
    assert standalone("Why?", asked) == "Why? This is about: How long is parental leave for contractors?"
    asked.append("What does parking cost in Fennick?")
    assert standalone("And in Calder?", asked) == "What does parking cost in Calder?"


@pytest.mark.parametrize("earlier", [[], ["Why?"], ["And for contractors?"], ["word " * 200 + "?"]])
def test_without_a_question_to_rest_on_it_stands_as_it_was_asked(earlier: list[str]) -> None:
    assert standalone("How long is it?", earlier) == "How long is it?"


def test_a_long_question_is_not_looked_into() -> None:
    long = "and what about it, " * 20_000
    assert standalone(long, [LEAVE]) == " ".join(long.split())
    assert standalone("How long is it?", [LEAVE, long]) == "How long is it?"


TEXT = st.text(st.sampled_from("abW tihsofe?!.,-'\"(3é"), max_size=60)


@given(TEXT, st.lists(TEXT, max_size=4))
def test_it_holds_no_other_words_than_the_questions(question: str, earlier: list[str]) -> None:
    made = standalone(question, earlier)
    known = " ".join([*earlier, question, "This is about: for"]).lower()
    assert made == standalone(question, earlier)
    assert all(word.rstrip("?").lower() in known for word in made.split())


def test_the_written_cases_are_completed_or_left_as_they_should_be() -> None:
    cases = [json.loads(line) for line in CASES.read_text("utf-8").splitlines()]
    made = {case["id"]: standalone(case["question"], case["earlier"]) for case in cases}
    alone = {case["id"] for case in cases if made[case["id"]] == case["question"]}
    assert alone >= {case["id"] for case in cases if case["alone"]}
    assert len(alone - {case["id"] for case in cases if case["alone"]}) <= len(cases) // 8
