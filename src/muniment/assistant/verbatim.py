"""Where words stand in a text: the same characters, white space, invisible characters and typography apart.

Letters, digits and marks count as they are. A superscript is not its digit, a look-alike is not its letter.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from muniment.inference.prompts import INVISIBLE

_TYPOGRAPHY = {
    **dict.fromkeys("‘’‚‛′", "'"),
    **dict.fromkeys("“”„‟«»″", '"'),
    **dict.fromkeys("‐‑‒–—―−﹘﹣", "-"),
    "­": "",
}
_SAME = frozenset({"<wide>", "<narrow>", "<noBreak>", "<compat>"})
"""Kinds of decomposition that change the look of a character and not its meaning."""
_UNIT = re.compile(r"[!-~]+|\s+|.", re.DOTALL)
_CLUSTER = re.compile(r".[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]*", re.DOTALL)


def find(quote: str, text: str, shortest: int) -> tuple[int, int] | None:
    """Return the characters of `text` at which `quote` stands first, or None.

    A quote of less than `shortest` characters counts only where it is a whole line.
    """
    wanted, _, _ = _normal(quote.strip())
    if not wanted:
        return None
    plain, starts, ends = _normal(text)
    at = -1
    while (at := plain.find(wanted, at + 1)) >= 0:
        start, end = starts[at], ends[at + len(wanted) - 1]
        if len(wanted) >= shortest or _is_line(text, start, end):
            return start, end
    return None


def _is_line(text: str, start: int, end: int) -> bool:
    before, after = text.rfind("\n", 0, start) + 1, text.find("\n", end)
    return not text[before:start].strip() and not text[end : None if after < 0 else after].strip()


@lru_cache(maxsize=64)
def _normal(text: str) -> tuple[str, tuple[int, ...], tuple[int, ...]]:
    """Return the text in one spelling, and for each of its characters where it begins and ends in `text`."""
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []

    def add(spelt: str, start: int, end: int) -> None:
        parts.append(spelt)
        starts.extend([start] * len(spelt))
        ends.extend([end] * len(spelt))

    for unit in _UNIT.finditer(text):
        found, start = unit[0], unit.start()
        if "!" <= found[0] <= "~":
            parts.append(found)
            starts.extend(range(start, unit.end()))
            ends.extend(range(start + 1, unit.end() + 1))
        elif found.isspace():
            if parts and parts[-1] != " ":
                add(" ", start, unit.end())
        elif not INVISIBLE.match(found):
            add(_spelt(found), start, unit.end())
    return _composed("".join(parts), starts, ends)


def _composed(text: str, starts: list[int], ends: list[int]) -> tuple[str, tuple[int, ...], tuple[int, ...]]:
    """Join letters with the marks behind them, as NFC does."""
    if text.isascii():
        return text, tuple(starts), tuple(ends)
    parts: list[str] = []
    begins: list[int] = []
    closes: list[int] = []
    for cluster in _CLUSTER.finditer(text):
        spelt = unicodedata.normalize("NFC", cluster[0])
        parts.append(spelt)
        begins.extend([starts[cluster.start()]] * len(spelt))
        closes.extend([ends[cluster.end() - 1]] * len(spelt))
    return "".join(parts), tuple(begins), tuple(closes)


def _spelt(character: str) -> str:
    known = _TYPOGRAPHY.get(character)
    if known is not None:
        return known
    kind = unicodedata.decomposition(character).partition(" ")[0]
    return unicodedata.normalize("NFKC", character) if kind in _SAME else character
