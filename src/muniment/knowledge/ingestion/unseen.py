"""What a text held that no reader of it would see, as notes of a version say it and are read again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_HIDDEN = "{} hidden characters were left out"
_INVISIBLE = "{} invisible characters were removed"
_TAGS = "{} of them spell words in tag characters"
_TURNS = "{} of them turn the direction of text"
_ORDERS = "what was hidden reads like orders to a model: {}"


@dataclass(frozen=True, slots=True)
class Unseen:
    """How much there was; none of it is in the text."""

    hidden: int = 0
    """Characters that the markup hides: white on white, of no size, off the page, in comments."""
    invisible: int = 0
    """Zero-width characters, tag characters, direction controls."""
    tags: int = 0
    turns: int = 0
    orders: tuple[str, ...] = ()
    """Names of patterns of orders to a model that the hidden characters have."""

    def notes(self) -> list[str]:
        """Return what is said of it."""
        said = (
            (_HIDDEN, self.hidden),
            (_INVISIBLE, self.invisible),
            (_TAGS, self.tags),
            (_TURNS, self.turns),
            (_ORDERS, ", ".join(self.orders)),
        )
        return [form.format(what) for form, what in said if what]


def unseen_in(notes: Iterable[str]) -> Unseen:
    """Return what the notes of a version say of it."""
    said = list(notes)
    orders = _found(_ORDERS, said)
    return Unseen(
        _number(_HIDDEN, said),
        _number(_INVISIBLE, said),
        _number(_TAGS, said),
        _number(_TURNS, said),
        tuple(orders.split(", ")) if orders else (),
    )


def _number(form: str, notes: list[str]) -> int:
    found = _found(form, notes)
    return int(found) if found.isdecimal() else 0


def _found(form: str, notes: list[str]) -> str:
    pattern = re.compile(re.escape(form).replace(re.escape("{}"), "(.+)"))
    return next((match[1] for note in notes if (match := pattern.fullmatch(note))), "")
