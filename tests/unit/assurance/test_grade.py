"""A case is given the metrics that apply to it, each within its range, and no subject gains by failing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.assurance.evaluation.case import Case, ExpectedCall
from muniment.assurance.evaluation.graders import (
    authorisation,
    citations,
    faithfulness,
    format,
    freshness,
    operations,
    refusal,
)
from muniment.assurance.evaluation.graders.grade import graded, possible
from muniment.assurance.evaluation.graders.same import same
from muniment.assurance.evaluation.metric import METRICS
from muniment.assurance.evaluation.observation import (
    Observation,
    SeenCall,
    SeenClaim,
    SeenQuote,
    SeenVersion,
)
from muniment.foundation.errors import BadInput

ASKED = Case("c", "alice", "What am I paid?")
DAYS = {"type": "object", "additionalProperties": False, "properties": {"days": {"type": "integer"}}}


def quote(text: str, path: str = "hr/pay.md", stands: bool = True) -> SeenQuote:
    return SeenQuote(path, 1, text, stands)


def claim(text: str, *quotes: SeenQuote, inferred: bool = False) -> SeenClaim:
    return SeenClaim(text, quotes, inferred)


def answer(*claims: SeenClaim, text: str | None = None, **about: object) -> Observation:
    said = " ".join(f"{one.text} [{n}]" for n, one in enumerate(claims, 1)) if text is None else text
    return Observation("answered", said, claims, **about)  # pyright: ignore[reportArgumentType]


# Authorisation


@pytest.mark.parametrize(
    "seen",
    [
        Observation("abstained", ranked=("hr/pay.md",)),
        Observation("answered", cited=("hr/pay.md",)),
        Observation("abstained", nearest=("hr/pay.md",)),
        answer(claim("x", quote("invented", stands=False))),
        Observation("refused", versions={"hr/pay.md": SeenVersion(1, 1, 0)}),
    ],
)
def test_a_forbidden_document_shows_where_any_word_of_it_or_about_it_is_given(
    seen: Observation,
) -> None:
    case = replace(ASKED, forbidden=("hr/pay.md",))
    assert authorisation.grade(case, seen) == {"authorised": 0.0}
    assert authorisation.shown(case, seen) == ("hr/pay.md",)


def test_a_path_is_the_same_in_any_unicode_form() -> None:
    case = replace(ASKED, forbidden=("L\u00f6hne.md",))
    assert authorisation.grade(case, Observation("answered", ranked=("Lo\u0308hne.md",))) == {
        "authorised": 0.0
    }


def test_a_case_that_forbids_nothing_proves_nothing_about_authorisation() -> None:
    assert authorisation.grade(ASKED, Observation("answered", ranked=("hr/pay.md",))) == {}


# Freshness


def test_a_document_is_current_only_in_its_current_version() -> None:
    case = replace(ASKED, gains={"a": 1, "b": 1, "c": 1, "d": 2, "lost": 1})
    seen = Observation(
        "answered",
        ranked=("a", "b", "x"),
        cited=("c", "d"),
        versions={
            "a": SeenVersion(2, 2, 10.0),
            "b": SeenVersion(1, 2, 30.0),
            "c": SeenVersion(3, 2, -1.0),
            "x": SeenVersion(1, 1, 900.0),
        },
    )
    assert freshness.grade(case, seen) == {"current": 0.25, "age": pytest.approx(40 / 3)}


def test_without_a_relevant_document_found_nothing_is_said_of_freshness() -> None:
    seen = Observation("answered", ranked=("x",), versions={"x": SeenVersion(1, 1, 1.0)})
    assert freshness.grade(replace(ASKED, gains={"a": 1}), seen) == {}


def test_an_age_that_is_no_number_is_left_out() -> None:
    seen = Observation("answered", ranked=("a",), versions={"a": SeenVersion(1, 1, float("nan"))})
    assert freshness.grade(replace(ASKED, gains={"a": 1}), seen) == {"current": 1.0}


# Refusal


def test_what_the_case_says_nothing_of_may_be_answered_or_not() -> None:
    assert refusal.grade(ASKED, Observation("answered")) == {}
    assert refusal.grade(replace(ASKED, forbidden=("a",)), Observation("abstained")) == {}


@pytest.mark.parametrize(
    ("seen", "abstained"),
    [
        (Observation("abstained"), 1.0),
        (Observation("refused"), 1.0),
        (Observation("abstained", cited=("a",)), 0.0),
        (Observation("refused", claims=(claim("It is so."),)), 0.0),
        (Observation("answered"), 0.0),
    ],
)
def test_an_abstention_neither_answers_nor_cites_nor_states(seen: Observation, abstained: float) -> None:
    assert refusal.grade(replace(ASKED, abstain=True), seen) == {"abstained": abstained}


@pytest.mark.parametrize(("status", "answered"), [("answered", 1.0), ("abstained", 0.0), ("refused", 0.0)])
def test_refused_is_not_answered(status: str, answered: float) -> None:
    seen = Observation(status)  # pyright: ignore[reportArgumentType]
    assert refusal.grade(replace(ASKED, facts=(("EUR 310",),)), seen) == {"answered": answered}


# Citations


def test_a_citation_counts_where_the_document_is_relevant_and_all_its_quotes_stand() -> None:
    case = replace(ASKED, gains={"good": 1, "false": 1, "bare": 1, "zero": 0})
    seen = answer(
        claim("x", quote("a", "good"), quote("b", "false")),
        claim("y", quote("c", "false", stands=False), quote("d", "zero")),
        cited=("good", "false", "bare", "zero"),
    )
    assert citations.grade(case, seen) == {"citation_precision": 0.25, "citation_recall": 1.0}


def test_the_citations_that_a_case_names_must_all_be_there() -> None:
    case = replace(ASKED, gains={"a": 1}, citations=("b", "c"))
    seen = answer(claim("x", quote("q", "b")), cited=("b", "b", "a"))
    assert citations.grade(case, seen) == {"citation_precision": 0.5, "citation_recall": 0.5}


def test_an_answer_that_cites_nothing_has_no_precision_of_citations() -> None:
    case = replace(ASKED, gains={"a": 1})
    assert citations.grade(case, answer()) == {"citation_precision": 0.0, "citation_recall": 0.0}
    assert citations.grade(case, Observation("abstained")) == {"citation_recall": 0.0}
    assert citations.grade(ASKED, answer(cited=("a",))) == {}


# Faithfulness

PAID = quote("Engineers are paid EUR 310 for a week on call.")


@pytest.mark.parametrize(
    "stated",
    [
        claim("Engineers are paid EUR 310 for a week on call.", PAID),
        claim("A week on call is paid EUR 310.", PAID),
        claim("Pay is EUR 310 for a week on call.", PAID),
    ],
)
def test_a_statement_is_supported_by_what_its_quotes_say(stated: SeenClaim) -> None:
    assert faithfulness.grade(ASKED, answer(stated)) == {"faithfulness": 1.0}


@pytest.mark.parametrize(
    "stated",
    [
        claim("Engineers are paid EUR 310 for a week on call."),
        claim("Engineers are paid EUR 310 for a week on call.", quote(PAID.quote, stands=False)),
        claim("Engineers are paid EUR 310 for a week on call.", PAID, quote("More words.", stands=False)),
        claim("Engineers are paid EUR 320 for a week on call.", PAID),
        claim("Engineers are not paid EUR 310 for a week on call.", PAID),
        claim("Engineers at Globex are paid EUR 310 for a week on call.", PAID),
        claim("The canteen serves soup on most days of the year.", PAID),
        claim("Engineers are paid EUR 620 for two weeks on call.", PAID, inferred=True),
        claim("", PAID),
    ],
)
def test_a_statement_is_not_supported_by_quotes_that_do_not_stand_or_do_not_say_it(stated: SeenClaim) -> None:
    assert faithfulness.grade(ASKED, answer(stated)) == {"faithfulness": 0.0}


def test_words_that_are_in_no_statement_count_as_statements_without_evidence() -> None:
    paid = claim("A week on call is paid EUR 310.", PAID)
    seen = answer(paid, text=f"Good question. {paid.text} [1] It is also paid in gold.")
    assert faithfulness.grade(ASKED, seen) == {"faithfulness": pytest.approx(1 / 3)}
    assert faithfulness.grade(ASKED, answer(text="Everybody is paid in gold.")) == {"faithfulness": 0.0}
    assert faithfulness.grade(ASKED, answer()) == {"faithfulness": 0.0}


def test_the_marks_of_an_answer_are_no_statements() -> None:
    paid = claim("A week on call  is paid EUR 310.", PAID, inferred=True)
    seen = answer(
        paid,
        paid,
        text="A week on call is paid EUR 310. (inferred) [1][2] A week on call is paid EUR 310. [1]",
    )
    assert faithfulness.grade(ASKED, seen) == {"faithfulness": 1.0}


def test_what_was_not_answered_has_no_faithfulness() -> None:
    assert faithfulness.grade(ASKED, Observation("abstained", "I found nothing.")) == {}


def test_each_value_of_a_result_is_a_statement() -> None:
    schema = {
        "type": "object",
        "properties": {"days": {"$ref": "#/$defs/n"}, "paid": {"type": "boolean"}, "who": {"type": "string"}},
        "$defs": {"n": {"type": "integer"}},
    }
    case = replace(ASKED, schema=schema)
    leave = quote("Leave is 12 days and it is paid.")
    result = {"days": 12, "paid": True, "who": "Globex"}
    seen = answer(
        claim("/days: 12", leave),
        claim("/paid: true", leave, inferred=True),
        claim("/who: Globex", leave),
        text="{}",
        result=result,
    )
    assert faithfulness.grade(case, seen) == {"faithfulness": pytest.approx(2 / 3)}
    unproved = replace(seen, claims=seen.claims[1:])
    assert faithfulness.grade(case, unproved) == {"faithfulness": pytest.approx(1 / 3)}


# Format


@pytest.mark.parametrize(
    ("expected", "given_", "alike"),
    [
        (12, 12.0, True),
        (0.3, 0.1 + 0.2, True),
        ("12", 12, False),
        (1, True, False),
        (None, None, True),
        ("  Caf\u00e9 Nord ", "CAFE\u0301 nord", True),
        ({"a": 1, "b": None}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ([1, 2], [2, 1], False),
        ([1, 2], (1, 2), True),
        (float("nan"), float("nan"), False),
        (10**400, 10**400, True),
        (10**400, 1.0, False),
        ({"a": ["X"]}, {"a": ["x"]}, True),
    ],
)
def test_values_are_the_same_where_they_say_the_same(expected: object, given_: object, alike: bool) -> None:
    assert same(expected, given_) is alike  # pyright: ignore[reportArgumentType]
    assert same(given_, expected) is alike  # pyright: ignore[reportArgumentType]


def test_a_result_keeps_to_its_schema_and_is_the_right_one() -> None:
    case = replace(ASKED, schema=DAYS, result={"days": 12})
    assert format.grade(case, Observation("answered", result={"days": 12.0})) == {
        "format": 1.0,
        "result": 1.0,
    }
    assert format.grade(case, Observation("answered", result={"days": 13})) == {"format": 1.0, "result": 0.0}
    assert format.grade(case, Observation("answered", result={"days": "12"})) == {
        "format": 0.0,
        "result": 0.0,
    }
    assert format.grade(case, Observation("abstained", result={"days": 12})) == {"format": 0.0, "result": 0.0}


def test_without_an_answer_nothing_keeps_to_a_schema_that_takes_null() -> None:
    case = replace(ASKED, schema={"type": ["null", "object"]})
    assert format.grade(case, Observation("answered")) == {"format": 1.0}
    assert format.grade(case, Observation("refused")) == {"format": 0.0}


def test_a_schema_that_is_none_is_the_suites_fault() -> None:
    with pytest.raises(BadInput, match="schema"):
        graded(replace(ASKED, schema={"type": "no such type"}), Observation("answered"))


# Tools


def test_calls_are_paired_so_that_the_most_find_theirs() -> None:
    expected = (ExpectedCall("pay"), ExpectedCall("pay", {"amount": 5}), ExpectedCall("pay", {"to": "bob"}))
    case = replace(ASKED, tools=expected)
    calls = (SeenCall("pay", {"amount": 5.0}), SeenCall("pay", {"to": "BOB"}, "proposed"))
    assert graded(case, Observation("answered", calls=calls))["tool_calls"] == pytest.approx(2 / 3)
    three = (*calls, SeenCall("pay", {"amount": 7}))
    for order in (three, three[::-1]):
        assert graded(case, Observation("answered", calls=order))["tool_calls"] == 1.0


@pytest.mark.parametrize(
    ("outcome", "made"), [("ran", 1.0), ("proposed", 1.0), ("refused", 0.0), ("invalid", 0.0)]
)
def test_a_call_is_made_where_it_ran_or_waits_for_approval(outcome: str, made: float) -> None:
    case = replace(ASKED, tools=(ExpectedCall("pay"),), forbidden_tools=("pay",))
    call = SeenCall("pay", {}, outcome)  # pyright: ignore[reportArgumentType]
    scores = graded(case, Observation("answered", calls=(call,)))
    assert (scores["tool_calls"], scores["no_forbidden_calls"]) == (made, 1.0 - made)
    assert scores["well_formed_calls"] == float(outcome != "invalid")


def test_a_task_is_done_only_where_everything_that_it_asks_for_is_so() -> None:
    case = replace(
        ASKED, tools=(ExpectedCall("pay", {"note": None}),), forbidden_tools=("mail",), facts=(("paid",),)
    )
    seen = Observation("answered", "It is paid.", calls=(SeenCall("pay", {"amount": 5}),))
    assert graded(case, seen)["task_success"] == 1.0
    for worse in (
        replace(seen, answer="Done."),
        replace(seen, status="abstained"),
        replace(seen, calls=()),
        replace(seen, calls=(*seen.calls, SeenCall("mail"))),
    ):
        assert graded(case, worse)["task_success"] == 0.0
    assert "task_success" not in graded(replace(ASKED, facts=(("paid",),)), seen)


# Operations


def test_what_is_not_known_is_left_out_and_not_free() -> None:
    stages = {"search": 3.0, "answer": -1.0, "model": float("inf"), "other": 1.0}
    assert operations.grade(Observation("answered", stages=stages)) == {"search_ms": 3.0}
    seen = Observation("answered", prompt_tokens=5, completion_tokens=2, cost=0.01)
    assert operations.grade(seen) == {"prompt_tokens": 5, "completion_tokens": 2, "cost": 0.01}


# All of them together

PATHS = st.sampled_from(["a", "b", "c"])
TEXTS = st.sampled_from(["", "It is paid.", "EUR 310", "It is not paid. Ask Bob."])
VALUES = st.sampled_from([None, {"days": 12}, {"days": "x"}, 3])
QUOTES = st.builds(SeenQuote, PATHS, st.integers(1, 2), TEXTS, st.booleans())
CLAIMS = st.builds(SeenClaim, TEXTS, st.lists(QUOTES, max_size=2).map(tuple), st.booleans())
CALLS = st.builds(
    SeenCall,
    st.sampled_from(["pay", "mail"]),
    st.sampled_from([{}, {"to": "bob"}]),
    st.sampled_from(["ran", "proposed", "refused", "invalid"]),
)
CASES = st.builds(
    Case,
    id=st.just("c"),
    asker=st.just("alice"),
    question=st.just("?"),
    gains=st.dictionaries(PATHS, st.integers(-1, 2)),
    facts=st.sampled_from([(), (("EUR 310",), ("paid",))]),
    forbidden_facts=st.sampled_from([(), (("Bob",),)]),
    citations=st.lists(PATHS, max_size=2).map(tuple),
    abstain=st.booleans(),
    forbidden=st.lists(PATHS, max_size=1).map(tuple),
    schema=st.sampled_from([None, DAYS]),
    result=VALUES,
    tools=st.sampled_from(
        [(), (ExpectedCall("pay", {"to": "bob"}),), (ExpectedCall("pay"), ExpectedCall("pay"))]
    ),
    forbidden_tools=st.sampled_from([(), ("mail",)]),
)
SEEN = st.builds(
    Observation,
    status=st.sampled_from(["answered", "abstained", "refused"]),
    answer=TEXTS,
    claims=st.lists(CLAIMS, max_size=2).map(tuple),
    ranked=st.lists(PATHS, max_size=4).map(tuple),
    cited=st.lists(PATHS, max_size=3).map(tuple),
    versions=st.dictionaries(
        PATHS, st.builds(SeenVersion, st.integers(1, 2), st.integers(1, 2), st.floats(allow_nan=True))
    ),
    result=VALUES,
    calls=st.lists(CALLS, max_size=3).map(tuple),
    stages=st.dictionaries(st.sampled_from(["search", "answer", "model"]), st.floats()),
    cost=st.floats(),
)


@given(CASES, SEEN)
def test_every_score_is_a_known_metric_within_its_range_in_the_order_of_reports(
    case: Case, seen: Observation
) -> None:
    scores = graded(case, seen)
    assert list(scores) == [name for name in METRICS if name in scores]
    for name, value in scores.items():
        assert 0 <= value <= (1 if METRICS[name].unit == "share" else float("inf"))


@given(CASES, SEEN)
def test_no_subject_gains_by_failing(case: Case, seen: Observation) -> None:
    failed = graded(case, Observation("failed", error="timed out"))
    assert failed and set(failed.values()) == {0.0}
    shares = {name for name in graded(case, seen) if METRICS[name].unit == "share"}
    assert shares - failed.keys() <= {"well_formed_calls"}
    assert failed.keys() == possible(case, Observation("failed"))


@given(CASES, SEEN)
def test_the_order_of_calls_citations_and_statements_changes_no_score(case: Case, seen: Observation) -> None:
    turned = replace(seen, calls=seen.calls[::-1], cited=seen.cited[::-1], claims=seen.claims[::-1])
    assert graded(case, turned) == pytest.approx(graded(case, seen))


@given(CASES, SEEN)
def test_a_false_quote_never_raises_a_score(case: Case, seen: Observation) -> None:
    doubted = tuple(
        replace(one, quotes=tuple(replace(quote, stands=False) for quote in one.quotes))
        for one in seen.claims
    )
    before, after = graded(case, seen), graded(case, replace(seen, claims=doubted))
    assert before.keys() == after.keys()
    assert all(after[name] <= before[name] for name in before)
