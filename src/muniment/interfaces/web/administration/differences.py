"""Two texts line by line: what is the same, what was there before, and what is there after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

AROUND = 3
"""Lines that are the same and stand beside a difference."""
LARGE = 4_000_000
"""Pairs of lines above which those that come often are not matched: that would take minutes."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a comparison."""

    kind: Literal["same", "before", "after", "gap"]
    """`gap` stands for lines that are the same and left out."""
    number: int
    """From 1: in the later text, or of a line that it lacks in the earlier one."""
    text: str


def differences(before: str, after: str) -> list[Line]:
    """Return the lines that differ with a few around them; none where the texts are equal."""
    old, new = before.splitlines(), after.splitlines()
    found: list[Line] = []
    reached = 0
    for group in SequenceMatcher(None, old, new, autojunk=len(old) * len(new) > LARGE).get_grouped_opcodes(
        AROUND
    ):
        for tag, old_from, old_to, new_from, new_to in group:
            if new_from > reached:
                found.append(Line("gap", new_from, ""))
            if tag == "equal":
                found += _lines("same", new, new_from, new_to)
            else:
                found += _lines("before", old, old_from, old_to)
                found += _lines("after", new, new_from, new_to)
            reached = new_to
    return found


def _lines(kind: Literal["same", "before", "after"], text: Sequence[str], start: int, end: int) -> list[Line]:
    return [Line(kind, number + 1, text[number]) for number in range(start, end)]
