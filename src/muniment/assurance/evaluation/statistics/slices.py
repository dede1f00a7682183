"""The cases of each tag by themselves: where a system is good and where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from muniment.assurance.evaluation.statistics.interval import Ends, Estimate, Floats, estimates


@dataclass(frozen=True, slots=True)
class Slice:
    """The cases of one tag."""

    tag: str
    cases: int
    estimates: tuple[Estimate | None, ...]
    """One for each metric; None where no case has it. One of `too_few` cases is to be shown as such."""


def slices(
    tags: Sequence[Sequence[str]], table: Floats, weights: Floats, ends: Sequence[Ends]
) -> tuple[Slice, ...]:
    """Return the slice of every tag in the order of names, from the tags of each case and its row of scores."""
    found: list[Slice] = []
    for tag in sorted({tag for each in tags for tag in each}):
        rows = np.array([tag in each for each in tags])
        found.append(Slice(tag, int(rows.sum()), tuple(estimates(table[rows], weights[rows], ends))))
    return tuple(found)
