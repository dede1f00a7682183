"""Which letters of a PDF page the stored text of the page was made of.

The lines are those that the parser read. What it wrote of them is followed sign by sign over the whole page: spaces
aside, every sign must be there in order, and nothing else. Otherwise no place is known at all.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from muniment.knowledge.ingestion.parse.normal import cell_text, column_names, may_vanish
from muniment.knowledge.ingestion.parse.pdf import HYPHEN, is_row
from muniment.knowledge.ingestion.parse.pdf_lines import Line, page_lines, steps

if TYPE_CHECKING:
    from pypdfium2 import PdfTextPage

_CUT = "\ufffe"
"""Stands in the page's text for a hyphen at which a word is cut."""


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


def places(page: PdfTextPage, stored: str) -> list[tuple[Place, ...]] | None:
    """Return, for each character of the stored text of a page, where it stands there.

    Spaces, and the marks that the parser set between the cells of a table, stand nowhere. None where the stored text
    is not what the parser makes of this page.
    """
    return _followed(stored, _signs(page_lines(page)))


def _signs(lines: Sequence[Line]) -> Iterator[_Sign]:
    rows: list[tuple[int, Line]] = []
    for number, line in enumerate(lines):
        if is_row(line):
            rows.append((number, line))
            continue
        yield from _of_table(rows)
        rows = []
        yield from _of_line(number, line)
    yield from _of_table(rows)


def _of_line(number: int, line: Line) -> Iterator[_Sign]:
    ends = HYPHEN.search(line.text.rstrip())
    last = len(line.raw.rstrip()) - 1
    for first, cluster in _clusters(line.raw):
        begun = line.at + steps(line.raw[:first])
        at = [Place(begun + steps(cluster[:step]), number, one) for step, one in enumerate(cluster)]
        text = unicodedata.normalize("NFC", "-" if cluster == _CUT else cluster)
        optional = cluster == _CUT or may_vanish(cluster) or (first == last and ends is not None)
        yield _Sign(text, tuple(at), optional)


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


def _of_table(rows: Sequence[tuple[int, Line]]) -> Iterator[_Sign]:
    names = column_names([[cell_text(cell) for cell in line.cells] for _, line in rows])
    headers = [tuple(signs) for signs in _cells(*rows[0])] if names else []
    for place, (number, line) in enumerate(rows):
        written = 0
        for column, signs in enumerate(_cells(number, line)):
            if not signs:
                continue
            if written:
                yield _Sign("|", ())
            if place and column < len(names) and names[column]:
                yield from headers[column]
                yield _Sign(":", ())
            yield from signs
            written += 1


def _cells(number: int, line: Line) -> Iterator[list[_Sign]]:
    signs = list(_of_line(number, line))
    taken = 0
    for cell in line.cells:
        length = sum(1 for _ in _clusters(cell))
        alone = f" {cell} "
        yield [
            _Sign("/", one.places) if one.text == "|" and " | " in alone else one
            for one in signs[taken : taken + length]
        ]
        taken += length


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
