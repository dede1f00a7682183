"""Halves of a suite tell nothing of each other, hold each slice alike, and keep every case where it was."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.suite_file import read_cases, read_suite
from muniment.assurance.evaluation.suites.halves import write_halves
from muniment.assurance.evaluation.suites.leaks import leaks
from muniment.assurance.evaluation.suites.new import about, new_suite
from muniment.assurance.evaluation.suites.places import Place, Places
from muniment.assurance.evaluation.suites.similar import NEAR, asked, near_pairs, overlap, shingles
from muniment.assurance.evaluation.suites.split import split
from muniment.foundation.errors import BadInput

ROOT = Path(__file__).resolve().parents[3]
WORDS = [
    "when",
    "where",
    "how",
    "long",
    "much",
    "is",
    "the",
    "fee",
    "rent",
    "door",
    "open",
    "for",
    "a",
    "day",
]
questions = st.lists(st.sampled_from(WORDS), min_size=1, max_size=8).map(" ".join)
cases = st.lists(
    st.tuples(
        questions, st.sets(st.sampled_from("abcdefghij"), max_size=2), st.booleans(), st.sampled_from("xyz")
    ),
    max_size=24,
).map(
    lambda rows: [
        Case(f"c{at}", "alice", asks, gains=dict.fromkeys(sorted(paths), 1), abstain=abstain, tags=(tag,))
        for at, (asks, paths, abstain, tag) in enumerate(rows)
    ]
)


@given(st.lists(questions, max_size=30))
def test_near_questions_are_those_that_comparing_each_with_each_finds(texts: list[str]) -> None:
    sets = [shingles(text) for text in texts]
    found = {(a, b) for a, b in combinations(range(len(texts)), 2) if overlap(sets[a], sets[b]) >= NEAR}
    assert set(near_pairs(texts)) == found


def test_case_space_punctuation_and_width_make_no_other_question() -> None:
    one, other = (
        Case("a", "x", text, abstain=True) for text in ("How long, in days?", "  ｈｏｗ LONG in  days ")
    )
    assert asked(one) == asked(other)
    assert asked(one) != asked(Case("a", "x", "How long, in days?", earlier=("And why?",), abstain=True))


@given(cases, st.floats(0.1, 0.9), st.integers(0, 3))
def test_a_split_parts_no_near_questions_and_no_cases_of_one_document(
    made: list[Case], share: float, seed: int
) -> None:
    halves = split(made, share, seed)
    assert not halves.left_out
    assert sorted(one.id for one in (*halves.tuning, *halves.test)) == sorted(one.id for one in made)
    for one in halves.tuning:
        for other in halves.test:
            assert overlap(shingles(asked(one)), shingles(asked(other))) < NEAR
            assert not {*one.relevant}.intersection(other.relevant)
    assert not list(leaks(dict(enumerate(halves.tuning)), halves.test, "the test"))
    assert split(made, share, seed) == halves


@settings(max_examples=60)
@given(cases, cases, st.floats(0.2, 0.8))
def test_cases_that_are_added_later_move_none_and_tell_nothing(
    first: list[Case], more: list[Case], share: float
) -> None:
    before = split(first, share)
    sides = {one.id: "tuning" for one in before.tuning} | {one.id: "test" for one in before.test}
    added = [
        Case(f"n{one.id}", one.asker, one.question, gains=one.gains, abstain=one.abstain) for one in more
    ]
    after = split([*first, *added], share, earlier=sides)  # type: ignore[arg-type]
    assert {one.id for one in before.tuning} <= {one.id for one in after.tuning}
    assert {one.id for one in before.test} <= {one.id for one in after.test}
    assert {one.id for one in after.left_out} <= {one.id for one in added}
    assert not list(leaks(dict(enumerate(after.tuning)), after.test, "the test"))


def test_the_sample_suite_falls_into_halves_that_hold_its_slices_alike() -> None:
    halves = split(read_cases(ROOT / "evals" / "sample" / "cases.jsonl"), 0.5)
    assert abs(len(halves.tuning) - len(halves.test)) <= 4
    for tag in ("who-asks", "hidden", "table"):
        one, other = (sum(tag in case.tags for case in half) for half in (halves.tuning, halves.test))
        assert abs(one - other) <= 2, tag
    one, other = (sum(case.abstain for case in half) for half in (halves.tuning, halves.test))
    assert abs(one - other) <= 2
    assert split(halves.tuning, 0.5, seed=1) != split(halves.tuning, 0.5, seed=2)


def test_halves_are_suites_that_remember_and_can_be_drawn_anew(tmp_path: Path) -> None:
    shipped = Place(ROOT / "evals" / "sample", "shipped")
    places = Places(tmp_path, ROOT / "evals")
    halves, where = write_halves(shipped, 0.5, 0, False, places)
    made = read_suite(where["test"].path)
    assert made.name == "sample-test" and made.cases == halves.test
    assert made.targets == read_suite(shipped.path).targets
    assert write_halves(shipped, 0.5, 7, False, places)[0] == halves
    assert write_halves(shipped, 0.5, 7, True, places)[0] != halves
    with pytest.raises(BadInput, match="--test"):
        write_halves(shipped, 1.0, 0, False, places)


def test_cases_that_all_belong_together_cannot_be_parted(tmp_path: Path) -> None:
    place = Place(tmp_path / "one", "given")
    lines = [
        f'{{"id": "c{at}", "asker": "alice", "question": "{word}?", "relevant": ["a.md"]}}'
        for at, word in enumerate(("Why", "Where", "When"))
    ]
    new_suite(place, about("one"), lines)
    with pytest.raises(BadInput, match="belong together"):
        write_halves(place, 0.5, 0, False, Places(tmp_path, tmp_path))
    assert not (tmp_path / "one-test").exists()
