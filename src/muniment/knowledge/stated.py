"""What a file says of its own sensitivity, as it is kept beside the version that was read from it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

UNREADABLE = "unreadable label"
"""Stands in the place of a label that is there and cannot be read."""


@dataclass(frozen=True, slots=True)
class Stated:
    """What stands in a file beside its text."""

    labels: tuple[str, ...] = ()
    """Words of its properties, as they are written there."""
    margins: str = ""
    """Headers and footers of its pages, where the text is without them."""

    def as_json(self) -> dict[str, object]:
        """Return it as `stated_in` reads it."""
        return {"labels": list(self.labels), "margins": self.margins}


NOTHING_STATED = Stated()


MOST_TOGETHER = 200
"""Labels of a file and all that lie in it."""
MOST_MARGINS = 20_000


def together(found: Sequence[Stated]) -> Stated:
    """Return what a file and those that lie in it say; of too many labels it is said that some cannot be read."""
    labels = tuple(dict.fromkeys(word for one in found for word in one.labels))
    if len(labels) > MOST_TOGETHER:
        labels = (*labels[:MOST_TOGETHER], UNREADABLE)
    return Stated(labels, "\n".join(one.margins for one in found if one.margins)[:MOST_MARGINS])


def stated_in(value: object) -> Stated:
    """Return what plain values say; raises ValueError for anything else."""
    if not isinstance(value, dict):
        raise ValueError("not what a file states")
    given = cast("Mapping[str, object]", value)
    labels, margins = given.get("labels"), given.get("margins")
    if not isinstance(labels, list) or not isinstance(margins, str):
        raise ValueError("not what a file states")
    words = cast("list[object]", labels)
    if not all(isinstance(word, str) for word in words):
        raise ValueError("a label that is no text")
    return Stated(tuple(cast("list[str]", words)), margins)


def stored(stated: str | None) -> Stated | None:
    """Return what was stored beside a version; None where nobody looked."""
    if stated is None:
        return None
    try:
        return stated_in(json.loads(stated))
    except (ValueError, RecursionError):
        return Stated((UNREADABLE,))
