"""Where a text holds digits enough for a number: the only places that the recognisers of numbers look at."""

from __future__ import annotations

import re

_RUN = re.compile(r"[0-9](?:[ \n./()+-]{0,3}[0-9]){6,}")
_BEFORE, _AFTER = 48, 24


def runs(text: str) -> list[tuple[int, int]]:
    """Return the stretches of a folded text that hold seven digits or more, with what stands between them."""
    return [found.span() for found in _RUN.finditer(text)]


def candidates(pattern: re.Pattern[str], text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Return what a pattern of bounded length finds from each place of a run on; its group 1 is the candidate.

    The pattern is to be one look-ahead, so that no candidate hides another that begins inside it.
    """
    return [found.span(1) for found in pattern.finditer(text, max(0, start - 1), end + 2)]


def near(words: re.Pattern[str], text: str, start: int, end: int) -> bool:
    """Return whether one of the words stands shortly before or after a place."""
    return bool(
        words.search(text, max(0, start - _BEFORE), start)
        or words.search(text, end, min(len(text), end + _AFTER))
    )


def digits_of(text: str) -> str:
    """Return the digits alone."""
    return "".join(filter(str.isdigit, text))
