"""One suite parted in two: cases to tune on, and cases that judge what was tuned.

Invariants:
- cases whose questions are the same or nearly, or that one document answers, are on one side;
- a case that was on a side stays there, whatever is added later; one that belongs to both sides is on neither;
- equal cases, seed and earlier sides give equal sides.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.suites.similar import asked, groups, near_pairs, sharing

Side = Literal["tuning", "test"]


@dataclass(frozen=True, slots=True)
class Halves:
    """The cases of both sides, in the suite's order."""

    tuning: tuple[Case, ...]
    test: tuple[Case, ...]
    left_out: tuple[Case, ...]
    """Added since, and near to cases of both sides: on either they would tell it of the other."""


def split(
    cases: Sequence[Case], share: float, seed: int = 0, earlier: Mapping[str, Side] | None = None
) -> Halves:
    """Return the sides, with about `share` of the cases and of each slice in the test.

    `earlier` says by id where cases were before.
    """
    before: Mapping[str, Side] = earlier or {}
    side: dict[str, Side] = {}
    waiting: list[list[Case]] = []
    counts: dict[Side, Counter[str]] = {"tuning": Counter(), "test": Counter()}
    for group in _related(cases):
        new = [one for one in group if one.id not in before]
        sides: list[Side] = list(dict.fromkeys(before[one.id] for one in group if one.id in before))
        side.update((one.id, before[one.id]) for one in group if one.id in before)
        if not sides:
            waiting.append(new)
        elif len(sides) == 1:
            for one in new:
                side[one.id] = sides[0]
    for one in cases:
        if one.id in side:
            counts[side[one.id]].update(_slices(one))
    # The large ones first, so that the small ones even out what those left uneven.
    for group in sorted(waiting, key=lambda one: (-len(one), _drawn(seed, one))):
        chosen = _better(group, counts, share, seed)
        side.update({one.id: chosen for one in group})
        for one in group:
            counts[chosen].update(_slices(one))
    return Halves(
        tuple(one for one in cases if side.get(one.id) == "tuning"),
        tuple(one for one in cases if side.get(one.id) == "test"),
        tuple(one for one in cases if one.id not in side),
    )


def _related(cases: Sequence[Case]) -> list[list[Case]]:
    """Return the cases in groups that must not be parted."""
    documents = [{*case.relevant, *case.citations} for case in cases]
    alike = [*near_pairs([asked(case) for case in cases]), *sharing(documents)]
    return [[cases[at] for at in group] for group in groups(len(cases), alike)]


def _slices(case: Case) -> tuple[str, ...]:
    """Return what a case counts for: itself, its tags, and whether it has an answer."""
    return ("all", f"abstain {case.abstain}", *(f"tag {tag}" for tag in set(case.tags)))


def _better(group: Sequence[Case], counts: Mapping[Side, Counter[str]], share: float, seed: int) -> Side:
    """Return the side that brings the slices of a group nearer to their shares; where both do, one by lot."""
    added = Counter(one for case in group for one in _slices(case))

    def off(side: Side) -> float:
        total = 0.0
        for name, more in added.items():
            test = counts["test"][name] + (more if side == "test" else 0)
            both = counts["test"][name] + counts["tuning"][name] + more
            total += (test - share * both) ** 2 / both
        return total

    tuning, test = off("tuning"), off("test")
    if abs(tuning - test) < 1e-9:
        return "test" if int(_drawn(seed, group)[:8], 16) < share * 2**32 else "tuning"
    return "tuning" if tuning < test else "test"


def _drawn(seed: int, group: Sequence[Case]) -> str:
    """Return a lot that depends on nothing but the seed and the group's cases."""
    ids = "\0".join(sorted(one.id for one in group))
    return hashlib.sha256(f"{seed}\0{ids}".encode()).hexdigest()
