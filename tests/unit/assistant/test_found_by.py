"""Why a cited passage was found is told from what was recorded, and moves with nothing that may not be read."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from muniment.assistant.found_by import found_by, held
from muniment.assistant.values import Citation

TEXT = "Parental leave lasts 18 weeks. Ask the people team."
QUOTE = "Parental leave lasts 18 weeks."
CITED = Citation(1, "doc_a", "Leave", 2, None, (0, len(QUOTE)), QUOTE)


def passage(n: int, document: str, span: tuple[int, int] = (0, 40), version: int = 2) -> dict[str, Any]:
    return {"n": n, "document": document, "version": version, "span": list(span)}


def test_it_names_the_rank_what_ranked_it_and_the_questions_words_as_they_were_written() -> None:
    lineage = {"index": {"legs": "hybrid"}, "passages": [passage(1, "doc_b"), passage(2, "doc_a")]}
    found = found_by(lineage, "How many Weeks of parental leave do we get?", CITED, TEXT, "Leave")
    assert found is not None
    assert (found.rank, found.of, found.legs) == (2, 2, "hybrid")
    assert found.words == ("Weeks", "parental", "leave")


def test_a_passage_that_holds_none_of_the_words_says_so() -> None:
    assert held("When does the canteen open?", TEXT) == ()


def test_a_passage_that_was_not_recorded_is_not_explained() -> None:
    for lineage in (
        {},
        {"passages": [passage(1, "doc_a", (50, 60))]},
        {"passages": [{"n": 1, "document": "doc_a"}]},
    ):
        assert found_by(lineage, "leave", CITED, TEXT, "Leave") is None
    assert found_by({"passages": [passage(1, "doc_a", version=1)]}, "leave", CITED, TEXT, "Leave") is None


@given(st.lists(st.booleans(), max_size=8))
def test_passages_that_may_not_be_read_move_neither_rank_nor_number(hidden: list[bool]) -> None:
    shown = [passage(n, f"doc_{n}") for n, one in enumerate(hidden) if not one] + [passage(99, "doc_a")]
    every: list[dict[str, Any]] = [
        {"n": n, "withheld": True} if one else passage(n, f"doc_{n}") for n, one in enumerate(hidden)
    ]
    without = found_by({"passages": shown}, "leave", CITED, TEXT, "Leave")
    assert found_by({"passages": [*every, passage(99, "doc_a")]}, "leave", CITED, TEXT, "Leave") == without
