"""Values of an action as its page sets them: those of one list that are alike stand together, each of them whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from muniment.actions.view import Field, pattern_of

TOGETHER = 3
"""Values of one list, from which on they stand together."""


@dataclass(frozen=True, slots=True)
class Group:
    """Values that share everything but the value."""

    fields: tuple[Field, ...]

    @property
    def first(self) -> Field:
        """Return the one whose role and provenance are those of all."""
        return self.fields[0]

    @property
    def outside(self) -> int:
        """Return how many reach nobody of ours."""
        return sum(one.reaches == "outside" for one in self.fields)


def grouped(fields: Sequence[Field]) -> Sequence[Group]:
    """Return all fields in their order, neighbours of one list together where there are enough of them."""
    found: list[Group] = []
    for _, neighbours in groupby(fields, key=_alike):
        alike = tuple(neighbours)
        if len(alike) >= TOGETHER and isinstance(alike[0].path[-1], int):
            found.append(Group(alike))
        else:
            found += [Group((one,)) for one in alike]
    return found


def _alike(one: Field) -> tuple[object, ...]:
    if not one.path or one.by_machine or one.value.long or one.value.lines > 1:
        return (one.path,)
    return pattern_of(one.path), one.path[:-1], one.role, one.provenance
