"""What of a reading its labels call a system's own, place by place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from muniment.actions.reading import Reading


def trusted_values(one: Reading) -> Iterator[tuple[str, str]]:
    """Yield each trusted value with its place, and how many rows there are of each list whose rows are trusted."""
    yield from _places(one, one.value, "")


def _places(one: Reading, value: object, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in cast("Mapping[str, object]", value).items():
            yield from _places(one, inner, f"{place}.{name}" if place else name)
    elif isinstance(value, list):
        rows = cast("list[object]", value)
        if one.rows(place).trusted:
            yield f"{place}[]", str(len(rows))
        for row in rows:
            yield from _places(one, row, f"{place}[]")
    elif one.of(value, place).trusted:
        yield place, str(value)
