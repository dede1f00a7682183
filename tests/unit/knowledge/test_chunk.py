"""Chunks are exact, follow each other, hold all that is visible, and stay inside their page."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.knowledge.ingestion.chunk import HIGHEST, ChunkSpan, chunks
from muniment.knowledge.ingestion.parse.normal import Composer
from muniment.knowledge.ingestion.parsed import Parsed, ParseFailed
from muniment.knowledge.ingestion.parsed import from_json as parsed_from_json

WORDS = st.text("ab \n.é😀한\u0301|:", max_size=40)
BLOCK = st.one_of(
    st.tuples(st.just("heading"), st.integers(1, 6), WORDS),
    st.tuples(st.just("text"), st.integers(1, 120), WORDS),
    st.tuples(st.just("rows"), st.integers(1, 60), WORDS),
    st.tuples(st.just("unit"), st.integers(1, 9), WORDS),
)


def compose(blocks: list[tuple[str, int, str]]) -> Parsed:
    out = Composer()
    number = 0
    for kind, size, words in blocks:
        if kind == "heading":
            out.heading(size, words)
        elif kind == "text":
            out.block((words + " ") * size)
        elif kind == "rows":
            out.rows([["Name", "Value"], *([words, str(row)] for row in range(size))])
        else:
            number += 1
            out.begin("page", words, number)
    return out.parsed("t", "text/plain")


@settings(max_examples=200, deadline=None)
@given(st.lists(BLOCK, max_size=25))
def test_chunks_cover_the_text_exactly_and_never_cross_a_unit(blocks: list[tuple[str, int, str]]) -> None:
    try:
        parsed = compose(blocks)
    except ParseFailed:
        return
    for heading in parsed.headings:
        assert parsed.text[heading.start :].startswith(heading.text)
    spans = chunks(parsed)
    at = 0
    for ordinal, span in enumerate(spans):
        assert span.ordinal == ordinal
        assert at <= span.start < span.end <= len(parsed.text)
        assert parsed.text[at : span.start].strip() == ""
        assert parsed.text[span.start : span.end] == parsed.text[span.start : span.end].strip()
        assert span.end - span.start <= 2 * HIGHEST
        inside = [unit for unit in parsed.units if unit.start <= span.start and span.end <= unit.end]
        assert not [
            unit
            for unit in parsed.units
            if unit not in inside and unit.start < span.end and span.start < unit.end
        ]
        assert span.page == (inside[0].number if inside else None)
        at = span.end
    assert parsed.text[at:].strip() == ""


def test_a_chunk_carries_the_path_of_its_headings() -> None:
    long = "A sentence about leave. " * 30
    parsed = compose(
        [("heading", 1, "Leave policy"), ("text", 1, long), ("heading", 2, "Parental leave"), ("text", 1, long),
         ("heading", 3, "Pay"), ("text", 1, long), ("heading", 2, "Sick leave"), ("text", 1, long)]
    )  # fmt: skip
    assert [span.heading for span in chunks(parsed)] == [
        "Leave policy",
        "Leave policy > Parental leave",
        "Leave policy > Parental leave > Pay",
        "Leave policy > Sick leave",
    ]


def test_small_sections_share_a_chunk_under_their_common_heading() -> None:
    parsed = compose(
        [("heading", 1, "Questions"), ("heading", 2, "Who"), ("text", 1, "Ada."), ("heading", 2, "When"),
         ("text", 1, "Noon.")]
    )  # fmt: skip
    [span] = chunks(parsed)
    assert span.heading == "Questions"
    assert parsed.text[span.start : span.end].endswith("When\n\nNoon.")


def test_a_table_is_cut_between_rows() -> None:
    out = Composer()
    out.rows([["Name", "Grade"], *([f"Person {row} " + "x" * 60, f"L{row}"] for row in range(60))])
    parsed = out.parsed("t", "text/csv")
    spans = chunks(parsed)
    assert len(spans) > 3
    assert all(parsed.text[span.start :].startswith("Name: ") for span in spans[1:])
    assert max(span.end - span.start for span in spans) <= HIGHEST


def test_chunks_of_one_document_are_always_the_same() -> None:
    parsed = compose([("heading", 1, "H"), ("text", 100, "Some words. ")])
    assert chunks(parsed) == chunks(parsed)
    assert isinstance(chunks(parsed)[0], ChunkSpan)


def test_what_the_child_sends_survives_the_way_and_nonsense_does_not() -> None:
    import json

    import pytest

    parsed = compose([("unit", 1, "Page"), ("heading", 1, "H"), ("text", 2, "Some words.")])
    sent = json.loads(parsed.to_json())
    assert parsed_from_json(sent) == parsed
    for key, value in [
        ("text", 1), ("units", [["page", "x", 1, 0, 10_000]]), ("units", [["page", "x", 1, 5, 2]]), 
        ("headings", [[1, "x"]]),
        ("units", [["book", "x", 1, 0, 1]]), ("headings", [[1, "x", -1]]), ("notes", "x"), ("title", None),
    ]:  # fmt: skip
        with pytest.raises(ValueError):
            parsed_from_json({**sent, key: value})
