"""The outline of a PDF: where its titles stand in the text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

_MOST_TITLES = 5_000
_DEEPEST = 6
_MOST_LINES = 3
"""Over which a title runs."""
_SIGNS = re.compile(r"[\W_]+")
_NUMBER = re.compile(r"((chapter|section|part|appendix|kapitel|teil|anhang)?(\d+|[ivx]+)(?=[^\W\d]))")


def outline(document: PdfDocument) -> dict[int, dict[str, int]]:
    """Return, per page, the bookmarked titles as `key` writes them and their levels."""
    found: dict[int, dict[str, int]] = {}
    for count, bookmark in enumerate(document.get_toc(max_depth=_DEEPEST)):
        if count >= _MOST_TITLES:
            break
        destination = bookmark.get_dest()
        page = destination.get_index() if destination else None
        title = key(bookmark.get_title() or "")
        if page is not None and title:
            found.setdefault(page + 1, {}).setdefault(title, bookmark.level + 1)
    return found


def key(text: str) -> str:
    """Return the letters and digits of a title, by which it is found."""
    return _SIGNS.sub("", text.casefold())


def bookmarked(lines: Sequence[str], titles: Mapping[str, int]) -> dict[int, tuple[int, int]]:
    """Return the titles that stand in these lines, each once: their first line, level and count of lines."""
    found: dict[int, tuple[int, int]] = {}
    if not titles:
        return found
    left = dict(titles)
    keys = [key(line) for line in lines]
    place = 0
    while place < len(keys) and left:
        for count in range(1, _MOST_LINES + 1):
            together = "".join(keys[place : place + count])
            title = next((one for one in (together, _unnumbered(together)) if one in left), None)
            if title and keys[place]:
                found[place] = (left.pop(title), count)
                place += count - 1
                break
        place += 1
    return found


def _unnumbered(title: str) -> str:
    return _NUMBER.sub("", title, count=1) if _NUMBER.match(title) else re.sub(r"^\d+", "", title)
