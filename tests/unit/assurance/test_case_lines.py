"""Cases as lines: what is written is read back as it was, and what is wrong is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from muniment.assurance.evaluation.case import Case, ExpectedCall
from muniment.assurance.evaluation.suite_file import as_line, read_cases, read_suite
from muniment.foundation.errors import BadInput

_words = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), min_size=1, max_size=12)
_facts = st.lists(st.lists(_words, min_size=1, max_size=3).map(tuple), max_size=3).map(tuple)
_cases = st.builds(
    Case,
    id=_words,
    asker=_words,
    question=_words,
    earlier=st.lists(_words, max_size=2).map(tuple),
    gains=st.dictionaries(_words, st.integers(0, 3), max_size=3),
    facts=_facts.filter(bool),
    forbidden_facts=_facts,
    citations=st.lists(_words, max_size=2).map(tuple),
    abstain=st.booleans(),
    forbidden=st.lists(_words, max_size=2).map(tuple),
    schema=st.just({"type": "object", "properties": {"a": {"type": "integer"}}}),
    result=st.sampled_from([None, {"a": 1}, 0, False, "", [], {}]),
    tools=st.lists(st.builds(ExpectedCall, _words, st.dictionaries(_words, st.integers())), max_size=2).map(
        tuple
    ),
    forbidden_tools=st.lists(_words, max_size=2).map(tuple),
    tags=st.lists(_words, max_size=2).map(tuple),
    weight=st.floats(0.1, 10),
    source=_words,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(case=_cases)
def test_a_case_that_was_written_is_read_back_as_it_was(case: Case, tmp_path: Path) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text(as_line(case) + "\n", "utf-8")
    assert read_cases(file) == (case,)


def test_a_question_may_hold_what_unicode_takes_for_the_end_of_a_line(tmp_path: Path) -> None:
    case = Case("a", "alice", "How\u2028long\x85is\x0bit?", gains={"x.md": 1})
    file = tmp_path / "cases.jsonl"
    file.write_text(as_line(case) + "\n", "utf-8")
    assert read_cases(file) == (case,)


def test_digest_of_a_case_moves_with_what_is_graded_and_not_with_its_tags() -> None:
    one = Case("a", "alice", "How long?", gains={"x.md": 1})
    assert one.digest == Case("b", "alice", "How long?", gains={"x.md": 1}, tags=("new",), weight=2).digest
    assert one.digest != Case("a", "alice", "How long?", gains={"x.md": 2}).digest
    assert one.digest != Case("a", "bob", "How long?", gains={"x.md": 1}).digest


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ('"relevant": {"a.md": -1}', "grade of a.md"),
        ('"relevant": ["a"], "weight": 0', "weight"),
        ('"relevant": ["a"], "schema": {"type": "nonsense"}', "schema"),
        ('"relevant": ["a"], "result": {"a": 1}', "result without a schema"),
        ('"relevant": ["a"], "tools": [{"name": "x"}]', "tools"),
        ('"relevant": ["a"], "earlier": "x"', "earlier"),
        ('"tags": ["nothing to find"]', "no relevant document"),
    ],
)
def test_a_case_that_is_wrong_is_refused_by_line(fields: str, named: str, tmp_path: Path) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text(f'{{"id": "a", "asker": "b", "question": "x", {fields}}}\n')
    with pytest.raises(BadInput, match=named) as caught:
        read_cases(file)
    assert "cases.jsonl:1" in caught.value.public


def test_targets_that_no_metric_has_are_refused_with_those_that_there_are(tmp_path: Path) -> None:
    (tmp_path / "suite.toml").write_text('[targets]\n"success@5" = 0.9\nspeed = 1\n')
    (tmp_path / "cases.jsonl").write_text('{"id": "a", "asker": "b", "question": "x", "abstain": true}\n')
    with pytest.raises(BadInput, match=r"targets\.speed is no metric"):
        read_suite(tmp_path)


def test_a_suite_without_targets_is_held_to_those_that_its_cases_can_reach(tmp_path: Path) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text('{"id": "a", "asker": "b", "question": "x", "relevant": ["a.md"]}\n')
    assert read_suite(file).targets == {"success@5": 0.95}
    file.write_text('{"id": "a", "asker": "b", "question": "x", "abstain": true, "forbidden": ["a.md"]}\n')
    assert read_suite(file).targets == {"authorised": 1.0, "abstained": 1.0}
