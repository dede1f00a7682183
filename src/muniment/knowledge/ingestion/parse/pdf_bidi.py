"""Right-to-left lines: from the order in which letters stand on the page to the order in which they are read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)


@dataclass(slots=True)
class Glyph:
    """What one shape on the page stands for: a letter, the letters of a ligature, or a space."""

    letters: list[tuple[str, int]]
    """Characters in the order in which they are read, with their places in the page's text."""
    left: float
    bottom: float
    right: float
    top: float

    @property
    def middle(self) -> float:
        """Return where across the page it stands."""
        return (self.left + self.right) / 2

    @property
    def is_space(self) -> bool:
        """Return whether nothing is to be seen."""
        return self.letters[0][0].isspace()


def kind(glyph: Glyph) -> str:
    """Return `R` or `L` for the way in which a letter is read, `N` for a digit, `S` for a space, else nothing."""
    first = glyph.letters[0][0]
    if first.isspace():
        return "S"
    if first.isdigit():
        return "N"
    if RIGHT_TO_LEFT.match(first):
        return "R"
    return "L" if first.isalpha() else ""


def from_the_left(glyphs: Sequence[Glyph]) -> list[Glyph]:
    """Return glyphs as they stand on the page, ligatures whole and marks with the letters that bear them."""
    whole: list[Glyph] = []
    marks: list[Glyph] = []
    for one in glyphs:
        same = whole and not one.is_space and _shape(whole[-1]) == _shape(one) and one.right > one.left
        if same and kind(one) == "R":  # the page's text turns the letters of a ligature round with its line
            whole[-1].letters[:0] = one.letters
        elif same:
            whole[-1].letters.extend(one.letters)
        elif unicodedata.combining(one.letters[0][0]):
            marks.append(one)
        else:
            whole.append(one)
    bearers = [one for one in whole if not one.is_space]
    if not bearers:
        return [*whole, *marks]
    for mark in marks:
        min(bearers, key=lambda one: abs(one.middle - mark.middle)).letters.extend(mark.letters)
    return sorted(whole, key=lambda one: one.middle)


def _shape(glyph: Glyph) -> tuple[float, float, float, float]:
    return glyph.left, glyph.bottom, glyph.right, glyph.top


def as_read(glyphs: Sequence[Glyph], *, from_right: bool) -> list[Glyph]:
    """Return glyphs, which are given from the left, as they are read in a line that begins at that side."""
    found: list[Glyph] = []
    for against, run in _runs(glyphs, "LN" if from_right else "R"):
        if from_right:  # what comes later stands to the left
            found[:0] = run if against else run[::-1]
        else:
            found.extend(run[::-1] if against else run)
    return found


def _runs(glyphs: Sequence[Glyph], against: str) -> Iterator[tuple[bool, Sequence[Glyph]]]:
    """Cut a line into runs that are read against its direction, and what stands between them."""
    kinds = [kind(one) for one in glyphs]
    place = 0
    while place < len(kinds):
        begun = place
        if not kinds[place] or kinds[place] not in against:
            while place < len(kinds) and not (kinds[place] and kinds[place] in against):
                place += 1
            yield False, glyphs[begun:place]
            continue
        end = _end_of_run(kinds, place, against)
        yield True, glyphs[begun:end]
        place = end


def _end_of_run(kinds: Sequence[str], place: int, against: str) -> int:
    """Return where a run ends: with the last letter of its kind before one of the other; numbers end at a space."""
    end = place + 1
    worded = kinds[place] != "N"
    for further in range(place + 1, len(kinds)):
        here = kinds[further]
        if not here:
            continue
        if here == "S":
            if not worded and "L" not in kinds[further:]:
                break
            continue
        if here not in against:
            break
        worded = worded or here != "N"
        end = further + 1
    return end
