"""Which letters of a PDF page the stored text of the page was made of.

The lines are those that the parser read. What it wrote of them is followed sign by sign over the whole page: spaces
aside, every sign must be there in order, and nothing else. Otherwise no place is known at all.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from muniment.knowledge.ingestion.parse.normal import cell_text, column_names, may_vanish, normal
from muniment.knowledge.ingestion.parse.pdf_blocks import table_from
from muniment.knowledge.ingestion.parse.pdf_letters import Run, page_text, steps
from muniment.knowledge.ingestion.parse.pdf_lines import HYPHEN, Line, page_lines
from muniment.knowledge.ingestion.parse.pdf_notes import page_notes

if TYPE_CHECKING:
    from pypdfium2 import PdfPage, PdfTextPage


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the page's text a character stands, and on which line."""

    at: int
    line: int
    character: str


@dataclass(frozen=True, slots=True)
class _Sign:
    """One or more characters that the stored text must hold next."""

    text: str
    places: tuple[Place, ...]
    """Empty for what the parser added."""
    optional: bool = False


def places(page: PdfPage, text_page: PdfTextPage, stored: str) -> list[tuple[Place, ...]] | None:
    """Return, for each character of the stored text of a page, where it stands there.

    Spaces, notes, and the marks that the parser set between the cells of a table, stand nowhere. None where the
    stored text is not what the parser makes of this page.
    """
    characters: dict[int, str] = {}
    at = 0
    for character in page_text(text_page):
        characters[at] = character
        at += steps(character)
    return _followed(stored, _signs(page, page_lines(page, text_page), characters))


def _signs(page: PdfPage, lines: Sequence[Line], characters: Mapping[int, str]) -> Iterator[_Sign]:
    place = 0
    while place < len(lines):
        line = lines[place]
        if line.table:
            rows = table_from(lines, place)
            yield from _of_table(rows, place, characters)
            place += len(rows)
        else:
            for cell in line.cells:
                yield from _of_run(cell, place, characters, cut=HYPHEN.search(line.text.rstrip()) is not None)
            place += 1
    for note in page_notes(page):
        for _, cluster in _clusters(normal(note)[0]):
            yield _Sign(cluster, ())


def _of_run(run: Run, line: int, characters: Mapping[int, str], *, cut: bool = False) -> Iterator[_Sign]:
    """Yield what was written of a run; the hyphen at its end may not have been, where it cuts a word."""
    last = len(run.text.rstrip()) - 1
    for first, cluster in _clusters(run.text):
        taken = run.at[first : first + len(cluster)]
        at = tuple(Place(one, line, characters[one]) for one in dict.fromkeys(taken) if one >= 0)
        text = cluster if cluster.isascii() else normal(cluster)[0] or cluster
        yield _Sign(text, at, may_vanish(cluster) or (cut and first == last))


def _clusters(text: str) -> Iterator[tuple[int, str]]:
    """Yield the characters that are no spaces, each with the marks that combine with it."""
    begun = 0
    for at, character in enumerate(text):
        joins = unicodedata.combining(character) or "\u1160" <= character <= "\u11ff"
        if joins and at > begun:
            continue
        if at > begun:
            yield begun, text[begun:at]
        begun = at + 1 if character.isspace() else at
    if begun < len(text):
        yield begun, text[begun:]


def _of_table(lines: Sequence[Line], first: int, characters: Mapping[int, str]) -> Iterator[_Sign]:
    rows = [(first + place, line) for place, line in enumerate(lines) if line.text]
    names = column_names([[cell_text(cell.text) for cell in line.cells] for _, line in rows])
    headers = [tuple(_of_cell(cell, rows[0][0], characters)) for cell in rows[0][1].cells] if names else []
    for place, (number, line) in enumerate(rows):
        named = bool(names) and place > 0
        last = max(column for column, cell in enumerate(line.cells) if cell.text)
        written = 0
        for column, cell in enumerate(line.cells[: last + 1]):
            if named and not cell.text:
                continue
            if written:
                yield _Sign("|", ())
            if named and column < len(names) and names[column]:
                yield from headers[column]
                yield _Sign(":", ())
            yield from _of_cell(cell, number, characters)
            written += 1


def _of_cell(cell: Run, line: int, characters: Mapping[int, str]) -> Iterator[_Sign]:
    stroke = " | " in f" {cell.text} "
    for sign in _of_run(cell, line, characters):
        yield _Sign("/", sign.places) if stroke and sign.text == "|" else sign


def _followed(stored: str, signs: Iterator[_Sign]) -> list[tuple[Place, ...]] | None:
    found: list[tuple[Place, ...]] = [()] * len(stored)
    letters = [at for at, character in enumerate(stored) if not character.isspace()]
    done = 0
    for sign in signs:
        here = letters[done : done + len(sign.text)]
        if "".join(stored[at] for at in here) == sign.text:
            for at in here:
                found[at] = sign.places
            done += len(here)
        elif not sign.optional:
            return None
    return found if done == len(letters) else None
