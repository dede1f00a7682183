"""Words: what counts as one, and what a word is worth to a reader."""

from __future__ import annotations

import math
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import snowballstemmer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.knowledge.indexed import names, part_of, selection_of, stored, text_rows

from muniment.knowledge.retrieval import compiled, lexical, wording
from muniment.knowledge.retrieval.compiled import Loops
from muniment.knowledge.retrieval.lexical import LexicalSettings

pytestmark = pytest.mark.usefixtures("loops")

BODY_ONLY = LexicalSettings(k1=1.2, b=0.75, title=1, heading=1, body=1)


def scores(
    folder: Path, texts: list[str], classes: list[int], allowed: set[int], query: str
) -> dict[str, float]:
    """Return the score of each readable text by its document."""
    selection = selection_of(part_of(stored(folder, text_rows(texts, classes))), classes=sorted(allowed))
    found = lexical.score(selection, wording.parse(query).terms, BODY_ONLY)
    return {name: score for (name, _), score in zip(names(selection), found.tolist(), strict=True)}


def oracle(texts: list[str], query: str) -> list[float]:
    """BM25 as the textbook states it, over these texts alone."""
    documents = [wording.terms(text) for text in texts]
    mean = sum(map(len, documents)) / len(documents)
    result: list[float] = []
    for terms in documents:
        total = 0.0
        for term in wording.parse(query).terms:
            having = sum(term in other for other in documents)
            idf = math.log(1 + (len(documents) - having + 0.5) / (having + 0.5))
            often = terms.count(term)
            total += idf * often * 2.2 / (often + 1.2 * (0.25 + 0.75 * len(terms) / mean))
        result.append(total)
    return result


TEXTS = [
    "parental leave is sixteen weeks and the leave is paid",
    "annual leave is twenty five days",
    "the pump leaves the valve open",
    "expenses above fifty need a receipt, leave aside travel",
    "nothing of the kind",
]


@pytest.mark.parametrize("allowed", [[0, 1, 2, 3, 4], [0, 1], [1, 3, 4], [4]])
def test_scores_are_those_of_a_library_that_holds_only_the_readable_rows(
    tmp_path: Path, allowed: list[int]
) -> None:
    query = "paid parental leave"
    expected = oracle([TEXTS[at] for at in allowed], query)
    found = scores(tmp_path, TEXTS, list(range(5)), set(allowed), query)
    assert list(found.values()) == pytest.approx(expected, abs=1e-12)


WORDS = ("leave", "paid", "pump", "valve", "week", "rain")
SENTENCE = st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join)


@given(
    st.lists(st.tuples(SENTENCE, st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30),
    st.sets(st.integers(0, 3)),
    SENTENCE,
)
@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_scores_hold_when_documents_moved_to_other_classes_since_they_were_indexed(
    tmp_path: Path, rows: list[tuple[str, int, int]], allowed: set[int], query: str
) -> None:
    texts, written, now = zip(*rows, strict=True)
    made = stored(tmp_path, text_rows(texts, written))
    moved = {f"doc_{at:04d}": number for at, number in enumerate(now)}
    selection = selection_of(part_of(made, moved), classes=sorted(allowed))
    found = lexical.score(selection, wording.parse(query).terms, BODY_ONLY)
    readable = {name: texts[int(name[4:])] for name, number in moved.items() if number in allowed}
    assert sorted(names(selection)) == [(name, 0) for name in sorted(readable)]
    expected = dict(zip(readable, oracle(list(readable.values()), query), strict=True)) if readable else {}
    for (name, _), score in zip(names(selection), found.tolist(), strict=True):
        assert score == pytest.approx(expected[name], abs=1e-12)
    held = lexical.holding(selection, wording.parse("paid leave").terms)
    assert [
        set(["paid", "leave"]) <= set(readable[name].split()) for name, _ in names(selection)
    ] == held.tolist()


def test_postings_of_other_blocks_are_not_read(
    tmp_path: Path, loops: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if loops == "compiled":
        # Machine code cannot be watched; what it was compiled from can.
        ready = compiled.ready()
        plain = Loops(**{one.name: getattr(ready, one.name).py_func for one in fields(Loops)})
        monkeypatch.setattr(compiled, "_made", plain)
    made = stored(tmp_path, text_rows(TEXTS))
    read: list[int] = []

    class Watched(np.ndarray):
        def __getitem__(self, key: object) -> object:
            first = key[0] if isinstance(key, tuple) else key
            if isinstance(first, int | np.integer | np.ndarray):
                read.extend(np.asarray(first).ravel().tolist())
            return super().__getitem__(key)

    for name in ("keys", "rows", "counts"):
        object.__setattr__(made.postings, name, getattr(made.postings, name).view(Watched))
    selection = selection_of(part_of(made), classes=[2])
    lexical.score(selection, wording.parse("leave paid receipt").terms, BODY_ONLY)
    mine = range(int(made.postings.key_starts[2]), int(made.postings.key_starts[3]))
    postings = range(int(made.postings.starts[mine.start]), int(made.postings.starts[mine.stop]))
    assert read and set(read) <= {*mine, *postings}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Résumé", "resume"),
        ("RÉSUMÉS", "résumé"),
        ("the employee's bonuses", "employee bonus"),
        ("see INV-2024-0017 now", "inv-2024-0017"),
        ("see INV-2024-0017 now", "0017"),
        ("write to ops@example.org", "ops@example.org"),
        ("version 4.12.2", "4.12.2"),
        ("fullwidth ＡＢＣ", "abc"),
        ("育児休暇の規定", "休暇"),
        ("육아휴직 규정", "휴직"),
        ("Straße", "strasse"),
    ],
)
def test_a_word_is_found_however_it_is_spelled(text: str, found: str) -> None:
    assert set(wording.parse(found).terms) <= set(wording.terms(text))


def test_words_are_stemmed_alike_on_many_threads_at_once() -> None:
    roots = [
        first + second for first in "bcdfglmnprst" for second in ("arlin", "ent", "odul", "ustiv", "igr")
    ]
    words = [root + end for root in roots for end in ("ational", "fulness", "izations", "ively", "ments")]
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            found = list(threads.map(wording.terms, words))
    finally:
        sys.setswitchinterval(usual)
    stems = snowballstemmer.stemmer("english")
    assert found == [[stems.stemWord(word)] for word in words]


def test_a_code_counts_whole_and_in_parts() -> None:
    assert wording.terms("INV-2024-0017") == ["inv", "2024", "0017", "inv-2024-0017"]


def test_function_words_are_dropped_from_a_query_unless_nothing_else_is_left() -> None:
    assert wording.parse("what is the leave policy").terms == ("leav", "polici")
    assert wording.parse("who will be there").terms != ()


def test_quotes_and_minus_are_read_in_a_search() -> None:
    query = wording.parse('"parental leave" policy -draft')
    assert query.phrases == (("parent", "leav"),)
    assert query.excluded == ("draft",)
    assert query.text == "parental leave policy"
    assert "draft" not in query.terms and "parent" in query.terms


def test_a_question_is_plain_words_whatever_its_punctuation() -> None:
    query = wording.question('what does "net -of tax" mean?')
    assert query.phrases == () and query.excluded == ()


def test_a_negative_number_is_not_an_exclusion() -> None:
    assert wording.parse("stored at -20 degrees").excluded == ()


def test_a_phrase_stands_side_by_side() -> None:
    assert wording.holds_phrase("The Parental Leave policy", ("parent", "leav"))
    assert not wording.holds_phrase("leave of a parental kind", ("parent", "leav"))


@given(st.lists(st.sampled_from([*"aé'’-_./ \t\n\x1c\u3000東1", "run's", "x" * 70, "INV-2024"])).map("".join))
def test_words_between_blanks_are_read_as_they_are_in_the_whole_text(text: str) -> None:
    tokens = wording._TOKEN.findall(wording.fold(text))  # pyright: ignore[reportPrivateUsage]
    assert wording.terms(text) == [term for token in tokens for term in wording.terms(token)]


def test_any_text_can_be_read_without_error() -> None:
    for text in ("", "\0", "\ud800", "-", '"', '""', '-""', "\u202e" * 5, "a" * 100_000, "字" * 3000):
        wording.parse(text)
        wording.terms(text)
