"""Words: what counts as one, and what a word is worth to a reader."""

from __future__ import annotations

import math

import numpy as np
import pytest

from muniment.foundation.revisions import Revisions
from muniment.knowledge.library import DocumentRow
from muniment.knowledge.retrieval import index, lexical, segment, wording
from muniment.knowledge.retrieval.lexical import LexicalSettings

BODY_ONLY = LexicalSettings(k1=1.2, b=0.75, title=1, heading=1, body=1)


def view_of(texts: list[str]) -> index.View:
    rows = [segment.IndexRow(f"doc_{at:04d}", 1, 0, "", "", text) for at, text in enumerate(texts)]
    documents = tuple(
        DocumentRow(row.document, "s", "p", "", "", 1, "", at, at, "") for at, row in enumerate(rows)
    )
    part = segment.load(segment.arrays(rows, None, ""))
    return index.merged([part], documents, "", Revisions(1, 1, 1))


def scores(view: index.View, allowed: list[int], query: str) -> list[float]:
    mask = np.zeros(view.size, np.bool_)
    mask[allowed] = True
    return lexical.score(view, mask, np.array(allowed), wording.parse(query).terms, BODY_ONLY).tolist()


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
def test_scores_are_those_of_a_library_that_holds_only_the_readable_rows(allowed: list[int]) -> None:
    query = "paid parental leave"
    expected = oracle([TEXTS[at] for at in allowed], query)
    assert scores(view_of(TEXTS), allowed, query) == pytest.approx(expected, abs=1e-12)


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


def test_any_text_can_be_read_without_error() -> None:
    for text in ("", "\0", "\ud800", "-", '"', '""', '-""', "\u202e" * 5, "a" * 100_000, "字" * 3000):
        wording.parse(text)
        wording.terms(text)
