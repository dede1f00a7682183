"""A text as recognisers read it: digits, spaces and dashes of every script as those of ASCII, and nothing invisible.

A digit written in full width, or a number with zero-width characters between its digits, is the same number. What is
found in the folded text is told in places of the text as it is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

_INVISIBLE = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    r"\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
_DASHES = frozenset("\u2212\u02d7\u2043")


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text, and where its characters stand in the text as it is."""

    text: str
    places: Sequence[int] | None
    """None: at the same places."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the places of `start` to `end`, with what is invisible between them."""
        if self.places is None or start == end:
            return start, end
        return self.places[start], self.places[end - 1] + 1


def fold(text: str) -> Folded:
    """Return the text as recognisers read it."""
    changed = {character: folded for character in set(text) if (folded := _folded(character)) != character}
    if not changed:
        return Folded(text, None)
    made = text.translate(str.maketrans(changed))
    if len(made) == len(text):
        return Folded(made, None)
    return Folded(made, [at for at, character in enumerate(text) if changed.get(character, character)])


@lru_cache(maxsize=4096)
def _folded(character: str) -> str:
    """Return one character for one, or nothing for what is not seen."""
    if "\x20" <= character <= "\x7e" or character == "\n":
        return character
    if _INVISIBLE.match(character):
        return ""
    if character in "\t\r":
        return " "
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    category = unicodedata.category(character)
    if category == "Pd" or character in _DASHES:
        return "-"
    if category == "Zs":
        return " "
    plain = unicodedata.normalize("NFKC", character)
    return plain if len(plain) == 1 and plain.isascii() else character
