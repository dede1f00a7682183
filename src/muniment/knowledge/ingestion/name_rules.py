"""What of the names that a model of language finds is taken for a name.

A model reads headings, tables and code as if they were sentences. Words with digits or signs that names do not have
part what stands on their sides, and so does the end of a line; a short abbreviation is no person. A name may well
be written small: to ask for a capital letter cost a fifteenth of those that are found, and gained nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST = 80
"""Characters of a name."""
_WORD = re.compile(r"\S+")
_SIGNS = re.compile(r"[0-9_@/\\<>{}\[\]=*#:;!?%&+~^$|]")
_NAME = re.compile(r"[^\W\d_].*[^\W\d_]\.?", re.DOTALL)
_POSSESSIVE = re.compile(r"['’]s?$")
_ABBREVIATION = re.compile(r"[A-Z]{1,4}")


def plausible(text: str, kind: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the places of the names in what was found at `start` to `end`."""
    for first, last in _parts(text, start, end):
        found = _NAME.search(text[first:last])
        if found is None:
            continue
        said = _POSSESSIVE.sub("", found[0])
        if len(said) <= LONGEST and not (kind == "person" and _ABBREVIATION.fullmatch(said)):
            yield first + found.start(), first + found.start() + len(said)


def _parts(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the stretches of plain words of one line."""
    first: int | None = None
    at = start
    for word in _WORD.finditer(text, start, end):
        parted = not set(text[at : word.start()]) <= {" ", "\u00a0"}
        signed = _SIGNS.search(word[0]) is not None
        if first is not None and (parted or signed):
            yield first, at
            first = None
        if first is None and not signed:
            first = word.start()
        at = word.end()
    if first is not None:
        yield first, at
