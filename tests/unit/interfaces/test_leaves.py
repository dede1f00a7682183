"""A stored version as pages, with the quoted words marked and nothing lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.interfaces.web.reading.leaves import LONGEST_VIEW, Asked, paragraphs, parsed_span, text_view
from muniment.interfaces.web.reading.marker import Marker
from muniment.interfaces.web.wording import Unit
from muniment.knowledge.library import DocumentRow, VersionRow
from muniment.knowledge.reading import DocumentRead


def read(
    text: str, units: tuple[dict[str, object], ...] = (), media_type: str = "text/plain"
) -> DocumentRead:
    row = DocumentRow(
        "doc_a", "docs", "a.txt", "A", media_type, 2, "h", 1, 1, "2026-01-02T03:04:05.000Z", "", ""
    )
    version = VersionRow("doc_a", 2, "A", "h", "2026-01-02T03:04:05.000Z", units, (), text)
    return DocumentRead(row, version)


def pages(count: int, length: int) -> tuple[str, tuple[dict[str, object], ...]]:
    units: list[dict[str, object]] = [
        {"kind": "page", "label": str(n), "number": n, "start": (n - 1) * length, "end": n * length}
        for n in range(1, count + 1)
    ]
    return "x" * (count * length), tuple(units)


@given(st.text(alphabet="ab \n#", max_size=80), st.integers(0, 80), st.integers(0, 80), st.booleans())
def test_marked_runs_are_exactly_the_quoted_characters(text: str, a: int, b: int, markdown: bool) -> None:
    start, end = sorted((min(a, len(text)), min(b, len(text))))
    made = paragraphs(Unit("section", "", 1, 0, len(text)), Marker(text, (start, end)), markdown)
    marked = "".join(run.text for paragraph in made for run in paragraph.runs if run.marked)
    assert "".join(marked.split()) in "".join(text[start:end].split())
    shown = "".join(run.text for paragraph in made for run in paragraph.runs)
    dropped = " \n#" if markdown else " \n"
    assert [c for c in shown if c not in dropped] == [c for c in text if c not in dropped]
    if not markdown:
        assert "".join(marked.split()) == "".join(text[start:end].split())


def test_the_first_mark_alone_is_the_target_of_the_link() -> None:
    made = paragraphs(Unit("section", "", 1, 0, 19), Marker("one two\n\nthree four", (4, 14)), False)
    marks = [run for paragraph in made for run in paragraph.runs if run.marked]
    assert [(run.text, run.first) for run in marks] == [("two", True), ("three", False)]


def test_markdown_headings_stand_out_without_their_signs() -> None:
    view = text_view(
        read("# Title\n\nText with # inside.\n## Next\nmore", media_type="text/markdown"), Asked()
    )
    shown = [("".join(r.text for r in p.runs), p.heading) for p in view.leaves[0].paragraphs]
    assert shown[:2] == [("Title", True), ("Text with # inside.", False)]


def test_a_long_document_opens_at_the_quote_and_offers_the_rest() -> None:
    text, units = pages(10, LONGEST_VIEW // 3)
    view = text_view(read(text, units), Asked((LONGEST_VIEW + 5, LONGEST_VIEW + 9)))
    assert [leaf.number for leaf in view.leaves] == [4, 5, 6]
    assert [entry.label for entry in view.entries if entry.current] == ["4"]
    assert "page=1" in view.earlier and "page=7" in view.later


def test_one_enormous_page_is_cut_into_parts() -> None:
    text, units = pages(1, LONGEST_VIEW * 2 + 1)
    assert len(text_view(read(text, units), Asked()).entries) == 3


def test_a_page_number_out_of_range_shows_the_nearest_page() -> None:
    text, units = pages(3, 10)
    assert [e.label for e in text_view(read(text, units), Asked(page=99)).entries if e.current] == ["3"]


def test_an_older_version_says_so() -> None:
    made = read("text")
    older = DocumentRead(made.document, VersionRow("doc_a", 1, "A", "h", "", (), (), "old"))
    assert text_view(older, Asked()).newest_href == "/documents/doc_a"
    assert text_view(made, Asked()).newest_href == ""


@pytest.mark.parametrize(
    ("text", "span"),
    [("0-4", (0, 4)), ("4-4", None), ("4-3", None), ("0-11", None), ("-1-4", None), ("a-b", None), (None, None),
     ("١-٤", None), ("0-4 ", None)],
)  # fmt: skip
def test_only_a_span_of_the_text_marks_anything(text: str | None, span: tuple[int, int] | None) -> None:
    assert parsed_span(text, 10) == span
