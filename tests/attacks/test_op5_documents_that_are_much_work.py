"""OP5: a document or a call made to be much work to show takes its reader's page no longer than others."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from tests.unit.interfaces.test_leaves import read

from muniment.actions.passages import _marked, _said
from muniment.interfaces.web.reading.leaves import Asked, text_view
from muniment.interfaces.web.reading.sheet import MOST_COLUMNS, MOST_ROWS
from muniment.interfaces.web.reading.views import DocumentView
from muniment.knowledge.formats import MEDIA_TYPES

SECONDS = 1.5
"""Of the processor: many times what each takes, and a small part of what it took without a bound."""


def within(work: Callable[[], DocumentView | object]) -> object:
    begun = time.thread_time()
    found = work()
    assert time.thread_time() - begun < SECONDS
    return found


def shown(text: str, count: int = 1, media_type: str = MEDIA_TYPES["csv"]) -> DocumentView:
    length = len(text) // count
    units = tuple(
        {"kind": "page", "label": "", "number": n + 1, "start": n * length, "end": (n + 1) * length}
        for n in range(count)
    )
    found = within(lambda: text_view(read(text, units if count > 1 else (), media_type), Asked()))
    assert isinstance(found, DocumentView)
    return found


def test_one_line_of_many_cells_makes_no_wide_page() -> None:
    made = shown(" | ".join("x" * 50_000) + "\n" + "a | b\n" * 198).leaves[0].grid
    assert made is not None and len(made.letters) == MOST_COLUMNS
    assert sum(len(row.cells) for row in made.rows) <= MOST_ROWS * MOST_COLUMNS
    # Nothing is lost: the rest stands in the last cell.
    assert "".join(run.text for run in made.rows[0].cells[-1]).count("x") == 50_000 - MOST_COLUMNS + 1


@pytest.mark.parametrize(
    "line", ["c0: y | " + " | ".join("y" * 3_000), "c2999: y", "c0: y | c2999: y | c1: y", "c1c: y: y"]
)
def test_many_names_of_columns_that_lines_do_or_do_not_begin_with(line: str) -> None:
    header = " | ".join(f"c{n}" for n in range(3_000))
    shown(f"{header}\n" + f"{line}\n" * 180)


def test_a_document_of_many_pages() -> None:
    assert len(shown("a heron flies\n" * 10_000, 10_000, MEDIA_TYPES["pdf"]).entries) == 10_000


@pytest.mark.parametrize("word", ["a", ".", "a.", "w1 w2 "])
def test_many_values_of_a_call_that_a_passage_may_say(word: str) -> None:
    text = (word * 4_000)[:4_000]
    said = _said({"list": [text[at : at + size] for size in range(3, 1_000) for at in range(5)]})
    within(lambda: [_marked(text, said) for _ in range(12)])
